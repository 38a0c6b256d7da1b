"""Finding out what one may not know, G1 to G5: accounts, factors, other companies' users, the schema."""

import base64
import json
import re
from typing import Any

import pytest
from starlette.applications import Starlette

import models
from app import create_app
from settings import Settings
from tests.attacks.steps import (
    STEP,
    WRONG_BACKUP_CODE,
    WRONG_PASSWORD,
    Person,
    attempt,
    challenge_of,
    enrol,
    mutation,
    no_waits,
    outcome,
    signed_in,
    somebody,
    verify,
)
from tests.conftest import PASSWORD
from tests.support.api import Api, api_of
from tests.support.clock import Clock
from twofactor import accounts
from twofactor.environment import Environment

# 32 random bytes in base64, of this test alone.
KEYS = "k1:nWz1mB0c3x6vQkqk0rF4V9J8yYp2sTgHdLeUaXoRiMc="


async def answers_to(api: Api, email: str, password: str, times: int) -> list[tuple[int, dict[str, str], Any]]:
    """Status, headers and body of several sign-ins in a row, less what differs between any two answers."""
    answers = []
    for _ in range(times):
        response = await somebody(api).post(
            mutation("login", "email", "password"), {"email": email, "password": password}
        )
        headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
        answers.append((response.status_code, headers, response.json()))
    return answers


@pytest.fixture
async def disabled(env: Environment, stranger: models.User) -> models.User:
    """A user who may not sign in any more."""
    await accounts.disable_user(env, stranger.id)
    return stranger


async def test_emails_are_tried_for_an_account(
    api: Api, enrolled: Person, admin: models.User, disabled: models.User
) -> None:
    """G1, G2, ASVS 6.3.8: unknown, disabled, with 2FA or without: wrong passwords get one answer, waits too."""
    wrong = {
        email: await answers_to(api, email, WRONG_PASSWORD, 7)
        for email in (enrolled.user.email, admin.email, disabled.email, "nobody@acme.example")
    }

    assert len({repr(answers) for answers in wrong.values()}) == 1
    kinds = [body["data"]["login"]["__typename"] for _, _, body in wrong["nobody@acme.example"]]
    assert kinds == ["WrongEmailOrPassword"] * 5 + ["TooManyAttempts"] * 2


async def test_the_right_password_of_a_disabled_account(api: Api, disabled: models.User) -> None:
    """G1: an account that was disabled looks like none, to its old owner too."""
    known = await answers_to(api, disabled.email, PASSWORD, 1)

    assert known == await answers_to(api, "nobody@acme.example", PASSWORD, 1)


async def test_two_factor_is_told_to_whoever_knows_the_password_alone(api: Api, enrolled: Person) -> None:
    """G2: that an account has 2FA shows only after the right password."""
    assert await outcome(api, "login", email=enrolled.user.email, password=WRONG_PASSWORD) == "WrongEmailOrPassword"
    assert await outcome(api, "login", email=enrolled.user.email, password=PASSWORD) == "SecondFactorRequired"


async def test_refusals_of_the_second_factor_are_compared(
    api: Api, enrolled: Person, clock: Clock, env: Environment
) -> None:
    """G3: wrong, expired, used, malformed and somebody else's get one answer, for OTPs and backup codes alike."""
    expired, replayed = enrolled.app.otp(clock.now), enrolled.app.otp(clock.now + 3 * STEP)
    clock.advance(3 * STEP)
    used = await challenge_of(api, enrolled.user.email)
    assert (await verify(api, used, backupCode=enrolled.codes[0]))["__typename"] == "LoggedIn"
    used = await challenge_of(api, enrolled.user.email)
    assert (await verify(api, used, otp=replayed))["__typename"] == "LoggedIn"
    answers = []
    for second_factor in (
        {"otp": enrolled.app.wrong_otp(clock.now)},
        {"otp": expired},
        {"otp": replayed},
        {"backupCode": WRONG_BACKUP_CODE},
        {"backupCode": enrolled.codes[0]},
    ):
        challenge = await challenge_of(api, enrolled.user.email)
        answers.append(await verify(api, challenge, **second_factor))
        await no_waits(env.database, clock.now.replace(year=2020))

    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["__typename"] == "WrongSecondFactor"
    for malformed in ({"otp": "1"}, {"backupCode": "1"}):
        answer = await verify(api, await challenge_of(api, enrolled.user.email), **malformed)
        assert answer.keys() == answers[0].keys()
        assert answer["__typename"] == answers[0]["__typename"]


async def test_a_wait_does_not_say_whether_the_code_was_right(api: Api, enrolled: Person, clock: Clock) -> None:
    """G3, R5: while a wait lasts, right and wrong codes get one answer, and the right one stays unused."""
    challenge = await challenge_of(api, enrolled.user.email)
    for _ in range(5):
        await verify(api, challenge, otp=enrolled.app.wrong_otp(clock.now))
    right = await verify(api, challenge, otp=enrolled.app.otp(clock.now))
    wrong = await verify(api, challenge, otp=enrolled.app.wrong_otp(clock.now))

    assert right == wrong
    assert right["__typename"] == "TooManyAttempts"
    clock.advance(STEP)
    assert (await verify(api, challenge, otp=enrolled.app.otp(clock.now - STEP)))["__typename"] == "LoggedIn"


async def test_other_companies_users_are_looked_for(ada: Person, stranger: models.User, api: Api, clock: Clock) -> None:
    """G4, I1: another company account's user, with 2FA or without, is answered like nobody, by every field."""
    theirs = await enrol(await signed_in(api, stranger), clock)
    ids = [theirs.id, "user_" + "0" * 32, "user_x", "", "session_" + stranger.id.hex, "company_" + "0" * 32]

    resets = [await attempt(ada.api, "adminResetTwoFactor", userId=each, password=PASSWORD) for each in ids]
    reads = [
        await ada.api.execute(
            """query($id: ID!) {
                user(id: $id) { id } node(id: $id) { id } securityEvents(filter: { userId: $id }) { nodes { id } }
            }""",
            {"id": each},
        )
        for each in ids
    ]

    assert all(answer == resets[0] for answer in resets)
    assert resets[0]["__typename"] == "UserNotFound"
    assert all(answer == reads[0] for answer in reads)
    assert reads[0] == {"data": {"user": None, "node": None, "securityEvents": {"nodes": []}}}
    search = '{ users(filter: { search: "elsewhere" }) { totalCount nodes { id } } }'
    assert await ada.api.data(search) == {"users": {"totalCount": 0, "nodes": []}}


@pytest.mark.parametrize("search", ["%", "_", "\\", "%%", "\\%", "[a-z]", "*", "' OR '1'='1"])
async def test_wildcards_are_searched_for(ada: Person, mia: Person, search: str) -> None:
    """ASVS 1.2.4: a search finds its own characters, whatever they mean to a database."""
    assert mia.user.company_id == ada.user.company_id
    query = "query($text: String!) { users(filter: { search: $text }) { totalCount nodes { id } } }"

    assert await ada.api.data(query, {"text": search}) == {"users": {"totalCount": 0, "nodes": []}}


def cursor(order: str, value: str) -> str:
    """A place in a list, as one may forge it."""
    return base64.urlsafe_b64encode(json.dumps([order, value, "0" * 32]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            f"filter: {{ backupCodesRemainingAtMost: {number} }}"
            for number in (2**31 - 1, -(2**31), 2**15, -(2**15) - 1)
        ),
        'filter: { search: "a\\u0000b" }',
        *(
            f'after: "{cursor("NEWEST_FIRST", instant)}"'
            for instant in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "x", "")
        ),
        f'after: "{cursor("NAME", "x")}"',
    ],
)
async def test_numbers_and_instants_at_the_end_of_their_range(ada: Person, arguments: str) -> None:
    """R13: what a column cannot hold finds nothing or is refused as input; it never breaks."""
    result = await ada.api.execute(f"{{ users({arguments}) {{ totalCount }} }}")

    assert [error["extensions"]["code"] for error in result.get("errors", ())] in ([], ["BAD_USER_INPUT"])


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"])
async def test_events_of_impossible_times(ada: Person, instant: str) -> None:
    """R13: the same for the instants of a filter."""
    result = await ada.api.execute(
        f'{{ securityEvents(filter: {{ since: "{instant}", until: "{instant}" }}) {{ nodes {{ id }} }} }}'
    )

    codes = {error["extensions"]["code"] for error in result.get("errors", ())}
    assert codes <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


@pytest.fixture
def in_production(database_url: str, clock: Clock) -> Starlette:
    """The application in the profile of production."""
    return create_app(Settings(database_url=database_url, mode="production", secret_keys=KEYS), clock=clock)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_schema_is_guessed_in_production(in_production: Starlette) -> None:
    """G5: neither introspection nor a misspelt name of any kind tells what the schema has."""
    slips = [
        "{ __schema { types { name } } }",
        '{ __type(name: "User") { name } }',
        "{ viewer { __typename ... on User { emial } } }",
        "{ viewr { id } }",
        "mutation { logn { __typename } }",
        'mutation { login(emial: "", password: "") { __typename } }',
        'mutation { login(email: "", password: "", transport: TOKN) { __typename } }',
        "{ viewer { ... on Usr { id } } }",
        "{ users(orderBy: NAM) { totalCount } }",
        '{ users(filter: { serch: "" }) { totalCount } }',
        "query($x: UserFiltr) { users(filter: $x) { totalCount } }",
        "{ viewer @skp(if: true) { id } }",
    ]
    async with api_of(in_production) as api:
        for document in slips:
            result = await api.execute(document)
            text = repr(result)
            assert "errors" in result, document
            assert "Did you mean" not in text, document
            names = {"email", "search", "NAME", "skip", "TOKEN"} - set(re.findall(r"\w+", document))
            assert not [name for name in names if f"'{name}'" in text], document


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "second_factor",
    [
        '{ otpp: "123456" }', '"123456"', '["123456"]', "123456", '{ otp: "123456", backupCode: "A" }',
        '{ otp: { x: "123456" } }', '{ otp: ["123456"] }', "{ otp: 123456 }", '{ otp: null, backupCode: "123456" }',
        '{ "123456" }', "{ otp: 123456x }", '{ otp: "123456',
    ],
)  # fmt: skip
async def test_a_misplaced_code_comes_back(api: Api, second_factor: str) -> None:
    """G8, ASVS 16.5.1: an error about a document never repeats a literal of it, where logs of clients would keep it."""
    document = f'mutation {{ verifyLogin(challengeToken: "x", secondFactor: {second_factor}) {{ __typename }} }}'

    result = await api.execute(document)

    assert "errors" in result
    assert "123456" not in repr(result).replace("123456x", "")
