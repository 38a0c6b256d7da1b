"""Turning the pages of a list: every row once, however many rows share the value that it is ordered by."""

import pytest

import models
from models.database import Database
from tests.conftest import make_user
from tests.support.clock import Clock
from twofactor.access import Viewer
from twofactor.directory import UserOrder, UserQuery, list_users
from twofactor.environment import Environment
from twofactor.results import Session, User


def viewer_of(admin: models.User, company: models.Company, clock: Clock) -> Viewer:
    """The admin, signed in."""
    session = Session(admin.id, clock.now, clock.now, clock.now, None, None, current=True, second_factor=None)
    return Viewer(User.of(admin, company), session)


@pytest.mark.parametrize("order", UserOrder)
async def test_the_pages_of_a_list_hold_every_user_once(
    order: UserOrder,
    env: Environment,
    database: Database,
    company: models.Company,
    admin: models.User,
    password_hash: str,
    clock: Clock,
) -> None:
    """Users of one age, of one name and who never signed in have places of their own all the same."""
    users = {admin.id}
    for number in range(8):
        user = await make_user(database, company, password_hash, clock, name=f"User{number}")
        users.add(user.id)
    viewer = viewer_of(admin, company, clock)
    seen, after = [], None
    while True:
        page = await list_users(env, viewer, UserQuery(first=2, after=after, order=order))
        seen += [user.id for user in page.nodes]
        after = page.page_info.end_cursor
        if not page.page_info.has_next_page:
            break
    assert len(seen) == len(users)
    assert set(seen) == users
