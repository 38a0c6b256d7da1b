"""Pagination: each row is on one page, even if many rows have the same value in the order column."""

import pytest

import models
from accounts.directory import UserOrder, UserQuery, list_users
from accounts.entities import Session, User
from accounts.permissions import Viewer
from accounts.services import Services
from models.database import Database
from tests.support.clock import Clock
from tests.support.users import make_user


def viewer_of(admin: models.User, company: models.Company, clock: Clock) -> Viewer:
    """Return the admin as a viewer."""
    session = Session(
        admin.id, clock.now, clock.now, clock.now, None, None, current=True, second_factor=None, device_id=None
    )
    return Viewer(User.of(admin, company), session)


@pytest.mark.parametrize("order", UserOrder)
async def test_pages_contain_every_user_once(
    order: UserOrder,
    services: Services,
    database: Database,
    company: models.Company,
    admin: models.User,
    password_hash: str,
    clock: Clock,
) -> None:
    """Users with the same creation time, or who never signed in, still have a defined order."""
    users = {admin.id}
    for number in range(8):
        user = await make_user(database, company, password_hash, clock, name=f"User{number}")
        users.add(user.id)
    viewer = viewer_of(admin, company, clock)
    seen, after = [], None
    while True:
        page = await list_users(services, viewer, UserQuery(first=2, after=after, order=order))
        seen += [user.id for user in page.nodes]
        after = page.page_info.end_cursor
        if not page.page_info.has_next_page:
            break
    assert len(seen) == len(users)
    assert set(seen) == users
