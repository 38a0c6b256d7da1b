"""One-time passwords, A1 to A12: replayed, spelt otherwise, shifted in time."""

from datetime import timedelta

import pytest
from graphql import GraphQLNonNull, GraphQLString
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.steps import (
    STEP,
    Person,
    attempt,
    budgets,
    challenge_of,
    mutation,
    outcome,
    started,
    verify,
)
from tests.conftest import PASSWORD
from tests.contract.elements import own_types, served
from tests.support.api import Api
from tests.support.clock import START, Clock
from twofactor.environment import Environment

# What looks like an OTP, or hopes to be cut, folded or turned into one. `{}` is the right OTP.
SPELLINGS = [
    "", " ", "{} ", " {}", "\t{}", "{}\n", "\u00a0{}", "{}\x00", "\x00{}", "\u200b{}", "{}\u200d", "\u202e{}",
    "\ufeff{}", "+{}", "-{}", "0{}", "00{}", "{}0", "{}.0", "{}e0", "{},{}", "{}{}", "{} {}", "null", "NaN", "true",
    "[]", "' OR 1=1 --", "\ud800{}", "{}\udfff", "{}%00", "0x1E240", "1e5", "12345", "1234567", "abcdef",
    "{}\u0300", "\r\n{}",
]  # fmt: skip


def look_alikes(otp: str) -> list[str]:
    """The digits of other scripts, which Unicode folds or counts to the same numbers, and separators within."""
    zeros = (0xFF10, 0x0660, 0x06F0, 0x0966, 0x1D7CE, 0x1D7D8, 0x1D7EC, 0x104A0)
    scripts = ["".join(chr(zero + int(digit)) for digit in otp) for zero in zeros]
    return [
        *scripts,
        f"{otp[:3]} {otp[3:]}",
        f"{otp[:3]}-{otp[3:]}",
        f"{otp[:3]}_{otp[3:]}",
        f"{otp[:3]}\u200b{otp[3:]}",
    ]


async def verified(api: Api, challenge: str, otp: str) -> str:
    """What an OTP was answered with."""
    return str((await verify(api, challenge, otp=otp))["__typename"])


async def test_an_otp_is_replayed(api: Api, clock: Clock, enrolled: Person, env: Environment) -> None:
    """A1: an OTP that has opened a session opens no second one, over the same challenge or a new one, and counts."""
    old, fresh = await challenge_of(api, enrolled.user.email), await challenge_of(api, enrolled.user.email)
    otp = enrolled.app.otp(clock.now)
    assert await verified(api, old, otp) == "LoggedIn"

    assert await verified(api, old, otp) == "ChallengeExpired"
    assert await verified(api, fresh, otp) == "WrongSecondFactor"
    assert await verified(api, await challenge_of(api, enrolled.user.email), otp) == "WrongSecondFactor"
    assert await budgets(env.database) == {"OTP": 2}


async def test_the_otp_of_the_step_before_is_replayed(api: Api, clock: Clock, enrolled: Person) -> None:
    """A2: when a newer OTP was used, the one before it is over, though its step is still within the drift."""
    before = enrolled.app.otp(clock.now)
    clock.advance(STEP)
    assert await verified(api, await challenge_of(api, enrolled.user.email), enrolled.app.otp(clock.now)) == "LoggedIn"

    assert await verified(api, await challenge_of(api, enrolled.user.email), before) == "WrongSecondFactor"


@pytest.mark.parametrize("within", [0.0, 29.999999], ids=["first instant", "last instant"])
@pytest.mark.parametrize("drift", [-2, -1, 0, 1, 2])
async def test_an_otp_of_another_step(api: Api, clock: Clock, enrolled: Person, within: float, drift: int) -> None:
    """A4, A9: one step either way is let in, at the first and at the last instant of a step, and no more."""
    clock.now = START.replace(second=0) + timedelta(minutes=10, seconds=within)

    otp = enrolled.app.otp(clock.now + drift * STEP)

    expected = "LoggedIn" if abs(drift) <= 1 else "WrongSecondFactor"
    assert await verified(api, await challenge_of(api, enrolled.user.email), otp) == expected


async def test_the_otp_of_the_activation_is_replayed(api: Api, clock: Clock, enrolled: Person) -> None:
    """A5: what confirmed the activation counts as used, at the next sign-in too."""
    confirmed_with = enrolled.app.otp(clock.now - STEP)

    assert await verified(api, await challenge_of(api, enrolled.user.email), confirmed_with) == "WrongSecondFactor"


async def test_other_spellings_of_the_right_otp(api: Api, clock: Clock, enrolled: Person, env: Environment) -> None:
    """A7: six ASCII digits and nothing else, not even the same number in other digits; no spelling costs or breaks."""
    otp = enrolled.app.otp(clock.now)
    challenge = await challenge_of(api, enrolled.user.email)

    for spelling in [*(each.format(otp, otp) for each in SPELLINGS), *look_alikes(otp), otp * 5000]:
        answer = await verify(api, challenge, otp=spelling)
        assert (answer["__typename"], answer.get("attemptsRemaining")) == ("WrongSecondFactor", 5), ascii(spelling)

    assert await budgets(env.database) == {}
    assert await verified(api, challenge, otp) == "LoggedIn"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=40) | st.text("0123456789 -+\x00\u0660\uff11", max_size=9))
async def test_any_text_as_otp_and_as_backup_code(api: Api, clock: Clock, enrolled: Person, text: str) -> None:
    """A7: whatever the text, a typed refusal; never an error of the server."""
    clock.advance(timedelta(hours=1))
    challenge = await challenge_of(api, enrolled.user.email)

    for factor in ("otp", "backupCode"):
        answer = await verify(api, challenge, **{factor: text})
        assert answer["__typename"] in {"WrongSecondFactor", "SecondFactorLocked"}, ascii(text)


@pytest.mark.parametrize("literal", ["012345", "123456", "1.5", "true", "null", "[123456]", "OTP", '{ a: "1" }'])
async def test_an_otp_that_is_no_string(api: Api, enrolled: Person, literal: str) -> None:
    """A8: a number is no OTP, for it would lose its leading zeros; the operation does not run."""
    challenge = await challenge_of(api, enrolled.user.email)
    given_so = f'challengeToken: "{challenge}", secondFactor: {{ otp: {literal} }}'

    result = await api.execute(f"mutation {{ verifyLogin({given_so}) {{ __typename }} }}")

    assert {each["extensions"]["code"] for each in result["errors"]} <= {
        "GRAPHQL_VALIDATION_FAILED",
        "GRAPHQL_PARSE_FAILED",
    }
    assert "data" not in result


async def test_an_otp_variable_that_is_no_string(api: Api, enrolled: Person) -> None:
    """A8: the same for a variable."""
    challenge = await challenge_of(api, enrolled.user.email)

    for value in (12345, 123456, 1.5, True, None, ["123456"], {"otp": "123456"}):
        given_so = {"challengeToken": challenge, "secondFactor": {"otp": value}}
        assert await outcome(api, "verifyLogin", **given_so) == "BAD_USER_INPUT"


def test_every_code_is_a_string_in_the_schema() -> None:
    """A8: wherever the schema takes a code, it takes text."""
    changes = served().mutation_type
    assert changes is not None
    second_factor = served().type_map["SecondFactorInput"]

    confirmed_with = changes.fields["confirmOtp"].args["otp"].type
    assert isinstance(confirmed_with, GraphQLNonNull)
    assert confirmed_with.of_type is GraphQLString
    assert {each.type for each in second_factor.fields.values()} == {GraphQLString}  # type: ignore[attr-defined]


@pytest.mark.parametrize("far", [timedelta(days=366), timedelta(days=36_500)], ids=["a year", "a century"])
async def test_the_clock_jumps_forward(api: Api, clock: Clock, enrolled: Person, far: timedelta) -> None:
    """A11: sessions and challenges are over, and the seed is as good as before."""
    challenge = await challenge_of(api, enrolled.user.email)
    clock.advance(far)

    assert await api.data("{ viewer { id } }") == {"viewer": None}
    assert await outcome(enrolled.api, "deactivateTwoFactor", password=PASSWORD) == "UNAUTHENTICATED"
    assert await verified(api, challenge, enrolled.app.otp(clock.now)) == "ChallengeExpired"
    assert await verified(api, await challenge_of(api, enrolled.user.email), enrolled.app.otp(clock.now)) == "LoggedIn"


async def test_the_clock_is_set_back(api: Api, clock: Clock, enrolled: Person) -> None:
    """A10: after ten minutes back, what was used stays used, and new steps work from the newest used one on."""
    used = enrolled.app.otp(clock.now)
    assert await verified(api, await challenge_of(api, enrolled.user.email), used) == "LoggedIn"
    then = clock.now
    clock.now = then - timedelta(minutes=10)

    challenge = await challenge_of(api, enrolled.user.email)
    for otp in (used, enrolled.app.otp(clock.now)):
        assert await verified(api, challenge, otp) == "WrongSecondFactor"
    clock.now = then + STEP

    assert await verified(api, await challenge_of(api, enrolled.user.email), enrolled.app.otp(clock.now)) == "LoggedIn"


async def test_a_clock_of_the_clients_own(api: Api, clock: Clock, enrolled: Person) -> None:
    """A12: no header and no argument says what time it is."""
    challenge = await challenge_of(api, enrolled.user.email)
    later = clock.now + timedelta(hours=1)
    arguments = {"challengeToken": challenge, "secondFactor": {"otp": enrolled.app.otp(later)}}
    headers = {"Date": later.strftime("%a, %d %b %Y %H:%M:%S GMT"), "X-Time": later.isoformat(), "X-Timestamp": "0"}

    answer = (await api.post(mutation("verifyLogin", *arguments), arguments, headers=headers)).json()

    assert answer["data"]["verifyLogin"]["__typename"] == "WrongSecondFactor"
    fields = [each for kind in own_types(served()) for each in getattr(kind, "fields", {}).values()]
    names = {name.lower() for each in fields for name in getattr(each, "args", {})}
    assert not {name for name in names if "time" in name or name in {"now", "at", "step"}}


async def test_other_spellings_of_the_otp_that_confirms(mia: Person, clock: Clock) -> None:
    """A7: the same rule for the OTP of an activation."""
    activation_id, app = await started(mia)
    otp = app.otp(clock.now)
    for spelling in [*(each.format(otp, otp) for each in SPELLINGS), *look_alikes(otp)]:
        answer = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=spelling)
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongOtp", 5), ascii(spelling)
