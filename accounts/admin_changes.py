"""Changes of an admin to the account of a user of their company account: unlock, disable, enable, and change the role.

Each asks for the password of the admin again. `accounts/user_changes.py` has the effects, which are those of the
command line too.
"""

from dataclasses import dataclass
from uuid import UUID

from accounts import user_changes
from accounts.entities import User
from accounts.other_admins import require_other_admin, require_other_user
from accounts.permissions import Viewer
from accounts.second_factor_of_changes import (
    EnteredSecondFactor,
    require_second_factor,
)
from accounts.services import Client, Services
from accounts.users_of_admins import locked_user_of_admin
from models import Role

UNKNOWN_USER_EVENT = "change_of_unknown_user"


@dataclass(frozen=True, slots=True)
class ChangedUser:
    """A user after a change, and the admin who changed them."""

    user: User
    # The second factor of the admin may have been used up. An admin can also change their own role.
    viewer: User


@dataclass(frozen=True, slots=True)
class UserUnlocked(ChangedUser):
    """Strangers no longer have to wait at the login of the user."""


@dataclass(frozen=True, slots=True)
class UserDisabled(ChangedUser):
    """The user cannot log in."""


@dataclass(frozen=True, slots=True)
class UserEnabled(ChangedUser):
    """The user can log in again."""


@dataclass(frozen=True, slots=True)
class UserRoleSet(ChangedUser):
    """The user has the role."""


async def unlock_by_admin(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> UserUnlocked:
    """End the waits and locks of strangers at the login of another user.

    Not at the admin's own: somebody with their session and password could guess the second factor without a limit.

    Raises:
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        CannotChangeOwnAccountError: The user is the admin.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    async with locked_user_of_admin(
        services, client, viewer, user_id, password, second_factor, unknown_user_event=UNKNOWN_USER_EVENT
    ) as (account, user):
        await require_other_user(user, than=account.user)
        await require_second_factor(services, client, account, second_factor)
        await user_changes.unlock(services, client, user, by=account.user)
        return UserUnlocked(User.of(user, account.company), account.viewer.user)


async def disable_by_admin(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> UserDisabled:
    """Disable another user, so that they cannot log in. End all their sessions, challenges and activations.

    The admin stays, so that the company account keeps one.

    Raises:
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        CannotChangeOwnAccountError: The user is the admin.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    async with locked_user_of_admin(
        services, client, viewer, user_id, password, second_factor, unknown_user_event=UNKNOWN_USER_EVENT
    ) as (account, user):
        await require_other_user(user, than=account.user)
        await require_second_factor(services, client, account, second_factor)
        await user_changes.disable(services, client, user, by=account.user)
        return UserDisabled(User.of(user, account.company), account.viewer.user)


async def enable_by_admin(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> UserEnabled:
    """Enable a user, so that they can log in again.

    Raises:
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    async with locked_user_of_admin(
        services, client, viewer, user_id, password, second_factor, unknown_user_event=UNKNOWN_USER_EVENT
    ) as (account, user):
        await require_second_factor(services, client, account, second_factor)
        await user_changes.enable(services, client, user, by=account.user)
        return UserEnabled(User.of(user, account.company), account.viewer.user)


async def set_role_by_admin(  # noqa: PLR0913, PLR0917  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    role: Role,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> UserRoleSet:
    """Set the role of a user. Admins can give up their own role while there is another enabled admin.

    Raises:
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        LastAdminError: The user is the last admin of the company account.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    async with locked_user_of_admin(
        services, client, viewer, user_id, password, second_factor, unknown_user_event=UNKNOWN_USER_EVENT
    ) as (account, user):
        if role is not Role.ADMIN:
            await require_other_admin(user)
        await require_second_factor(services, client, account, second_factor)
        await user_changes.set_role(services, client, user, role, by=account.user)
        return UserRoleSet(User.of(user, account.company), account.viewer.user)
