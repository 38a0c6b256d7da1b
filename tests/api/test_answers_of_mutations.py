"""No field of a result destroys the answer to a mutation that has committed.

Each test selects all fields of a result at once. A field that cannot be null would null the whole result with its
error. If all fields together leave the result, each field alone does.
"""

from typing import Any

import pytest

import models
from accounts.services import Services
from accounts.users import set_role
from models import Role
from models.database import Database
from tests.api.conftest import ClientFactory
from tests.support.api import Api
from tests.support.api_users import (
    ApiUser,
    activate,
    is_logged_in,
    log_in,
    start_activation,
    start_login,
)
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.schema_elements import mutation_fields, results_of
from tests.support.selections import fields_with_everything, mutation_with_everything, user_errors
from tests.support.users import NEW_PASSWORD, PASSWORD, set_security_policy
from transport.cookies import COOKIE_NAME

SETUP_REQUIRED = "TWO_FACTOR_SETUP_REQUIRED"
# The viewer's own fields that can be null, and are before the required setup of 2FA.
CLOSED_BEFORE_SETUP = {
    "lastLoginAt", "enabled", "lockedUntil", "lockedSecondFactors", "authenticators", "sessionCount", "deviceCount",
    "devices", "securityEvents",
}  # fmt: skip
# The fields of the viewer's company account that are, too.
CLOSED_OF_COMPANY = {"admins", "statistics"}
# The field of the viewer's company account that is null for members.
FOR_ADMINS = ("statistics", "FORBIDDEN")
# The results of the tests below.
TESTED = {
    "login": {"LoggedIn", "SecondFactorRequired"},
    "verifyLogin": {"LoggedIn"},
    "logout": {"LoggedOut"},
    "startTwoFactorActivation": {"TwoFactorActivation"},
    "confirmOtp": {"BackupCodesIssued", "TwoFactorActivated", "AuthenticatorReplaced", "AuthenticatorAdded"},
    "acknowledgeBackupCodes": {"TwoFactorActivated", "BackupCodesAcknowledged"},
    "regenerateBackupCodes": {"BackupCodesRegenerated"},
    "startAuthenticatorReplacement": {"TwoFactorActivation"},
    "addAuthenticator": {"TwoFactorActivation"},
    "removeAuthenticator": {"AuthenticatorRemoved"},
    "deactivateTwoFactor": {"TwoFactorDeactivated"},
    "adminResetTwoFactor": {"TwoFactorReset"},
    "updateSecurityPolicy": {"SecurityPolicyUpdated"},
    "changePassword": {"PasswordChanged"},
    "revokeSession": {"SessionRevoked"},
    "revokeOtherSessions": {"OtherSessionsRevoked"},
    "endUserSessions": {"UserSessionsEnded"},
    "setUserEnforcement": {"UserEnforcementChanged"},
    "forgetDevice": {"DeviceForgotten"},
    "unlockUser": {"UserUnlocked"},
    "disableUser": {"UserDisabled"},
    "enableUser": {"UserEnabled"},
    "setUserRole": {"UserRoleSet"},
    "updateProfile": {"ProfileUpdated"},
}


async def answer_and_errors(
    client: Api, name: str, /, variables: dict[str, Any], *, member: str = "", around: tuple[str, ...] = ()
) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    """Send a mutation that selects everything. Return its result, and the fields and codes of its errors."""
    result = await client.execute(mutation_with_everything(name, member, around), variables)
    answer = result["data"][name]
    assert answer is not None, result["errors"]
    assert answer["__typename"] in TESTED[name], answer
    for error in result.get("errors", ()):
        assert value_at(result["data"], error["path"]) is None
    return answer, {(error["path"][-1], error["extensions"]["code"]) for error in result.get("errors", ())}


async def answer_of(
    client: Api, name: str, /, *, member: str = "", around: tuple[str, ...] = (), **variables: object
) -> dict[str, Any]:
    """Send a mutation that selects everything, and return its result. Fail if one of its fields has an error."""
    answer, errors = await answer_and_errors(client, name, variables, member=member, around=around)
    assert errors <= {FOR_ADMINS}
    return answer


async def answer_before_setup(
    client: Api, name: str, /, *, member: str = "", around: tuple[str, ...] = (), **variables: object
) -> dict[str, Any]:
    """Send a mutation of a user who has to set up 2FA. The closed fields of the viewer are null beside their errors."""
    answer, errors = await answer_and_errors(client, name, variables, member=member, around=around)
    closed = CLOSED_BEFORE_SETUP | CLOSED_OF_COMPANY if "viewer" in answer else set()
    assert errors == {(field, SETUP_REQUIRED) for field in closed}
    return answer


def value_at(data: Any, path: list[str | int]) -> Any:  # noqa: ANN401  # any JSON
    """Return the value at a path of a response."""
    for key in path:
        data = data[key]
    return data


def test_every_result_of_every_mutation_is_tested() -> None:
    """A new mutation, or a new result that is no user error, needs a test in this module."""
    assert {name: set(results_of(field)) - user_errors() for name, field in mutation_fields().items()} == TESTED


@pytest.fixture
async def enforced(database: Database, company: models.Company) -> None:
    """Enforce 2FA for the company account."""
    await set_security_policy(database, company, two_factor_enforced=True)


@pytest.mark.usefixtures("enforced")
class TestBeforeSetup:
    """A user whose company account enforces 2FA, and who has not set it up yet."""

    async def test_login_returns_the_token(self, client: Api, member: models.User) -> None:
        """The session is listed, and the token works."""
        answer = await answer_before_setup(client, "login", email=member.email, password=PASSWORD, rememberDevice=True)

        assert answer["viewer"]["locale"] == "en"
        assert [session["id"] for session in answer["viewer"]["sessions"]] == [answer["session"]["id"]]
        assert answer["deviceToken"]
        client.session_token = answer["sessionToken"]
        assert await is_logged_in(client)

    async def test_login_sets_the_cookie_beside_its_answer(self, client: Api, member: models.User) -> None:
        """The browser has a session only if the page knows of it."""
        answer = await answer_before_setup(client, "login", email=member.email, password=PASSWORD, transport="COOKIE")

        assert answer["sessionToken"] is None
        assert client.http.cookies[COOKIE_NAME]
        assert await is_logged_in(client)

    async def test_own_fields_that_cannot_be_null_are_readable(self, client: Api, member: models.User) -> None:
        """They are readable by `viewer` too. Each other field is null beside its error."""
        await log_in(client, member)
        for field, selection in fields_with_everything("User").items():
            result = await client.execute(f"{{ viewer {{ {selection} }} }}")
            codes = [error["extensions"]["code"] for error in result.get("errors", ())]
            is_closed = field in CLOSED_BEFORE_SETUP
            assert (result["data"]["viewer"][field] is None) is is_closed, field
            assert codes == [SETUP_REQUIRED] * (len(CLOSED_OF_COMPANY) if field == "company" else is_closed), field

    async def test_activation_returns_each_answer(self, client: Api, member: models.User, clock: Clock) -> None:
        """When 2FA is active, all fields are readable, in the same answer."""
        await log_in(client, member)
        await answer_before_setup(client, "startTwoFactorActivation", password=PASSWORD)
        activation_id, authenticator = await start_activation(client)
        otp = authenticator.otp(clock.now)
        confirmation: dict[str, Any] = {"activationId": activation_id, "otp": otp}
        await answer_before_setup(client, "confirmOtp", member="BackupCodesIssued", **confirmation)

        acknowledged: dict[str, Any] = {"activationId": activation_id, "rotateSession": True}
        answer = await answer_of(client, "acknowledgeBackupCodes", member="TwoFactorActivated", **acknowledged)

        assert answer["viewer"]["twoFactor"]["setupRequired"] is False
        client.session_token = answer["sessionToken"]
        assert await is_logged_in(client)

    async def test_activation_without_backup_codes_returns_its_answer(
        self, client: Api, member: models.User, clock: Clock, database: Database, company: models.Company
    ) -> None:
        """`confirmOtp` is then the last step."""
        await set_security_policy(database, company, backup_codes_enabled=False, two_factor_enforced=True)
        await log_in(client, member)
        activation_id, authenticator = await start_activation(client)

        answer = await answer_of(
            client,
            "confirmOtp",
            member="TwoFactorActivated",
            activationId=activation_id,
            otp=authenticator.otp(clock.now),
            rotateSession=True,
        )

        client.session_token = answer["sessionToken"]
        assert await is_logged_in(client)

    async def test_logout_returns_its_answer(self, client: Api, member: models.User) -> None:
        """The session has ended by then."""
        await log_in(client, member)

        assert (await answer_before_setup(client, "logout"))["sessionId"]


async def test_second_step_of_a_login_returns_the_token(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """The first step returns the challenge."""
    await answer_of(client, "login", email=member_with_2fa.user.email, password=PASSWORD)
    challenge = await start_login(client, member_with_2fa.user)
    factor = {"otp": member_with_2fa.authenticator.otp(clock.now)}

    answer = await answer_of(client, "verifyLogin", challengeToken=challenge, secondFactor=factor)

    client.session_token = answer["sessionToken"]
    assert await is_logged_in(client)


async def test_changes_of_the_own_account_return_their_answers(member_with_2fa: ApiUser) -> None:
    """Each change gives the client what only this answer contains: codes and tokens."""
    client = member_with_2fa.client
    assert len((await answer_of(client, "regenerateBackupCodes", password=PASSWORD))["codes"]) == 10
    waiting = await answer_of(client, "regenerateBackupCodes", password=PASSWORD, untilAcknowledged=True)
    acknowledged = {"activationId": waiting["activationId"]}
    await answer_of(client, "acknowledgeBackupCodes", member="BackupCodesAcknowledged", **acknowledged)
    _, errors = await answer_and_errors(client, "updateProfile", {"name": "Mia Müller", "locale": "de"})
    assert errors == {FOR_ADMINS}
    changes: dict[str, dict[str, Any]] = {
        "changePassword": {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD},
        "deactivateTwoFactor": {"password": NEW_PASSWORD},
    }
    for name, variables in changes.items():
        client.session_token = (await answer_of(client, name, **variables, rotateSession=True))["sessionToken"]
        assert await is_logged_in(client)


async def test_changes_of_authenticators_return_their_answers(member_with_2fa: ApiUser, clock: Clock) -> None:
    """The token that a confirmation returns is that of the session that continues."""
    client, authenticator = member_with_2fa.client, member_with_2fa.authenticator
    for name, member in (
        ("addAuthenticator", "AuthenticatorAdded"),
        ("startAuthenticatorReplacement", "AuthenticatorReplaced"),
    ):
        variables: dict[str, Any] = {"password": PASSWORD, "secondFactor": {"otp": authenticator.otp(clock.now)}}
        if member == "AuthenticatorReplaced":
            (first, _) = (await client.execute_one("{ viewer { authenticators { id } } }"))["authenticators"]
            await answer_of(client, "removeAuthenticator", id=first["id"], password=PASSWORD)
        else:
            variables["name"] = "Tablet"
        started = await answer_of(client, name, **variables)
        authenticator = Authenticator.parse(started["otpauthUri"])
        otp, activation_id = authenticator.otp(clock.now), started["activationId"]
        confirmation: dict[str, Any] = {"activationId": activation_id, "otp": otp, "rotateSession": True}
        answer = await answer_of(client, "confirmOtp", member=member, **confirmation)
        client.session_token = answer["sessionToken"]
        assert await is_logged_in(client)
        clock.advance(TIME_STEP)


async def test_ends_of_sessions_and_devices_return_their_answers(logged_in_member: ApiUser, client: Api) -> None:
    """Also if the session of the request has ended: the fields are those of the viewer who ended it."""
    await log_in(client, logged_in_member.user, transport="COOKIE")
    viewer = await client.execute_one("{ viewer { devices { id } sessions { id current } } }")
    current = next(session["id"] for session in viewer["sessions"] if session["current"])

    await answer_of(client, "revokeOtherSessions")
    await answer_of(client, "forgetDevice", id=viewer["devices"][0]["id"])
    answer = await answer_of(client, "revokeSession", id=current)

    assert answer["viewer"]["sessions"] == []
    assert not await is_logged_in(client)


async def test_changes_by_an_admin_return_their_answers(
    logged_in_admin: ApiUser, new_client: ClientFactory, member: models.User, clock: Clock
) -> None:
    """They return the other user. An admin who enforces 2FA without own 2FA still gets the answer."""
    other = await activate(await log_in(new_client(), member), clock)

    # The answer contains two users, so the users below them have no further ones.
    for name in (
        "endUserSessions", "adminResetTwoFactor", "unlockUser", "disableUser", "enableUser", "setUserRole"
    ):  # fmt: skip
        role = {"role": "ADMIN"} if name == "setUserRole" else {}
        await answer_of(logged_in_admin.client, name, around=("User",), userId=other.id, password=PASSWORD, **role)
    rule: dict[str, Any] = {"userId": other.id, "password": PASSWORD, "enforcement": "ENFORCED"}
    await answer_of(logged_in_admin.client, "setUserEnforcement", around=("User",), **rule)
    enforcement: dict[str, Any] = {"password": PASSWORD, "twoFactorEnforced": True}
    await answer_before_setup(logged_in_admin.client, "updateSecurityPolicy", around=("User",), **enforcement)


async def test_admin_who_gives_up_the_own_role_gets_the_answer(
    logged_in_admin: ApiUser, member: models.User, services: Services
) -> None:
    """Viewer and user are readable, although the viewer is a member by then."""
    await set_role(services, member.id, Role.ADMIN)
    variables: dict[str, Any] = {"userId": logged_in_admin.id, "role": "MEMBER", "password": PASSWORD}

    answer = await answer_of(logged_in_admin.client, "setUserRole", around=("User",), **variables)

    assert (answer["user"]["role"], answer["viewer"]["role"]) == ("MEMBER", "MEMBER")


NULL_IN_A_RESULT = {
    "argument": 'mutation($null: Int) { startTwoFactorActivation(password: "%s") { __typename '
    "... on TwoFactorActivation { qrCode { pngDataUri(scale: $null) } } } }",
    "argument with a default": 'mutation($null: Int = 8) { startTwoFactorActivation(password: "%s") { __typename '
    "... on TwoFactorActivation { qrCode { pngDataUri(scale: $null) } } } }",
    "directive": 'mutation($null: Boolean = true) { startTwoFactorActivation(password: "%s") { __typename '
    "... on TwoFactorActivation @include(if: $null) { key } } }",
    "directive in a fragment": 'mutation($null: Boolean = true) { startTwoFactorActivation(password: "%s") { '
    "__typename ...Started } } fragment Started on TwoFactorActivation { key @skip(if: $null) }",
}


@pytest.mark.parametrize("mutation", NULL_IN_A_RESULT.values(), ids=NULL_IN_A_RESULT)
async def test_null_that_no_field_of_the_result_accepts_is_rejected_before_the_mutation(
    logged_in_member: ApiUser, database: Database, mutation: str
) -> None:
    """The type of the variable allows null, so the document is valid. The executor would find the null too late."""
    client = logged_in_member.client

    assert await client.outcome(mutation % PASSWORD, null=None) == "BAD_USER_INPUT"

    async with database.reading():
        assert await models.Activation.all().count() == 0
    assert await client.outcome(mutation % PASSWORD) == "TwoFactorActivation"
