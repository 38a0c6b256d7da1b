"""Change one's own name and language. Neither is a credential, so no password is asked for."""

import re
from dataclasses import dataclass

from accounts import audit
from accounts.entities import User
from accounts.errors import InvalidNameError, UnsupportedLocaleError
from accounts.event_facts import Change, EventFacts
from accounts.identity import name_sort_key, problem_of_name, user_search_key
from accounts.permissions import Viewer
from accounts.reauthentication import lock_viewer
from accounts.services import Client, Services
from mail.messages import LANGUAGES, has_templates
from models import ChangedField, SecurityEventKind

# The form of a BCP 47 tag (RFC 5646 §2.1). The registry of languages is not checked.
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
LANGUAGE_TAG_MAX_LENGTH = 35


@dataclass(frozen=True, slots=True)
class ProfileUpdated:
    """The new name and language are in force."""

    viewer: User


def is_language_tag(text: str) -> bool:
    """Return whether the text has the form of a BCP 47 tag."""
    return len(text) <= LANGUAGE_TAG_MAX_LENGTH and LANGUAGE_TAG.fullmatch(text) is not None


async def update_profile(
    services: Services, client: Client, viewer: Viewer, *, name: str | None, locale: str | None
) -> ProfileUpdated:
    """Set the name and the language of the viewer. None leaves a value as it is. No session or challenge ends.

    White space around the name is removed.

    Raises:
        InvalidNameError: The name is empty, too long, not plain text, or invisible.
        UnsupportedLocaleError: It is not a BCP 47 tag of a language that emails have.
    """
    new_name = None if name is None else name.strip()
    if new_name is not None and problem_of_name(new_name):
        raise InvalidNameError
    if locale is not None and not (is_language_tag(locale) and has_templates(locale)):
        raise UnsupportedLocaleError(tuple(LANGUAGES))
    async with services.database.transaction():
        account = await lock_viewer(viewer)
        user = account.user
        old_name = user.name
        if new_name is not None:
            user.name, user.name_key = new_name, name_sort_key(new_name)
            user.search_key = user_search_key(new_name, user.email)
        user.locale = locale or user.locale
        await user.save(update_fields=["name", "name_key", "search_key", "locale"])
        if user.name != old_name:
            facts = EventFacts(change=(Change(ChangedField.NAME, old_name, user.name),))
            await audit.record(
                SecurityEventKind.NAME_CHANGED, user=user, client=client, now=services.now(), facts=facts
            )
        return ProfileUpdated(account.viewer.user)
