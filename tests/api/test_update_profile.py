"""`updateProfile`: sets the name of the viewer, the language of their emails, or both."""

from datetime import timedelta

import pytest

import models
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api_users import ApiUser, activate, log_in
from tests.support.clock import Clock
from tests.support.operations import CHANGE_PASSWORD, UPDATE_PROFILE
from tests.support.users import NEW_PASSWORD, PASSWORD

PROFILE = "{ viewer { name locale } }"


async def test_sets_name_and_language(logged_in_member: ApiUser) -> None:
    """The result and later queries return them. White space around the name is removed."""
    client = logged_in_member.client

    result = await client.execute_one(UPDATE_PROFILE, name=" Mia Müller\t", locale="de-AT")

    assert result == {
        "__typename": "ProfileUpdated",
        "viewer": {"id": logged_in_member.id, "name": "Mia Müller", "locale": "de-AT"},
    }
    assert await client.execute_one(PROFILE) == {"name": "Mia Müller", "locale": "de-AT"}


@pytest.mark.parametrize("omitted", [{}, {"name": None}, {"locale": None}, {"name": None, "locale": None}])
async def test_changes_nothing_that_is_omitted_or_null(
    logged_in_member: ApiUser, side_effects: SideEffects, omitted: dict[str, None]
) -> None:
    """Each argument is optional. Without both, the mutation returns the viewer."""
    client, name = logged_in_member.client, logged_in_member.user.name
    await client.execute_one(UPDATE_PROFILE, locale="de")
    await side_effects()

    assert await client.outcome(UPDATE_PROFILE, **omitted) == "ProfileUpdated"

    assert await client.execute_one(PROFILE) == {"name": name, "locale": "de"}
    assert await side_effects() == ([], [])


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "Mia\nMüller", "Mia\u202eMüller", "\u2800"])
async def test_rejects_an_invalid_name(logged_in_member: ApiUser, side_effects: SideEffects, name: str) -> None:
    """The rules are those of `user create`. A valid language beside it does not change either."""
    client = logged_in_member.client
    await side_effects()

    result = await client.execute_one(UPDATE_PROFILE, name=name, locale="de")

    assert result == {
        "__typename": "InvalidName",
        "message": "This name cannot be used. Enter 1 to 200 visible characters.",
    }
    assert await client.execute_one(PROFILE) == {"name": logged_in_member.user.name, "locale": "en"}
    assert await side_effects() == ([], [])


@pytest.mark.parametrize("locale", ["", "fr", "de_DE", "deutsch", "de-", "x" * 36, "de\n", "de-\u00e4"])
async def test_rejects_a_language_without_emails(logged_in_member: ApiUser, locale: str) -> None:
    """So does what is no BCP 47 tag. The error names the languages. A valid name beside it does not change either."""
    client = logged_in_member.client

    result = await client.execute_one(UPDATE_PROFILE, name="Mia Müller", locale=locale)

    assert result == {
        "__typename": "UnsupportedLocale",
        "message": "Emails are not available in this language.",
        "supported": ["en", "de"],
    }
    assert await client.execute_one(PROFILE) == {"name": logged_in_member.user.name, "locale": "en"}


async def test_new_name_is_in_the_audit_log_and_found_by_admins(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """An admin who knows the old name can see who it is now. The same name again is no change."""
    await side_effects()
    clock.advance(timedelta(seconds=1))
    for _ in range(2):
        await logged_in_member.client.execute_one(UPDATE_PROFILE, name="Zoë Weiß")

    assert await side_effects() == (["NAME_CHANGED"], [])
    found = await logged_in_admin.client.execute_one(
        """{ users(filter: { search: "zoë weiss" }) {
            nodes { id securityEvents(first: 1) { nodes { kind note actor { id } change { field from to } } } } } }"""
    )
    assert found["nodes"] == [
        {
            "id": logged_in_member.id,
            "securityEvents": {
                "nodes": [
                    {
                        "kind": "NAME_CHANGED",
                        "note": None,
                        "actor": None,
                        "change": [{"field": "NAME", "from": logged_in_member.user.name, "to": "Zoë Weiß"}],
                    }
                ]
            },
        }
    ]


async def test_language_is_not_in_the_audit_log(logged_in_member: ApiUser, side_effects: SideEffects) -> None:
    """It changes nothing about who the user is."""
    await side_effects()

    await logged_in_member.client.execute_one(UPDATE_PROFILE, locale="de")

    assert await side_effects() == ([], [])


async def test_emails_and_backup_codes_are_in_the_language_of_the_user(
    logged_in_member: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """Also if the client of a request asks for another one. An email that was sent before is as it was."""
    client = logged_in_member.client
    await client.execute_one(UPDATE_PROFILE, locale="de")
    await side_effects()

    enrolled = await activate(logged_in_member, clock)
    await enrolled.client.execute_one(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)

    _, messages = await side_effects()
    assert sorted(message["Content-Language"] for message in messages) == ["de", "de"]


async def test_sessions_and_challenges_continue(
    logged_in_member: ApiUser, new_client: ClientFactory, clock: Clock
) -> None:
    """Name and language are no credentials."""
    clock.advance(timedelta(seconds=1))
    other = await log_in(new_client(), logged_in_member.user)

    await logged_in_member.client.execute_one(UPDATE_PROFILE, name="Mia Müller", locale="de")

    assert await models.Session.filter(user_id=logged_in_member.user.id).count() == 2
    assert await other.client.execute_one(PROFILE) == {"name": "Mia Müller", "locale": "de"}
