"""Who asks, and what they may do."""

from dataclasses import dataclass

from models import Role
from twofactor.errors import ForbiddenError, TwoFactorSetupRequiredError
from twofactor.results import Session, User


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in user, and the session that the request carries."""

    user: User
    session: Session


def require_set_up(viewer: Viewer) -> Viewer:
    """The viewer, unless 2FA is enforced and they have yet to activate it.

    Raises:
        TwoFactorSetupRequiredError: They have.
    """
    if viewer.user.two_factor.setup_required:
        raise TwoFactorSetupRequiredError
    return viewer


def require_admin(viewer: Viewer) -> Viewer:
    """The viewer, if they look after the company account.

    Raises:
        TwoFactorSetupRequiredError: They have to activate 2FA first.
        ForbiddenError: They do not.
    """
    require_set_up(viewer)
    if viewer.user.role is not Role.ADMIN:
        raise ForbiddenError
    return viewer


def may_see_all_of(viewer: Viewer, user: User) -> bool:
    """Whether the viewer sees everything about a user: about themselves, and as their admin."""
    is_admin = viewer.user.role is Role.ADMIN and viewer.user.company.id == user.company.id
    return viewer.user.id == user.id or is_admin
