"""Challenges and sessions: stolen, swapped or forged tokens, and tokens of the wrong kind."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from accounts import users
from accounts.services import Services
from models import Role
from security.constants import CHALLENGE_LIFETIME, SESSION_IDLE_LIFETIME, SESSION_LIFETIME
from tests.support.api import Api
from tests.support.api_users import (
    ApiUser,
    activate,
    is_logged_in,
    log_in,
    start_activation,
    start_login,
    verify_login,
    verify_outcome,
)
from tests.support.attempts import attempt_counts
from tests.support.clock import TIME_STEP, Clock
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    ADMIN_RESET_TWO_FACTOR,
    CHANGE_PASSWORD,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    LOGIN,
    LOGOUT,
    NODE,
    REGENERATE_BACKUP_CODES,
    REVOKE_SESSION,
    SESSIONS,
    START_TWO_FACTOR_ACTIVATION,
    UPDATE_SECURITY_POLICY,
    VERIFY_LOGIN,
    VIEWER,
)
from tests.support.users import NEW_PASSWORD, PASSWORD, make_user

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def other_member(
    api: Api, services: Services, company: models.Company, password_hash: str, clock: Clock
) -> ApiUser:
    """Return another member with active 2FA, who attacks the first one."""
    user = await make_user(services.database, company, password_hash, clock, name="Other")
    return await activate(await log_in(api.with_token(None), user), clock)


@pytest.mark.attack("C1")
async def test_challenge_is_no_session_and_expires(api: Api, clock: Clock, member_with_2fa: ApiUser) -> None:
    """A challenge proves only the password. It is not a session, and it expires after five minutes."""
    challenge = await start_login(api, member_with_2fa.user)
    assert not await is_logged_in(api.with_token(challenge))
    clock.advance(CHALLENGE_LIFETIME - MICROSECOND)
    assert (
        await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.wrong_otp(clock.now))
        == "WrongSecondFactor"
    )
    clock.advance(MICROSECOND)

    assert await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now)) == "ChallengeExpired"


@pytest.mark.attack("C2", "E4")
async def test_second_factor_of_another_user_is_rejected(
    api: Api, clock: Clock, member_with_2fa: ApiUser, other_member: ApiUser, services: Services
) -> None:
    """The second factor of another user is wrong. The failure counts for the account of the challenge."""
    challenge = await start_login(api, member_with_2fa.user)

    by_otp = await verify_login(api, challenge, otp=other_member.authenticator.otp(clock.now))
    by_code = await verify_login(api, challenge, backupCode=other_member.codes[0])

    assert by_otp == by_code
    assert by_otp["__typename"] == "WrongSecondFactor"
    async with services.database.reading():
        rows = await models.AttemptCount.filter(failures__gt=0)
    assert {(row.subject, row.failures) for row in rows} == {(member_with_2fa.user.id.hex, 1)}
    assert len(rows) == 2


@pytest.mark.attack("C3")
async def test_completed_challenge_is_rejected(api: Api, clock: Clock, member_with_2fa: ApiUser) -> None:
    """After a challenge has created a session, neither a new OTP nor a backup code creates another one."""
    challenge = await start_login(api, member_with_2fa.user)
    assert await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now)) == "LoggedIn"
    clock.advance(TIME_STEP)

    assert await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now)) == "ChallengeExpired"
    assert await verify_outcome(api, challenge, backupCode=member_with_2fa.codes[0]) == "ChallengeExpired"


Change = Callable[[Services, ApiUser, ApiUser], Awaitable[object]]

# Changes that end a challenge: over HTTP if the API has them, otherwise by the use case of the command line.
CHANGES: dict[str, Change] = {
    "the password changes": lambda _services, member, _admin: member.client.execute_one(
        CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD
    ),
    "the operator sets a password": lambda services, member, _admin: users.set_password(
        services, member.user.id, NEW_PASSWORD
    ),
    "2FA is deactivated": lambda _services, member, _admin: member.client.execute_one(
        DEACTIVATE_TWO_FACTOR, password=PASSWORD
    ),
    "an admin resets 2FA": lambda _services, member, admin: admin.client.execute_one(
        ADMIN_RESET_TWO_FACTOR, userId=member.id, password=PASSWORD
    ),
    "backup codes are replaced": lambda _services, member, _admin: member.client.execute_one(
        REGENERATE_BACKUP_CODES, password=PASSWORD
    ),
    "the user is disabled": lambda services, member, _admin: users.disable_user(services, member.user.id),
    "the user is deleted": lambda services, member, _admin: users.delete_user(services, member.user.id),
    "the role changes": lambda services, member, _admin: users.set_role(services, member.user.id, Role.ADMIN),
}
# Changes that keep a challenge. The server reads the policy again when the challenge is used.
NO_CHANGES: dict[str, Change] = {
    "the policy changes": lambda _services, _member, admin: admin.client.execute_one(
        UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=True, backupCodesEnabled=False
    ),
    "another session ends": lambda _services, member, _admin: member.client.execute_one(LOGOUT),
    "an activation is rejected": lambda _services, member, _admin: member.client.execute_one(
        START_TWO_FACTOR_ACTIVATION, password=PASSWORD
    ),
}


@pytest.mark.attack("C4", "C8")
@pytest.mark.parametrize("change", CHANGES)
async def test_account_change_ends_challenges(
    api: Api, clock: Clock, member_with_2fa: ApiUser, logged_in_admin: ApiUser, services: Services, change: str
) -> None:
    """A change to the account ends earlier challenges, even for the right second factor."""
    challenge = await start_login(api, member_with_2fa.user)
    await CHANGES[change](services, member_with_2fa, logged_in_admin)

    assert await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now)) == "ChallengeExpired"
    assert await verify_outcome(api, challenge, backupCode=member_with_2fa.codes[0]) == "ChallengeExpired"


@pytest.mark.attack("C4")
@pytest.mark.parametrize("change", NO_CHANGES)
async def test_other_changes_keep_challenges(
    api: Api, clock: Clock, member_with_2fa: ApiUser, logged_in_admin: ApiUser, services: Services, change: str
) -> None:
    """Other changes keep the challenge, so that the user can complete the login."""
    challenge = await start_login(api, member_with_2fa.user)
    await NO_CHANGES[change](services, member_with_2fa, logged_in_admin)

    assert await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now)) == "LoggedIn"


# These changes require active 2FA.
REQUIRE_2FA = {"2FA is deactivated", "an admin resets 2FA", "backup codes are replaced"}


@pytest.mark.attack("C4")
@pytest.mark.parametrize("change", [change for change in CHANGES if change not in REQUIRE_2FA])
async def test_account_change_ends_activations(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock, services: Services, change: str
) -> None:
    """The same changes end an activation."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    await CHANGES[change](services, logged_in_member, logged_in_admin)

    answer = await logged_in_member.client.outcome(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )

    assert answer in {"ActivationExpired", "UNAUTHENTICATED"}
    async with services.database.reading():
        assert await models.Activation.all().count() == 0


@pytest.mark.attack("C5")
async def test_token_of_another_kind_is_rejected(
    api: Api, clock: Clock, member_with_2fa: ApiUser, logged_in_admin: ApiUser
) -> None:
    """Session, challenge and activation tokens are not interchangeable, even with another prefix."""
    challenge = await start_login(api, member_with_2fa.user)
    activation_id, authenticator = await start_activation(logged_in_admin.client)
    genuine = {"session": member_with_2fa.session_token, "challenge": challenge, "activation": activation_id}
    prefixes = {kind: f"cs_{kind}_" for kind in genuine} | {"none": "", "bearer": "Bearer "}
    bodies = {kind: token.removeprefix(prefixes[kind]) for kind, token in genuine.items()}

    for prefix_kind, prefix in prefixes.items():
        for body_kind, body in bodies.items():
            token, is_genuine = prefix + body, prefix_kind == body_kind
            if not (is_genuine and body_kind == "session"):
                assert not await is_logged_in(api.with_token(token)), token
                response = await api.http.post(
                    "/graphql", json={"query": VIEWER}, headers={"Cookie": f"__Host-countersign={token}"}
                )
                assert response.json() == {"data": {"viewer": None}, "extensions": {"session": "ENDED"}}
            if not (is_genuine and body_kind == "challenge"):
                answer = await verify_login(api, token, otp=member_with_2fa.authenticator.otp(clock.now))
                assert answer["__typename"] == "ChallengeExpired", token
            if not (is_genuine and body_kind == "activation"):
                for operation, arguments in (
                    (CONFIRM_OTP, {"otp": authenticator.otp(clock.now)}),
                    (ACKNOWLEDGE_BACKUP_CODES, {}),
                ):
                    answer = await logged_in_admin.client.execute_one(operation, activationId=token, **arguments)
                    assert answer["__typename"] == "ActivationExpired", token
    assert await is_logged_in(api.with_token(member_with_2fa.session_token))
    assert await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now)) == "LoggedIn"


@pytest.mark.attack("C6")
async def test_login_creates_a_new_session(
    api: Api, clock: Clock, member_with_2fa: ApiUser, logged_in_admin: ApiUser
) -> None:
    """A login does not reuse an existing session, and creates none before the second factor."""
    client = api.with_token(logged_in_admin.session_token)
    answer = await client.execute_one(LOGIN, email=member_with_2fa.user.email, password=PASSWORD)
    assert answer["__typename"] == "SecondFactorRequired"
    assert await is_logged_in(api.with_token(logged_in_admin.session_token))
    completed = await client.execute_one(
        VERIFY_LOGIN,
        challengeToken=answer["challengeToken"],
        secondFactor={"otp": member_with_2fa.authenticator.otp(clock.now)},
    )

    assert completed["sessionToken"] not in {
        logged_in_admin.session_token,
        member_with_2fa.session_token,
        answer["challengeToken"],
    }
    assert completed["viewer"]["id"] == member_with_2fa.id
    assert (await api.with_token(logged_in_admin.session_token).execute_one(VIEWER))["id"] == logged_in_admin.id


@pytest.mark.attack("C6")
async def test_first_login_step_creates_no_session(api: Api, member_with_2fa: ApiUser, services: Services) -> None:
    """After the password alone, there is neither a session row nor a cookie, with either transport."""
    async with services.database.reading():
        before = await models.Session.all().count()
    for transport in ("TOKEN", "COOKIE"):
        answer = await api.with_token(None).execute_one(
            LOGIN, email=member_with_2fa.user.email, password=PASSWORD, transport=transport
        )
        assert answer["__typename"] == "SecondFactorRequired"

    assert not api.http.cookies
    async with services.database.reading():
        assert await models.Session.all().count() == before


@pytest.mark.attack("C7")
async def test_altered_token_is_rejected(api: Api, clock: Clock, member_with_2fa: ApiUser) -> None:
    """A token with a changed, removed or added character is invalid."""
    challenge = await start_login(api, member_with_2fa.user)
    otp = member_with_2fa.authenticator.otp(clock.now)

    def altered(token: str) -> list[str]:
        positions = range(0, len(token), 3)
        swapped = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in positions]
        return [*swapped, token[:-1], token + "A", token + "=", f" {token}", token.upper(), token.swapcase(), token * 2]

    for token in altered(challenge):
        assert await verify_outcome(api, token, otp=otp) == "ChallengeExpired", token
    for token in altered(member_with_2fa.session_token):
        assert token.strip() == member_with_2fa.session_token or not await is_logged_in(api.with_token(token)), token
    assert await verify_outcome(api, challenge, otp=otp) == "LoggedIn"


@pytest.mark.attack("C7")
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200) | st.from_regex(r"cs_challenge_[A-Za-z0-9_-]{40,46}", fullmatch=True))
async def test_arbitrary_text_as_token_returns_the_same_error(api: Api, logged_in_member: ApiUser, text: str) -> None:
    """Any text that is not a valid token returns the same user error."""
    assert await verify_outcome(api, text, otp="123456") == "ChallengeExpired"
    assert (await logged_in_member.client.execute_one(CONFIRM_OTP, activationId=text, otp="123456"))[
        "__typename"
    ] == "ActivationExpired"


@pytest.mark.attack("C9")
async def test_ended_session_is_rejected(api: Api, clock: Clock, logged_in_member: ApiUser) -> None:
    """A session is invalid after logout, after 7 idle days and after 30 days."""
    other = await log_in(api.with_token(None), logged_in_member.user)
    assert (await other.client.execute_one(LOGOUT))["__typename"] == "LoggedOut"
    assert not await is_logged_in(api.with_token(other.session_token))
    idle_since = clock.now
    while clock.now < idle_since + SESSION_LIFETIME - SESSION_IDLE_LIFETIME:
        clock.advance(SESSION_IDLE_LIFETIME - MICROSECOND)
        assert await is_logged_in(api.with_token(logged_in_member.session_token))
    clock.now = idle_since + SESSION_LIFETIME - MICROSECOND
    assert await is_logged_in(api.with_token(logged_in_member.session_token))
    clock.advance(MICROSECOND)
    assert not await is_logged_in(api.with_token(logged_in_member.session_token))

    idle = await log_in(api.with_token(None), logged_in_member.user)
    clock.advance(SESSION_IDLE_LIFETIME)
    assert not await is_logged_in(api.with_token(idle.session_token))


@pytest.mark.attack("C9")
async def test_session_of_another_user_cannot_be_revoked(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, other_company_admin: models.User, api: Api
) -> None:
    """C9, ASVS 8.2.2: a user can revoke only their own sessions. The id of another user's session is unknown."""
    others = (logged_in_admin, await log_in(api.with_token(None), other_company_admin))
    session_ids = [(await other.client.execute_one(SESSIONS))["sessions"][0]["id"] for other in others]
    for session_id in session_ids:
        assert await logged_in_member.client.outcome(REVOKE_SESSION, id=session_id) == "SessionNotFound"
        assert await logged_in_member.client.data(NODE, {"id": session_id}) == {"node": None}
    assert await is_logged_in(api.with_token(logged_in_admin.session_token))


@pytest.mark.attack("C10", "K9")
async def test_only_the_newest_challenges_are_kept(
    api: Api, clock: Clock, member_with_2fa: ApiUser, services: Services
) -> None:
    """An account keeps at most 100 challenges, and the newest one is valid."""
    async with services.database.transaction():
        await models.Challenge.bulk_create(
            models.Challenge(
                token_hash=f"{number:064x}",
                user_id=member_with_2fa.user.id,
                transport=models.SessionTransport.TOKEN,
                created_at=clock.now - timedelta(seconds=1),
                expires_at=clock.now + CHALLENGE_LIFETIME,
            )
            for number in range(500)
        )
    challenge = await start_login(api, member_with_2fa.user)

    async with services.database.reading():
        assert await models.Challenge.filter(user_id=member_with_2fa.user.id).count() == 100
    assert await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now)) == "LoggedIn"


@pytest.mark.attack("B4", "C11")
async def test_challenges_share_one_attempt_limit(
    api: Api, member_with_2fa: ApiUser, clock: Clock, services: Services
) -> None:
    """Two challenges are valid at once. A failure with either counts for the account."""
    tabs = [await start_login(api, member_with_2fa.user) for _ in range(2)]
    for tab, remaining in zip(tabs * 2, (4, 3, 2, 1), strict=True):
        answer = await verify_login(api, tab, otp=member_with_2fa.authenticator.wrong_otp(clock.now))
        assert answer["attemptsRemaining"] == remaining
    assert await attempt_counts(services.database) == {"OTP": 4}

    assert await verify_outcome(api, tabs[0], otp=member_with_2fa.authenticator.otp(clock.now)) == "LoggedIn"
    clock.advance(TIME_STEP)
    assert await verify_outcome(api, tabs[1], otp=member_with_2fa.authenticator.otp(clock.now)) == "LoggedIn"
