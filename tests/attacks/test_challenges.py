"""Challenges and sessions, C1 to C11: stolen, swapped, forged, and used for what they are not."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from models import Role
from tests.attacks.steps import (
    NEW_PASSWORD,
    STEP,
    Person,
    attempt,
    budgets,
    challenge_of,
    enrol,
    outcome,
    signed_in,
    somebody,
    started,
    verify,
)
from tests.conftest import PASSWORD, make_user
from tests.support.api import Api
from tests.support.clock import Clock
from twofactor import accounts
from twofactor.environment import Environment
from twofactor.rules.policy import CHALLENGE_LIFETIME, SESSION_IDLE_LIFETIME, SESSION_LIFETIME

MICROSECOND = timedelta(microseconds=1)
VIEWER = "{ viewer { id } }"


async def is_signed_in(api: Api, token: str) -> bool:
    """Whether a token is good as a session."""
    return (await somebody(api, token).data(VIEWER))["viewer"] is not None


@pytest.fixture
async def thief(api: Api, env: Environment, company: models.Company, password_hash: str, clock: Clock) -> Person:
    """Another member with 2FA active, who wants to be Mia."""
    user = await make_user(env.database, company, password_hash, clock, name="Theo")
    return await enrol(await signed_in(api, user), clock)


async def test_a_stolen_challenge_is_used_from_elsewhere_and_late(api: Api, clock: Clock, enrolled: Person) -> None:
    """C1: a challenge is no more than a right password: alone it opens nothing, after five minutes nothing at all."""
    challenge = await challenge_of(api, enrolled.user.email)
    assert not await is_signed_in(api, challenge)
    clock.advance(CHALLENGE_LIFETIME - MICROSECOND)
    assert (await verify(api, challenge, otp=enrolled.app.wrong_otp(clock.now)))["__typename"] == "WrongSecondFactor"
    clock.advance(MICROSECOND)

    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now)))["__typename"] == "ChallengeExpired"


async def test_ones_own_otp_with_somebody_elses_challenge(
    api: Api, clock: Clock, enrolled: Person, thief: Person, env: Environment
) -> None:
    """C2, E4: it is wrong like any other wrong one, and counts on the account that the challenge is for."""
    challenge = await challenge_of(api, enrolled.user.email)

    by_otp = await verify(api, challenge, otp=thief.app.otp(clock.now))
    by_code = await verify(api, challenge, backupCode=thief.codes[0])

    assert by_otp == by_code
    assert by_otp["__typename"] == "WrongSecondFactor"
    async with env.database.reading():
        rows = await models.AttemptBudget.filter(failures__gt=0)
    assert {(row.subject, row.failures) for row in rows} == {(enrolled.user.id.hex, 1)}
    assert len(rows) == 2


async def test_a_challenge_is_used_twice(api: Api, clock: Clock, enrolled: Person) -> None:
    """C3: after a session has come of it, neither a fresh OTP nor a backup code opens another."""
    challenge = await challenge_of(api, enrolled.user.email)
    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now)))["__typename"] == "LoggedIn"
    clock.advance(STEP)

    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now)))["__typename"] == "ChallengeExpired"
    assert (await verify(api, challenge, backupCode=enrolled.codes[0]))["__typename"] == "ChallengeExpired"


Change = Callable[[Environment, Person, Person], Awaitable[object]]

# What ends a challenge (R6), over HTTP where the API has it, else by the use case that the command line calls.
CHANGES: dict[str, Change] = {
    "the password changes": lambda _env, mia, _ada: attempt(
        mia.api, "changePassword", currentPassword=PASSWORD, newPassword=NEW_PASSWORD
    ),
    "the operator sets a password": lambda env, mia, _ada: accounts.set_password(env, mia.user.id, NEW_PASSWORD),
    "2FA is deactivated": lambda _env, mia, _ada: attempt(mia.api, "deactivateTwoFactor", password=PASSWORD),
    "an admin resets 2FA": lambda _env, mia, ada: attempt(
        ada.api, "adminResetTwoFactor", userId=mia.id, password=PASSWORD
    ),
    "backup codes are replaced": lambda _env, mia, _ada: attempt(mia.api, "regenerateBackupCodes", password=PASSWORD),
    "the user is disabled": lambda env, mia, _ada: accounts.disable_user(env, mia.user.id),
    "the user is deleted": lambda env, mia, _ada: accounts.delete_user(env, mia.user.id),
    "the role changes": lambda env, mia, _ada: accounts.set_role(env, mia.user.id, Role.ADMIN),
}
# What leaves it open: policy is read again when the challenge is used.
NO_CHANGES: dict[str, Change] = {
    "the policy changes": lambda _env, _mia, ada: attempt(
        ada.api, "updateSecurityPolicy", password=PASSWORD, twoFactorEnforced=True, backupCodesEnabled=False
    ),
    "another session ends": lambda _env, mia, _ada: attempt(mia.api, "logout"),
    "an activation is refused": lambda _env, mia, _ada: attempt(mia.api, "startTwoFactorActivation", password=PASSWORD),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_challenge_from_before_a_change(  # fixtures
    api: Api, clock: Clock, enrolled: Person, ada: Person, env: Environment, change: str
) -> None:
    """C4, C8, R6: what was begun before a change to the account is over after it, whatever is given."""
    challenge = await challenge_of(api, enrolled.user.email)
    await CHANGES[change](env, enrolled, ada)

    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now)))["__typename"] == "ChallengeExpired"
    assert (await verify(api, challenge, backupCode=enrolled.codes[0]))["__typename"] == "ChallengeExpired"


@pytest.mark.parametrize("change", NO_CHANGES)
async def test_a_challenge_from_before_what_is_no_change_to_the_account(  # fixtures
    api: Api, clock: Clock, enrolled: Person, ada: Person, env: Environment, change: str
) -> None:
    """C4: anything else leaves it open, so that nobody is thrown out of a sign-in for nothing."""
    challenge = await challenge_of(api, enrolled.user.email)
    await NO_CHANGES[change](env, enrolled, ada)

    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now)))["__typename"] == "LoggedIn"


# Without 2FA there is nothing to deactivate, to reset or to replace.
OF_ACTIVE_2FA = {"2FA is deactivated", "an admin resets 2FA", "backup codes are replaced"}


@pytest.mark.parametrize("change", [change for change in CHANGES if change not in OF_ACTIVE_2FA])
async def test_an_activation_from_before_a_change(
    mia: Person, ada: Person, clock: Clock, env: Environment, change: str
) -> None:
    """R6: an activation that is under way ends with the same changes."""
    activation_id, app = await started(mia)
    await CHANGES[change](env, mia, ada)

    answer = await outcome(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))

    assert answer in {"ActivationExpired", "UNAUTHENTICATED"}
    async with env.database.reading():
        assert await models.Activation.all().count() == 0


async def test_every_token_where_another_belongs(api: Api, clock: Clock, enrolled: Person, ada: Person) -> None:
    """C5, R7: of session, challenge and activation tokens, each opens its own door alone, also under another prefix."""
    challenge = await challenge_of(api, enrolled.user.email)
    activation_id, app = await started(ada)
    genuine = {"session": enrolled.token, "challenge": challenge, "activation": activation_id}
    prefixes = {kind: f"cs_{kind}_" for kind in genuine} | {"none": "", "bearer": "Bearer "}
    bodies = {kind: token.removeprefix(prefixes[kind]) for kind, token in genuine.items()}

    for prefix_kind, prefix in prefixes.items():
        for body_kind, body in bodies.items():
            token, is_genuine = prefix + body, prefix_kind == body_kind
            if not (is_genuine and body_kind == "session"):
                assert not await is_signed_in(api, token), token
                http = await api.http.post(
                    "/graphql", json={"query": VIEWER}, headers={"Cookie": f"__Host-countersign={token}"}
                )
                assert http.json() == {"data": {"viewer": None}}
            if not (is_genuine and body_kind == "challenge"):
                answer = await verify(api, token, otp=enrolled.app.otp(clock.now))
                assert answer["__typename"] == "ChallengeExpired", token
            if not (is_genuine and body_kind == "activation"):
                for field, arguments in (("confirmOtp", {"otp": app.otp(clock.now)}), ("acknowledgeBackupCodes", {})):
                    answer = await attempt(ada.api, field, activationId=token, **arguments)
                    assert answer["__typename"] == "ActivationExpired", token
    assert await is_signed_in(api, enrolled.token)
    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now)))["__typename"] == "LoggedIn"


async def test_a_session_is_fixed_before_the_sign_in(api: Api, clock: Clock, enrolled: Person, ada: Person) -> None:
    """C6, R8: a sign-in never takes up a session that was there before, and before the second factor there is none."""
    carrying = somebody(api, ada.token)
    answer = await attempt(carrying, "login", email=enrolled.user.email, password=PASSWORD)
    assert answer["__typename"] == "SecondFactorRequired"
    assert await is_signed_in(api, ada.token)
    signed = await attempt(
        carrying,
        "verifyLogin",
        challengeToken=answer["challengeToken"],
        secondFactor={"otp": enrolled.app.otp(clock.now)},
    )

    assert signed["sessionToken"] not in {ada.token, enrolled.token, answer["challengeToken"]}
    assert signed["viewer"]["id"] == enrolled.id
    assert (await somebody(api, ada.token).data(VIEWER))["viewer"]["id"] == ada.id


async def test_the_first_step_leaves_no_session(api: Api, enrolled: Person, env: Environment) -> None:
    """R8: after the right password alone there is no session row and no cookie, in either transport."""
    async with env.database.reading():
        before = await models.Session.all().count()
    for transport in ("TOKEN", "COOKIE"):
        answer = await attempt(
            somebody(api), "login", email=enrolled.user.email, password=PASSWORD, transport=transport
        )
        assert answer["__typename"] == "SecondFactorRequired"

    assert not api.http.cookies
    async with env.database.reading():
        assert await models.Session.all().count() == before


async def test_forged_and_bent_tokens(api: Api, clock: Clock, enrolled: Person) -> None:
    """C7: every single character of a token counts; bent, cut or lengthened it is no token at all."""
    challenge = await challenge_of(api, enrolled.user.email)
    otp = enrolled.app.otp(clock.now)

    def bent(token: str) -> list[str]:
        places = range(0, len(token), 3)
        swapped = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in places]
        return [*swapped, token[:-1], token + "A", token + "=", f" {token}", token.upper(), token.swapcase(), token * 2]

    for token in bent(challenge):
        assert (await verify(api, token, otp=otp))["__typename"] == "ChallengeExpired", token
    for token in bent(enrolled.token):
        assert token.strip() == enrolled.token or not await is_signed_in(api, token), token
    assert (await verify(api, challenge, otp=otp))["__typename"] == "LoggedIn"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200) | st.from_regex(r"cs_challenge_[A-Za-z0-9_-]{40,46}", fullmatch=True))
async def test_any_text_as_a_token(api: Api, mia: Person, text: str) -> None:
    """C7: whatever is given as a token, the refusal is typed and the same."""
    assert (await verify(api, text, otp="123456"))["__typename"] == "ChallengeExpired"
    assert (await attempt(mia.api, "confirmOtp", activationId=text, otp="123456"))["__typename"] == "ActivationExpired"


async def test_a_session_is_used_after_its_end(api: Api, clock: Clock, mia: Person) -> None:
    """C9: a session that was signed out, revoked or left idle, or is thirty days old, is none."""
    other = await signed_in(api, mia.user)
    assert (await attempt(other.api, "logout"))["__typename"] == "LoggedOut"
    assert not await is_signed_in(api, other.token)
    idle_since = clock.now
    while clock.now < idle_since + SESSION_LIFETIME - SESSION_IDLE_LIFETIME:
        clock.advance(SESSION_IDLE_LIFETIME - MICROSECOND)
        assert await is_signed_in(api, mia.token)
    clock.now = idle_since + SESSION_LIFETIME - MICROSECOND
    assert await is_signed_in(api, mia.token)
    clock.advance(MICROSECOND)
    assert not await is_signed_in(api, mia.token)

    idle = await signed_in(api, mia.user)
    clock.advance(SESSION_IDLE_LIFETIME)
    assert not await is_signed_in(api, idle.token)


async def test_somebody_elses_session_is_revoked(mia: Person, ada: Person, stranger: models.User, api: Api) -> None:
    """C9, ASVS 8.2.2: a session is ended by its own user alone; another one's id names nothing."""
    others = (ada, await signed_in(api, stranger))
    theirs = [
        (await other.api.data("{ viewer { sessions { id } } }"))["viewer"]["sessions"][0]["id"] for other in others
    ]
    for session_id in theirs:
        assert await outcome(mia.api, "revokeSession", id=session_id) == "SessionNotFound"
        assert await mia.api.data("query($id: ID!) { node(id: $id) { id } }", {"id": session_id}) == {"node": None}
    assert await is_signed_in(api, ada.token)


async def test_challenges_are_piled_up(api: Api, clock: Clock, enrolled: Person, env: Environment) -> None:
    """C10: however many sign-ins are begun, an account keeps a hundred challenges, and the newest is good."""
    async with env.database.transaction():
        await models.Challenge.bulk_create(
            models.Challenge(
                token_hash=f"{number:064x}",
                user_id=enrolled.user.id,
                transport=models.SessionTransport.TOKEN,
                created_at=clock.now - timedelta(seconds=1),
                expires_at=clock.now + CHALLENGE_LIFETIME,
            )
            for number in range(500)
        )
    challenge = await challenge_of(api, enrolled.user.email)

    async with env.database.reading():
        assert await models.Challenge.filter(user_id=enrolled.user.id).count() == 100
    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now)))["__typename"] == "LoggedIn"


async def test_two_tabs_share_one_count(api: Api, enrolled: Person, clock: Clock, env: Environment) -> None:
    """C11, B4: two sign-ins at once are both good, and a guess over either is a guess at the account."""
    tabs = [await challenge_of(api, enrolled.user.email) for _ in range(2)]
    for tab, remaining in zip(tabs * 2, (4, 3, 2, 1), strict=True):
        answer = await verify(api, tab, otp=enrolled.app.wrong_otp(clock.now))
        assert answer["attemptsRemaining"] == remaining
    assert await budgets(env.database) == {"OTP": 4}

    assert (await verify(api, tabs[0], otp=enrolled.app.otp(clock.now)))["__typename"] == "LoggedIn"
    clock.advance(STEP)
    assert (await verify(api, tabs[1], otp=enrolled.app.otp(clock.now)))["__typename"] == "LoggedIn"
