"""`unlockUser`: an admin ends the waits and locks after failed logins of a user."""

import pytest

import models
from accounts.services import Services
from models import SecondFactorMethod
from security.constants import FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, log_in
from tests.support.attempts import set_attempt_count
from tests.support.mail_servers import text_of
from tests.support.operations import LOGIN, UNLOCK_USER
from tests.support.users import PASSWORD, WRONG_PASSWORD

UNLOCK_WITH_LOCKS = UNLOCK_USER.replace("user {", "user { lockedUntil lockedSecondFactors", 1)


async def wrong_passwords(client: Api, user: models.User) -> None:
    """Enter wrong passwords until strangers have to wait."""
    for _ in range(FREE_ATTEMPTS):
        await client.execute_one(LOGIN, email=user.email, password=WRONG_PASSWORD)
    assert await client.outcome(LOGIN, email=user.email, password=PASSWORD) == "TooManyAttempts"


async def test_ends_the_wait_at_once(
    logged_in_admin: ApiUser, member: models.User, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The user gets an email in their language, which says that attempts failed, and who ended the wait."""
    await log_in(new_client(language="de"), member)
    client = new_client()
    await wrong_passwords(client, member)
    await side_effects()

    user_id = f"user_{member.id.hex}"
    result = await logged_in_admin.client.execute_one(UNLOCK_WITH_LOCKS, userId=user_id, password=PASSWORD)

    user = result["user"]
    assert (result["__typename"], user["id"], user["lockedUntil"], user["lockedSecondFactors"]) == (
        "UserUnlocked",
        user_id,
        None,
        [],
    )
    assert await client.outcome(LOGIN, email=member.email, password=PASSWORD) == "LoggedIn"
    events, (email,) = await side_effects()
    assert events == ["LOGIN_SUCCEEDED", "USER_UNLOCKED"]
    assert (email["Subject"], email["To"].addresses[0].addr_spec) == (
        "Ihre Anmeldung ist nicht mehr blockiert",
        member.email,
    )
    assert "Ada, mit Adminrechten in Ihrem Unternehmen, hat das aufgehoben" in text_of(email)


async def test_unlocks_every_second_factor(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, services: Services
) -> None:
    """Also one that waits and one that is locked."""
    for factor, failures in (
        (SecondFactorMethod.OTP, SECOND_FACTOR_FAILURES_ALLOWED),
        (SecondFactorMethod.BACKUP_CODE, FREE_ATTEMPTS),
    ):
        await set_attempt_count(
            services.database, member_with_2fa.user.id, factor, failures=failures, since_sign_in=failures,
            last=services.now(),
        )  # fmt: skip
    locks = "{ viewer { lockedUntil lockedSecondFactors } }"
    before = await member_with_2fa.client.execute_one(locks)
    assert (before["lockedUntil"] is not None, before["lockedSecondFactors"]) == (True, ["OTP"])

    outcome = await logged_in_admin.client.outcome(UNLOCK_USER, userId=member_with_2fa.id, password=PASSWORD)

    assert outcome == "UserUnlocked"
    assert await member_with_2fa.client.execute_one(locks) == {"lockedUntil": None, "lockedSecondFactors": []}


async def test_user_who_is_not_locked_gets_no_email(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, side_effects: SideEffects
) -> None:
    """The result is the same, so that a client can repeat the call."""
    await side_effects()

    for _ in range(2):
        outcome = await logged_in_admin.client.outcome(UNLOCK_USER, userId=logged_in_member.id, password=PASSWORD)
        assert outcome == "UserUnlocked"

    assert await side_effects() == ([], [])


async def test_user_errors_are_in_the_admins_language(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The admin's own account, an unknown user and a wrong password each have their own error."""
    client = new_client(language="de", session_token=logged_in_admin.session_token)
    await side_effects()

    own = await client.execute_one(UNLOCK_USER, userId=logged_in_admin.id, password=PASSWORD)
    assert own == {
        "__typename": "CannotChangeOwnAccount",
        "message": (
            "Das ist Ihr eigenes Konto, und Ihr Unternehmen hat keinen anderen Admin. Das kann nur der Betreiber "
            "dieses Dienstes."
        ),
    }
    for user_id in (f"user_{'0' * 32}", f"session_{logged_in_member.user.id.hex}", ""):
        assert await client.outcome(UNLOCK_USER, userId=user_id, password=PASSWORD) == "UserNotFound"
    assert await side_effects() == ([], [])
    result = await client.execute_one(UNLOCK_USER, userId=logged_in_member.id, password=WRONG_PASSWORD)
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongPassword", 4)


@pytest.mark.parametrize("password", [PASSWORD, WRONG_PASSWORD])
async def test_is_for_admins(logged_in_member: ApiUser, password: str) -> None:
    """Members get `FORBIDDEN` before the password is checked."""
    assert await logged_in_member.client.outcome(UNLOCK_USER, userId=logged_in_member.id, password=password) == (
        "FORBIDDEN"
    )
