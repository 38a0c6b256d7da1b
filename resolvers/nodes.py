"""Finding one thing again by its id."""

from uuid import UUID

from resolvers.context import Context
from twofactor import directory, sessions
from twofactor.access import Viewer
from twofactor.environment import Environment
from twofactor.results import Company, SecurityEvent, Session, User


async def _find_company(_env: Environment, viewer: Viewer, company_id: UUID) -> Company | None:
    company = viewer.user.company
    return company if company.id == company_id else None


_FINDERS = {
    User: directory.find_user,
    Company: _find_company,
    Session: sessions.find_session,
    SecurityEvent: directory.find_event,
}


async def node(context: Context, named: tuple[type, UUID] | None) -> User | Company | Session | SecurityEvent | None:
    """Whatever of this kind and key the viewer may see."""
    viewer = await context.set_up_viewer()
    if named is None:
        return None
    kind, key = named
    return await _FINDERS[kind](context.env, viewer, key)
