"""`updateSecurityPolicy`: the rules of a company account, from the next request on."""

from tests.api.conftest import Aftermath
from tests.api.steps import (
    WRONG_PASSWORD,
    Person,
    activate,
    challenge,
    error_code,
    is_signed_in,
    outcome,
    two_factor,
    verify,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock

UPDATE = """
    mutation Update($password: String!, $enforced: Boolean, $codes: Boolean) {
        updateSecurityPolicy(password: $password, twoFactorEnforced: $enforced, backupCodesEnabled: $codes) {
            __typename
            ... on SecurityPolicyUpdated { company { id twoFactorEnforced backupCodesEnabled } }
            ... on UserError { message }
            ... on WrongPassword { attemptsRemaining }
        }
    }"""
NOTES = """
    query Notes {
        securityEvents(filter: { kinds: [SECURITY_POLICY_CHANGED] }) { nodes { note user { email } } }
    }"""


async def test_what_is_left_out_or_null_stays(ada: Person, aftermath: Aftermath) -> None:
    """Each rule is set by itself; the trail says what changed and by whom, and nothing where nothing did."""
    await aftermath()

    answer = await outcome(ada.device, UPDATE, password=PASSWORD, codes=False)
    assert answer == {
        "__typename": "SecurityPolicyUpdated",
        "company": {
            "id": f"company_{ada.user.company_id.hex}",
            "twoFactorEnforced": False,
            "backupCodesEnabled": False,
        },
    }
    assert await aftermath() == (["SECURITY_POLICY_CHANGED"], [])
    for variables in ({}, {"enforced": None, "codes": None}, {"enforced": False, "codes": False}):
        assert await outcome(ada.device, UPDATE, password=PASSWORD, **variables) == answer
    assert await aftermath() == ([], [])
    events = await outcome(ada.device, NOTES)
    assert events["nodes"] == [{"note": "backup_codes_enabled=off", "user": {"email": ada.user.email}}]


async def test_enforcing_holds_from_the_next_request_of_everybody(mia: Person, ada: Person, clock: Clock) -> None:
    """No session ends; who has no 2FA can only activate it, the admin who decided it included."""
    answer = await outcome(ada.device, UPDATE, password=PASSWORD, enforced=True)
    assert answer["company"]["twoFactorEnforced"] is True

    for person in (mia, ada):
        assert await is_signed_in(person.device)
        assert (await two_factor(person.device))["setupRequired"] is True
    assert await error_code(ada.device, UPDATE, password=PASSWORD, enforced=False) == "TWO_FACTOR_SETUP_REQUIRED"
    await activate(ada, clock)
    answer = await outcome(ada.device, UPDATE, password=PASSWORD, enforced=False)
    assert answer["company"]["twoFactorEnforced"] is False
    assert (await two_factor(mia.device))["setupRequired"] is False


async def test_ends_no_challenge(mia_with_2fa: Person, ada: Person, device: Api, clock: Clock) -> None:
    """A sign-in that is under way goes on, under the new rules."""
    token = await challenge(device, mia_with_2fa.user)
    await outcome(ada.device, UPDATE, password=PASSWORD, enforced=True, codes=False)

    answer = await verify(device, token, backupCode=mia_with_2fa.codes[0])
    assert answer["__typename"] == "WrongSecondFactor"
    assert (await verify(device, token, otp=mia_with_2fa.app.otp(clock.now)))["__typename"] == "LoggedIn"


async def test_asks_for_the_password(ada: Person, aftermath: Aftermath) -> None:
    """A session alone changes no rule."""
    await aftermath()

    answer = await outcome(ada.device, UPDATE, password=WRONG_PASSWORD, enforced=True)

    assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongPassword", 4)
    assert (await two_factor(ada.device))["enforced"] is False
    assert await aftermath() == (["REAUTHENTICATION_FAILED"], [])


async def test_is_for_admins(mia: Person) -> None:
    """A member changes no rule."""
    assert await error_code(mia.device, UPDATE, password=PASSWORD, enforced=True) == "FORBIDDEN"
