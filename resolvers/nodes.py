"""Find an object by its id."""

from uuid import UUID

from accounts import directory, known_devices, sessions
from accounts.directory import SecurityEvent
from accounts.entities import Company, KnownDevice, Session, User
from accounts.permissions import Viewer
from accounts.services import Services
from resolvers.context import Context
from twofactor.authenticators import Authenticator, find_authenticator


async def _find_company(_env: Services, viewer: Viewer, company_id: UUID) -> Company | None:
    company = viewer.user.company
    return company if company.id == company_id else None


_FINDERS = {
    User: directory.find_user,
    Company: _find_company,
    Session: sessions.find_session,
    KnownDevice: known_devices.find_listed_device,
    Authenticator: find_authenticator,
    SecurityEvent: directory.find_event,
}


async def node(
    context: Context, viewer: Viewer, class_and_key: tuple[type, UUID] | None
) -> User | Company | Session | KnownDevice | Authenticator | SecurityEvent | None:
    """Return the object of this domain class and key, or None if the viewer may not see it or it does not exist."""
    if class_and_key is None:
        return None
    domain_class, key = class_and_key
    return await _FINDERS[domain_class](context.services, viewer, key)
