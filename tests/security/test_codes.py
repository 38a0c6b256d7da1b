"""One-time passwords: replayed, in other spellings, and at other times."""

from datetime import timedelta

import pytest
from graphql import GraphQLNonNull, GraphQLString
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.services import Services
from tests.support.api import Api
from tests.support.api_users import ApiUser, start_activation, start_login, verify_login, verify_outcome
from tests.support.attempts import attempt_counts
from tests.support.clock import START, TIME_STEP, Clock
from tests.support.operations import CONFIRM_OTP, DEACTIVATE_TWO_FACTOR, VERIFY_LOGIN, VIEWER
from tests.support.schema_elements import own_types, served_schema
from tests.support.users import PASSWORD

# Texts that are not an OTP, but could be converted to one. `{}` is the right OTP.
MALFORMED = [
    "", " ", "{}\x00", "\x00{}", "+{}", "0{}", "00{}", "{}0", "{}.0", "{}e0", "{},{}", "{}{}", "{} {}", "1. {}", "null",
    "NaN", "true", "[]", "' OR 1=1 --", "\ud800{}", "{}\udfff", "{}%00", "0x1E240", "1e5", "12345", "1234567", "abcdef",
    "{}\u0300", "{}\u00b2",
]  # fmt: skip
# What programs put around an OTP or into it when a user copies it. `{}` is the first half, then the second.
PASTED = [
    "{}{} ", " {}{}", "\t{}{}", "{}{}\n", "\r\n{}{}", "\u00a0{}{}", "{}\u00a0{}", "{} {}", "{}-{}", "{}\u2011{}",
    "{}\u2013{}", "\u200b{}{}", "{}{}\u200d", "\u200e{}{}", "\u202e{}{}", "\ufeff{}{}", '"{}{}"', "\u201e{}{}\u201c",
]  # fmt: skip


def in_digits_from(zero: int, otp: str) -> str:
    """Return the OTP in the digits of another script, whose digit zero has this code point."""
    return "".join(chr(zero + int(digit)) for digit in otp)


def malformed_spellings(otp: str) -> list[str]:
    """Return texts that are no OTP. Unicode maps the digits of other scripts to the same numbers."""
    scripts = [in_digits_from(zero, otp) for zero in (0x0660, 0x06F0, 0x0966, 0x0E50, 0x104A0)]
    return [*(each.format(otp, otp) for each in MALFORMED), *scripts, f"{otp[:3]}_{otp[3:]}"]


def pasted_spellings(otp: str) -> list[str]:
    """Return texts that users paste or type as the OTP."""
    return [*(each.format(otp[:3], otp[3:]) for each in PASTED), in_digits_from(0xFF10, otp)]


async def verify_otp(api: Api, challenge: str, otp: str) -> str:
    """Verify an OTP. Return the `__typename` of the result."""
    return await verify_outcome(api, challenge, otp=otp)


@pytest.mark.attack("A1")
async def test_replayed_otp_is_rejected(api: Api, clock: Clock, member_with_2fa: ApiUser, services: Services) -> None:
    """An OTP that completed a login is rejected with the same challenge and with a new one, and counts."""
    old, fresh = await start_login(api, member_with_2fa.user), await start_login(api, member_with_2fa.user)
    otp = member_with_2fa.authenticator.otp(clock.now)
    assert await verify_otp(api, old, otp) == "LoggedIn"

    assert await verify_otp(api, old, otp) == "ChallengeExpired"
    assert await verify_otp(api, fresh, otp) == "WrongSecondFactor"
    assert await verify_otp(api, await start_login(api, member_with_2fa.user), otp) == "WrongSecondFactor"
    assert await attempt_counts(services.database) == {"OTP": 2}


@pytest.mark.attack("A2")
async def test_otp_older_than_the_last_used_is_rejected(api: Api, clock: Clock, member_with_2fa: ApiUser) -> None:
    """After the use of a newer OTP, the one before it is rejected, although its time step is in the window."""
    before = member_with_2fa.authenticator.otp(clock.now)
    clock.advance(TIME_STEP)
    assert (
        await verify_otp(
            api, await start_login(api, member_with_2fa.user), member_with_2fa.authenticator.otp(clock.now)
        )
        == "LoggedIn"
    )

    assert await verify_otp(api, await start_login(api, member_with_2fa.user), before) == "WrongSecondFactor"


@pytest.mark.attack("A4", "A9")
@pytest.mark.parametrize("within", [0.0, 29.999999], ids=["first instant", "last instant"])
@pytest.mark.parametrize("drift", [-2, -1, 0, 1, 2])
async def test_otp_of_adjacent_time_steps_is_accepted(
    api: Api, clock: Clock, member_with_2fa: ApiUser, within: float, drift: int
) -> None:
    """One step of drift is accepted at the first and at the last instant of a time step. Two are rejected."""
    clock.now = START.replace(second=0) + timedelta(minutes=10, seconds=within)

    otp = member_with_2fa.authenticator.otp(clock.now + drift * TIME_STEP)

    expected = "LoggedIn" if abs(drift) <= 1 else "WrongSecondFactor"
    assert await verify_otp(api, await start_login(api, member_with_2fa.user), otp) == expected


@pytest.mark.attack("A5")
async def test_otp_of_the_activation_is_rejected_at_login(api: Api, clock: Clock, member_with_2fa: ApiUser) -> None:
    """The OTP that confirmed the activation counts as used."""
    confirmed_with = member_with_2fa.authenticator.otp(clock.now - TIME_STEP)

    assert await verify_otp(api, await start_login(api, member_with_2fa.user), confirmed_with) == "WrongSecondFactor"


@pytest.mark.attack("A7")
async def test_malformed_otp_is_rejected_without_a_failed_attempt(
    api: Api, clock: Clock, member_with_2fa: ApiUser, services: Services
) -> None:
    """The answer says that the text is malformed, causes no error and does not count."""
    otp = member_with_2fa.authenticator.otp(clock.now)
    challenge = await start_login(api, member_with_2fa.user)

    for spelling in [*malformed_spellings(otp), otp * 5000, f"{otp}{' ' * 30_000}"]:
        answer = await verify_login(api, challenge, otp=spelling)
        assert (answer["__typename"], answer.get("attemptsRemaining")) == ("WrongSecondFactor", 5), ascii(spelling)
        assert answer["malformed"], ascii(spelling)
        assert "malformed" in answer["message"]

    assert await attempt_counts(services.database) == {}
    wrong = await verify_login(api, challenge, otp=member_with_2fa.authenticator.wrong_otp(clock.now))
    assert not wrong["malformed"]
    assert await verify_otp(api, challenge, otp) == "LoggedIn"


@pytest.mark.attack("A7")
async def test_pasted_otp_is_accepted_once(api: Api, clock: Clock, member_with_2fa: ApiUser) -> None:
    """What surrounds an OTP is removed. Every spelling of a used OTP is used."""
    for number in range(len(PASTED) + 1):
        clock.advance(TIME_STEP)
        otp = member_with_2fa.authenticator.otp(clock.now)
        challenge = await start_login(api, member_with_2fa.user)
        assert await verify_otp(api, challenge, pasted_spellings(otp)[number]) == "LoggedIn", number

    for spelling in pasted_spellings(otp)[:4]:
        challenge = await start_login(api, member_with_2fa.user)
        assert await verify_otp(api, challenge, spelling) == "WrongSecondFactor", ascii(spelling)


@pytest.mark.attack("A7")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=40) | st.text("0123456789 -+\x00\u0660\uff11", max_size=9))
async def test_arbitrary_text_as_second_factor_returns_a_user_error(
    api: Api, clock: Clock, member_with_2fa: ApiUser, text: str
) -> None:
    """Any text returns a user error, never a server error."""
    clock.advance(timedelta(hours=1))
    challenge = await start_login(api, member_with_2fa.user)

    for factor in ("otp", "backupCode"):
        answer = await verify_login(api, challenge, **{factor: text})
        assert answer["__typename"] in {"WrongSecondFactor", "SecondFactorLocked"}, ascii(text)


@pytest.mark.attack("A8")
@pytest.mark.parametrize("literal", ["012345", "123456", "1.5", "true", "null", "[123456]", "OTP", '{ a: "1" }'])
async def test_otp_literal_of_another_type_is_rejected(api: Api, member_with_2fa: ApiUser, literal: str) -> None:
    """An OTP must be a string, since a number has no leading zeros. The operation does not run."""
    challenge = await start_login(api, member_with_2fa.user)
    arguments = f'challengeToken: "{challenge}", secondFactor: {{ otp: {literal} }}'

    result = await api.execute(f"mutation {{ verifyLogin({arguments}) {{ __typename }} }}")

    assert {each["extensions"]["code"] for each in result["errors"]} <= {
        "GRAPHQL_VALIDATION_FAILED",
        "GRAPHQL_PARSE_FAILED",
    }
    assert "data" not in result


@pytest.mark.attack("A8")
async def test_otp_variable_of_another_type_is_rejected(api: Api, member_with_2fa: ApiUser) -> None:
    """A variable must be a string too."""
    challenge = await start_login(api, member_with_2fa.user)

    for value in (12345, 123456, 1.5, True, None, ["123456"], {"otp": "123456"}):
        arguments = {"challengeToken": challenge, "secondFactor": {"otp": value}}
        assert await api.outcome(VERIFY_LOGIN, **arguments) == "BAD_USER_INPUT"


@pytest.mark.attack("A8")
def test_codes_are_strings_in_the_schema() -> None:
    """Every input field and argument for a code is a `String`."""
    mutations = served_schema().mutation_type
    assert mutations is not None
    second_factor = served_schema().type_map["SecondFactorInput"]

    otp_type = mutations.fields["confirmOtp"].args["otp"].type
    assert isinstance(otp_type, GraphQLNonNull)
    assert otp_type.of_type is GraphQLString
    assert {each.type for each in second_factor.fields.values()} == {GraphQLString}  # type: ignore[attr-defined]


@pytest.mark.attack("A11")
@pytest.mark.parametrize("jump", [timedelta(days=366), timedelta(days=36_500)], ids=["a year", "a century"])
async def test_clock_jump_forward_expires_sessions_and_challenges(
    api: Api, clock: Clock, member_with_2fa: ApiUser, jump: timedelta
) -> None:
    """Sessions and challenges have expired, and the TOTP secret is still valid."""
    challenge = await start_login(api, member_with_2fa.user)
    clock.advance(jump)

    assert await api.data(VIEWER) == {"viewer": None}
    assert await member_with_2fa.client.outcome(DEACTIVATE_TWO_FACTOR, password=PASSWORD) == "UNAUTHENTICATED"
    assert await verify_otp(api, challenge, member_with_2fa.authenticator.otp(clock.now)) == "ChallengeExpired"
    assert (
        await verify_otp(
            api, await start_login(api, member_with_2fa.user), member_with_2fa.authenticator.otp(clock.now)
        )
        == "LoggedIn"
    )


@pytest.mark.attack("A10")
async def test_used_otp_stays_used_after_the_clock_is_set_back(
    api: Api, clock: Clock, member_with_2fa: ApiUser
) -> None:
    """Ten minutes earlier, used OTPs stay used. Time steps after the newest used one are accepted."""
    used = member_with_2fa.authenticator.otp(clock.now)
    assert await verify_otp(api, await start_login(api, member_with_2fa.user), used) == "LoggedIn"
    then = clock.now
    clock.now = then - timedelta(minutes=10)

    challenge = await start_login(api, member_with_2fa.user)
    for otp in (used, member_with_2fa.authenticator.otp(clock.now)):
        assert await verify_otp(api, challenge, otp) == "WrongSecondFactor"
    clock.now = then + TIME_STEP

    assert (
        await verify_otp(
            api, await start_login(api, member_with_2fa.user), member_with_2fa.authenticator.otp(clock.now)
        )
        == "LoggedIn"
    )


@pytest.mark.attack("A12")
async def test_client_cannot_set_the_time(api: Api, clock: Clock, member_with_2fa: ApiUser) -> None:
    """No header and no argument sets the current time."""
    challenge = await start_login(api, member_with_2fa.user)
    later = clock.now + timedelta(hours=1)
    arguments = {"challengeToken": challenge, "secondFactor": {"otp": member_with_2fa.authenticator.otp(later)}}
    headers = {"Date": later.strftime("%a, %d %b %Y %H:%M:%S GMT"), "X-Time": later.isoformat(), "X-Timestamp": "0"}

    answer = (await api.post(VERIFY_LOGIN, arguments, headers=headers)).json()

    assert answer["data"]["verifyLogin"]["__typename"] == "WrongSecondFactor"
    fields = [each for kind in own_types(served_schema()) for each in getattr(kind, "fields", {}).values()]
    names = {name.lower() for each in fields for name in getattr(each, "args", {})}
    assert not {name for name in names if "time" in name or name in {"now", "at", "step"}}


@pytest.mark.attack("A7")
async def test_malformed_otp_does_not_confirm_an_activation(logged_in_member: ApiUser, clock: Clock) -> None:
    """The same rule applies to the OTP of an activation: after all malformed ones, a pasted one confirms it."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    otp = authenticator.otp(clock.now)
    for spelling in malformed_spellings(otp):
        answer = await logged_in_member.client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=spelling)
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongOtp", 5), ascii(spelling)
        assert answer["malformed"], ascii(spelling)
        assert "malformed" in answer["message"]

    # The same session may repeat the OTP that confirmed the activation, in any spelling.
    answers = [
        await logged_in_member.client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=spelling)
        for spelling in pasted_spellings(otp)
    ]
    assert [answer["__typename"] for answer in answers] == ["BackupCodesIssued"] * len(answers)
    assert all(answer["codes"] == answers[0]["codes"] for answer in answers)
