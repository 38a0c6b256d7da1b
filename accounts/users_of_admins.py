"""What most changes that an admin makes to the account of a user have in common."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import models
from accounts.permissions import Viewer, require_admin
from accounts.reauthentication import LockedAccount, locked_account, other_user_of
from accounts.second_factor_of_changes import EnteredSecondFactor, reauthenticate_for_change
from accounts.services import Client, Services


@asynccontextmanager
async def locked_user_of_admin(  # noqa: PLR0913, PLR0917  # each is a part of the request
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    password: str,
    second_factor: EnteredSecondFactor | None,
    *,
    unknown_user_event: str,
) -> AsyncIterator[tuple[LockedAccount, models.User]]:
    """Check the admin's password again, and run a change to a user in a transaction, with the rows of both locked.

    The block is like that of `locked_account`. It calls `require_second_factor` itself, after its own checks, so that a
    change that is refused uses up no code.

    Raises:
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        ForbiddenError: The viewer is no longer an admin.
    """
    proof = await reauthenticate_for_change(services, client, viewer, password, second_factor)
    async with locked_account(services, proof, other_user_id=user_id) as account:
        require_admin(account.viewer, services.now())
        yield account, other_user_of(account, unknown_user_event=unknown_user_event)
