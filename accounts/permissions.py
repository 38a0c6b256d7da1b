"""The viewer of a request, and their permissions."""

from dataclasses import dataclass
from datetime import datetime

from accounts.entities import Session, User
from accounts.errors import ForbiddenError, TwoFactorSetupRequiredError
from models import Role


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in user and the session of the request."""

    user: User
    session: Session


def require_set_up(viewer: Viewer, now: datetime) -> Viewer:
    """Return the viewer, unless they have to activate 2FA first.

    Raises:
        TwoFactorSetupRequiredError: 2FA is enforced, and the viewer has not activated it yet.
    """
    if viewer.user.two_factor.is_setup_required(now):
        raise TwoFactorSetupRequiredError
    return viewer


def require_admin(viewer: Viewer, now: datetime) -> Viewer:
    """Return the viewer if they are an admin and need not activate 2FA first.

    Raises:
        TwoFactorSetupRequiredError: 2FA is enforced, and the viewer has not activated it yet.
        ForbiddenError: The viewer is not an admin.
    """
    require_set_up(viewer, now)
    if viewer.user.role is not Role.ADMIN:
        raise ForbiddenError
    return viewer


def may_see_all_of(viewer: Viewer, user: User) -> bool:
    """Return whether the viewer may read every field of a user: their own, and as an admin those of their company."""
    is_admin = viewer.user.role is Role.ADMIN and viewer.user.company.id == user.company.id
    return viewer.user.id == user.id or is_admin
