"""`setUserEnforcement`: an admin requires 2FA of one user, exempts them for some time, or ends such a rule."""

from datetime import datetime, timedelta
from typing import Any

import pytest

import models
from accounts import users
from accounts.services import Services
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api_users import ApiUser, activate, log_in, start_login
from tests.support.clock import Clock, instant
from tests.support.mail_servers import text_of
from tests.support.operations import DEACTIVATE_TWO_FACTOR, REVOKE_OTHER_SESSIONS, SET_USER_ENFORCEMENT
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy

RULE = "{ viewer { twoFactor { enforcement exemptUntil enforced setupRequired setupRequiredFrom } } }"
DAY = timedelta(days=1)
NO_RULE = {
    "enforcement": "AS_COMPANY", "exemptUntil": None, "enforced": False, "setupRequired": False,
    "setupRequiredFrom": None,
}  # fmt: skip


async def set_rule(
    admin: ApiUser, user_id: str, enforcement: str, until: datetime | None = None, password: str = PASSWORD
) -> dict[str, Any]:
    """Set the rule of a user."""
    variables = {"userId": user_id, "password": password, "enforcement": enforcement}
    return await admin.client.execute_one(
        SET_USER_ENFORCEMENT, **variables, exemptUntil=instant(until) if until else None
    )


async def rule_of(user: ApiUser) -> dict[str, Any]:
    """Return what holds for the viewer."""
    two_factor: dict[str, Any] = (await user.client.execute_one(RULE))["twoFactor"]
    return two_factor


async def test_requires_2fa_of_one_user(
    logged_in_admin: ApiUser, member: models.User, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """From the next request on, they can only set it up. Their session continues, and they get an email."""
    user = await log_in(new_client(language="de"), member)
    await side_effects()

    result = await set_rule(logged_in_admin, user.id, "ENFORCED")

    assert result == {
        "__typename": "UserEnforcementChanged",
        "user": {"id": user.id, "twoFactor": {"enforcement": "ENFORCED", "exemptUntil": None, "enforced": True}},
    }
    assert await rule_of(user) == NO_RULE | {"enforcement": "ENFORCED", "enforced": True, "setupRequired": True}
    assert await user.client.outcome(REVOKE_OTHER_SESSIONS) == "TWO_FACTOR_SETUP_REQUIRED"
    events, (email,) = await side_effects()
    assert events == ["USER_ENFORCEMENT_CHANGED"]
    assert email["Subject"] == "Die Zwei-Faktor-Authentifizierung ist für Sie jetzt vorgeschrieben"
    assert "Ada, mit Adminrechten in Ihrem Unternehmen, hat geändert" in text_of(email)
    assert "Sie haben sie noch nicht eingerichtet" in text_of(email)


@pytest.mark.attack("I4")
async def test_enforced_user_cannot_deactivate_2fa(
    logged_in_admin: ApiUser, member_with_2fa: ApiUser, side_effects: SideEffects
) -> None:
    """Until the admin sets another rule. The message does not name the company, which requires it of nobody else."""
    await side_effects()
    await set_rule(logged_in_admin, member_with_2fa.id, "ENFORCED")
    _, (email,) = await side_effects()
    assert "Yours is active, so you need not do anything. You cannot deactivate it." in text_of(email)

    refused = await member_with_2fa.client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD)

    assert refused == {
        "__typename": "TwoFactorIsEnforced",
        "message": "2FA is required for your account, so you cannot deactivate it.",
    }
    await set_rule(logged_in_admin, member_with_2fa.id, "AS_COMPANY")
    result = await member_with_2fa.client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD)
    assert result["__typename"] == "TwoFactorDeactivated"


async def test_exempt_user_works_until_the_date_and_is_asked_then(
    logged_in_admin: ApiUser,
    member: models.User,
    company: models.Company,
    database: Database,
    clock: Clock,
    new_client: ClientFactory,
) -> None:
    """Under a rule for everybody. Then the rule of the company account applies, and no exemption is shown."""
    until = clock.now + 2 * DAY
    await activate(logged_in_admin, clock)
    await set_security_policy(database, company, two_factor_enforced=True)
    assert (await set_rule(logged_in_admin, f"user_{member.id.hex}", "EXEMPT", until))["user"]["twoFactor"] == {
        "enforcement": "EXEMPT", "exemptUntil": instant(until), "enforced": False,
    }  # fmt: skip

    user = await log_in(new_client(), member)

    assert await rule_of(user) == NO_RULE | {
        "enforcement": "EXEMPT", "exemptUntil": instant(until), "setupRequiredFrom": instant(until),
    }  # fmt: skip
    assert await user.client.outcome(REVOKE_OTHER_SESSIONS) == "OtherSessionsRevoked"
    clock.now = until
    assert await rule_of(user) == NO_RULE | {"enforced": True, "setupRequired": True}
    assert await user.client.outcome(REVOKE_OTHER_SESSIONS) == "TWO_FACTOR_SETUP_REQUIRED"
    await activate(user, clock)
    await start_login(new_client(), member)


async def test_the_audit_log_has_both_values(logged_in_admin: ApiUser, logged_in_member: ApiUser, clock: Clock) -> None:
    """A value that did not change is left out."""
    until = clock.now + DAY
    for enforcement, date in (("EXEMPT", until), ("EXEMPT", until + DAY), ("ENFORCED", None)):
        await set_rule(logged_in_admin, logged_in_member.id, enforcement, date)
        clock.advance(timedelta(seconds=1))

    events = await logged_in_admin.client.execute_one(
        "{ securityEvents(filter: { kinds: [USER_ENFORCEMENT_CHANGED] }) {"
        " nodes { user { id } actor { id } note change { field from to } } } }"
    )

    first, second = instant(until), instant(until + DAY)
    changes = [
        [
            {"field": "ENFORCEMENT", "from": "EXEMPT", "to": "ENFORCED"},
            {"field": "EXEMPT_UNTIL", "from": second, "to": None},
        ],
        [{"field": "EXEMPT_UNTIL", "from": first, "to": second}],
        [
            {"field": "ENFORCEMENT", "from": "AS_COMPANY", "to": "EXEMPT"},
            {"field": "EXEMPT_UNTIL", "from": None, "to": first},
        ],
    ]
    people = {"user": {"id": logged_in_member.id}, "actor": {"id": logged_in_admin.id}, "note": None}
    assert events["nodes"] == [people | {"change": change} for change in changes]


async def test_the_same_rule_again_changes_nothing(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """The result is the same, without an event or an email, also after an exemption has ended."""
    until = clock.now + DAY
    await set_rule(logged_in_admin, logged_in_member.id, "EXEMPT", until)
    await side_effects()

    result = await set_rule(logged_in_admin, logged_in_member.id, "EXEMPT", until)

    assert result["user"]["twoFactor"]["exemptUntil"] == instant(until)
    clock.now = until
    assert (await set_rule(logged_in_admin, logged_in_member.id, "AS_COMPANY"))["__typename"] == (
        "UserEnforcementChanged"
    )
    assert await side_effects() == ([], [])


@pytest.mark.parametrize(
    ("enforcement", "until"),
    [
        ("EXEMPT", None),
        ("EXEMPT", timedelta()),
        ("EXEMPT", -DAY),
        ("EXEMPT", 366 * DAY + timedelta(seconds=1)),
        ("ENFORCED", DAY),
        ("AS_COMPANY", DAY),
    ],
)
async def test_rejects_an_end_that_does_not_fit(  # fixtures and parameters
    logged_in_admin: ApiUser,
    logged_in_member: ApiUser,
    clock: Clock,
    side_effects: SideEffects,
    enforcement: str,
    until: timedelta | None,
) -> None:
    """Only an exemption has an end, in the future and within about a year. The password is not checked."""
    await side_effects()
    variables = {"userId": logged_in_member.id, "password": WRONG_PASSWORD, "enforcement": enforcement}
    date = None if until is None else instant(clock.now + until)

    outcome = await logged_in_admin.client.outcome(SET_USER_ENFORCEMENT, **variables, exemptUntil=date)

    assert outcome == "BAD_USER_INPUT"
    assert await rule_of(logged_in_member) == NO_RULE
    assert await side_effects() == ([], [])


async def test_longest_exemption_is_accepted(logged_in_admin: ApiUser, logged_in_member: ApiUser, clock: Clock) -> None:
    """366 days."""
    result = await set_rule(logged_in_admin, logged_in_member.id, "EXEMPT", clock.now + 366 * DAY)

    assert result["__typename"] == "UserEnforcementChanged"


@pytest.mark.attack("I4")
async def test_admins_cannot_exempt_themselves(
    logged_in_admin: ApiUser, clock: Clock, database: Database, company: models.Company
) -> None:
    """Nor end a rule that another admin has set. Otherwise nobody else would learn of it."""
    await activate(logged_in_admin, clock)
    await set_security_policy(database, company, two_factor_enforced=True)

    for enforcement, until in (("EXEMPT", clock.now + DAY), ("AS_COMPANY", None), ("ENFORCED", None)):
        result = await set_rule(logged_in_admin, logged_in_admin.id, enforcement, until)
        assert result["__typename"] == "CannotChangeOwnAccount"

    assert (await rule_of(logged_in_admin))["enforced"]


async def test_user_errors_are_in_the_admins_language(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The admin's own account, an unknown user and a wrong password each have their own error."""
    admin = ApiUser(logged_in_admin.user, new_client(language="de", session_token=logged_in_admin.session_token))
    await side_effects()

    assert await set_rule(admin, admin.id, "ENFORCED") == {
        "__typename": "CannotChangeOwnAccount",
        "message": (
            "Das ist Ihr eigenes Konto, und Ihr Unternehmen hat keinen anderen Admin. Das kann nur der Betreiber "
            "dieses Dienstes."
        ),
    }
    for user_id in (f"user_{'0' * 32}", f"session_{logged_in_member.user.id.hex}", ""):
        assert (await set_rule(admin, user_id, "ENFORCED"))["__typename"] == "UserNotFound"
    assert await side_effects() == ([], [])
    result = await set_rule(admin, logged_in_member.id, "ENFORCED", password=WRONG_PASSWORD)
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongPassword", 4)
    assert await rule_of(logged_in_member) == NO_RULE


@pytest.mark.parametrize("password", [PASSWORD, WRONG_PASSWORD])
async def test_is_for_admins(logged_in_member: ApiUser, password: str) -> None:
    """Members get `FORBIDDEN` before the password is checked."""
    outcome = await logged_in_member.client.outcome(
        SET_USER_ENFORCEMENT, userId=logged_in_member.id, password=password, enforcement="AS_COMPANY"
    )

    assert outcome == "FORBIDDEN"


async def test_sends_no_email_to_a_disabled_user(
    member: models.User, logged_in_admin: ApiUser, services: Services, side_effects: SideEffects
) -> None:
    """They cannot log in to follow it."""
    await users.disable_user(services, member.id)
    await side_effects()

    result = await set_rule(logged_in_admin, f"user_{member.id.hex}", "ENFORCED")

    assert result["__typename"] == "UserEnforcementChanged"
    assert await side_effects() == (["USER_ENFORCEMENT_CHANGED"], [])
