"""Changes for which another admin is needed, and whether the company account has one."""

import models
from accounts.errors import CannotChangeOwnAccountError, LastAdminError
from models import Role


async def has_other_admin(user: models.User) -> bool:
    """Return whether another enabled user of the company account is an admin."""
    admins = models.User.filter(company_id=user.company_id, role=Role.ADMIN, is_enabled=True)
    return await admins.exclude(id=user.id).exists()


async def require_other_user(user: models.User, *, than: models.User) -> None:
    """Require that the user is another one than the admin.

    Raises:
        CannotChangeOwnAccountError: They are the same.
    """
    if user.id == than.id:
        raise CannotChangeOwnAccountError(has_other_admin=await has_other_admin(user))


async def require_other_admin(user: models.User) -> None:
    """Require that the company account keeps an enabled admin without this user, whose row is locked.

    Raises:
        LastAdminError: It would have none.
    """
    if user.role is not Role.ADMIN or not user.is_enabled:
        return
    # Otherwise each of two simultaneous changes would count the other admin. Lock it after the rows of users, as a
    # change of the policy does.
    await models.Company.filter(id=user.company_id).select_for_update(no_key=True).first()
    if not await has_other_admin(user):
        raise LastAdminError
