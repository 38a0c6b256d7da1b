"""Enumeration: accounts, factors, users of other companies, and the schema."""

import base64
import json
import re
from typing import Any

import pytest
from starlette.applications import Starlette

import models
from accounts import users
from accounts.services import Services
from app import create_app
from settings import Settings
from tests.support.api import Api, api_of
from tests.support.api_users import ApiUser, activate, log_in, start_login, verify_login, verify_outcome
from tests.support.attempts import end_waits
from tests.support.clock import TIME_STEP, Clock
from tests.support.operations import ADMIN_RESET_TWO_FACTOR, LOGIN
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, WRONG_PASSWORD

# 32 random bytes in base64, only for this test.
KEYS = "k1:nWz1mB0c3x6vQkqk0rF4V9J8yYp2sTgHdLeUaXoRiMc="


async def login_responses(api: Api, email: str, password: str, times: int) -> list[tuple[int, dict[str, str], Any]]:
    """Return status, headers and body of several logins in a row, without headers that differ in each response."""
    answers = []
    for _ in range(times):
        response = await api.with_token(None).post(LOGIN, {"email": email, "password": password})
        headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
        answers.append((response.status_code, headers, response.json()))
    return answers


@pytest.fixture
async def disabled_user(services: Services, other_company_admin: models.User) -> models.User:
    """Return a disabled user."""
    await users.disable_user(services, other_company_admin.id, force=True)
    return other_company_admin


@pytest.mark.attack("G1", "G2")
async def test_wrong_password_response_does_not_reveal_the_account(
    api: Api, member_with_2fa: ApiUser, admin: models.User, disabled_user: models.User
) -> None:
    """ASVS 6.3.8: wrong passwords and waits get the same responses for unknown, disabled and 2FA accounts."""
    wrong = {
        email: await login_responses(api, email, WRONG_PASSWORD, 7)
        for email in (member_with_2fa.user.email, admin.email, disabled_user.email, "unknown@acme.example")
    }

    assert len({repr(answers) for answers in wrong.values()}) == 1
    kinds = [body["data"]["login"]["__typename"] for _, _, body in wrong["unknown@acme.example"]]
    assert kinds == ["WrongEmailOrPassword"] * 5 + ["TooManyAttempts"] * 2


@pytest.mark.attack("G1")
async def test_disabled_account_gets_the_response_of_an_unknown_one(api: Api, disabled_user: models.User) -> None:
    """Even for the right password, a disabled account is indistinguishable from an unknown one."""
    actual = await login_responses(api, disabled_user.email, PASSWORD, 1)

    assert actual == await login_responses(api, "unknown@acme.example", PASSWORD, 1)


@pytest.mark.attack("G2")
async def test_two_factor_state_is_revealed_only_after_the_right_password(api: Api, member_with_2fa: ApiUser) -> None:
    """Only the right password reveals that an account has 2FA."""
    assert await api.outcome(LOGIN, email=member_with_2fa.user.email, password=WRONG_PASSWORD) == "WrongEmailOrPassword"
    assert await api.outcome(LOGIN, email=member_with_2fa.user.email, password=PASSWORD) == "SecondFactorRequired"


@pytest.mark.attack("G3")
async def test_rejected_second_factors_get_one_result(
    api: Api, member_with_2fa: ApiUser, clock: Clock, services: Services
) -> None:
    """Wrong, expired, used and malformed second factors get the same result, for OTPs and backup codes."""
    expired, replayed = (
        member_with_2fa.authenticator.otp(clock.now),
        member_with_2fa.authenticator.otp(clock.now + 3 * TIME_STEP),
    )
    clock.advance(3 * TIME_STEP)
    used = await start_login(api, member_with_2fa.user)
    assert await verify_outcome(api, used, backupCode=member_with_2fa.codes[0]) == "LoggedIn"
    used = await start_login(api, member_with_2fa.user)
    assert await verify_outcome(api, used, otp=replayed) == "LoggedIn"
    answers = []
    for second_factor in (
        {"otp": member_with_2fa.authenticator.wrong_otp(clock.now)},
        {"otp": expired},
        {"otp": replayed},
        {"backupCode": WRONG_BACKUP_CODE},
        {"backupCode": member_with_2fa.codes[0]},
    ):
        challenge = await start_login(api, member_with_2fa.user)
        answers.append(await verify_login(api, challenge, **second_factor))
        await end_waits(services.database, clock.now.replace(year=2020))

    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["__typename"] == "WrongSecondFactor"
    for malformed in ({"otp": "1"}, {"backupCode": "1"}):
        answer = await verify_login(api, await start_login(api, member_with_2fa.user), **malformed)
        assert answer.keys() == answers[0].keys()
        assert answer["__typename"] == answers[0]["__typename"]


@pytest.mark.attack("G3")
async def test_wait_does_not_reveal_whether_the_otp_is_right(api: Api, member_with_2fa: ApiUser, clock: Clock) -> None:
    """During a wait, right and wrong OTPs get the same result, and the right one stays unused."""
    challenge = await start_login(api, member_with_2fa.user)
    for _ in range(5):
        await verify_login(api, challenge, otp=member_with_2fa.authenticator.wrong_otp(clock.now))
    right = await verify_login(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now))
    wrong = await verify_login(api, challenge, otp=member_with_2fa.authenticator.wrong_otp(clock.now))

    assert right == wrong
    assert right["__typename"] == "TooManyAttempts"
    clock.advance(TIME_STEP)
    assert (
        await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now - TIME_STEP)) == "LoggedIn"
    )


@pytest.mark.attack("G4", "I1")
async def test_user_of_another_company_is_indistinguishable_from_an_unknown_id(
    logged_in_admin: ApiUser, other_company_admin: models.User, api: Api, clock: Clock
) -> None:
    """Every field returns the same for a user of another company account as for an unknown id."""
    other_user = await activate(await log_in(api.with_token(None), other_company_admin), clock)
    other_types = ["session_" + other_company_admin.id.hex, "company_" + "0" * 32]
    ids = [other_user.id, "user_" + "0" * 32, "user_x", "", *other_types]

    resets = [
        await logged_in_admin.client.execute_one(ADMIN_RESET_TWO_FACTOR, userId=each, password=PASSWORD) for each in ids
    ]
    reads = [
        await logged_in_admin.client.execute(
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
    assert await logged_in_admin.client.data(search) == {"users": {"totalCount": 0, "nodes": []}}


@pytest.mark.parametrize("search", ["%", "_", "\\", "%%", "\\%", "[a-z]", "*", "' OR '1'='1"])
async def test_search_treats_wildcards_as_text(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, search: str
) -> None:
    """ASVS 1.2.4: a search finds its own characters, even if they have a meaning in the database."""
    assert logged_in_member.user.company_id == logged_in_admin.user.company_id
    query = "query($text: String!) { users(filter: { search: $text }) { totalCount nodes { id } } }"

    assert await logged_in_admin.client.data(query, {"text": search}) == {"users": {"totalCount": 0, "nodes": []}}


def forged_cursor(order: str, value: str) -> str:
    """Return a forged cursor of a list."""
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
            f'after: "{forged_cursor("NEWEST_FIRST", instant)}"'
            for instant in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "x", "")
        ),
        f'after: "{forged_cursor("NAME", "x")}"',
    ],
)
async def test_out_of_range_values_cause_no_server_error(logged_in_admin: ApiUser, arguments: str) -> None:
    """A value out of the range of its column finds nothing or is a `BAD_USER_INPUT`."""
    result = await logged_in_admin.client.execute(f"{{ users({arguments}) {{ totalCount }} }}")

    assert [error["extensions"]["code"] for error in result.get("errors", ())] in ([], ["BAD_USER_INPUT"])


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"])
async def test_out_of_range_event_filter_causes_no_server_error(logged_in_admin: ApiUser, instant: str) -> None:
    """The same applies to the times of an event filter."""
    result = await logged_in_admin.client.execute(
        f'{{ securityEvents(filter: {{ since: "{instant}", until: "{instant}" }}) {{ nodes {{ id }} }} }}'
    )

    codes = {error["extensions"]["code"] for error in result.get("errors", ())}
    assert codes <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


@pytest.fixture
def production_app(database_url: str, clock: Clock) -> Starlette:
    """Return the application in production mode."""
    return create_app(Settings(database_url=database_url, mode="production", secret_keys=KEYS), clock=clock)


@pytest.mark.attack("G5")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_production_errors_do_not_reveal_the_schema(production_app: Starlette) -> None:
    """Neither introspection nor the error about a misspelt name reveals names of the schema."""
    documents = [
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
    async with api_of(production_app) as api:
        for document in documents:
            result = await api.execute(document)
            text = repr(result)
            assert "errors" in result, document
            assert "Did you mean" not in text, document
            names = {"email", "search", "NAME", "skip", "TOKEN"} - set(re.findall(r"\w+", document))
            assert not [name for name in names if f"'{name}'" in text], document


@pytest.mark.attack("G8")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "second_factor",
    [
        '{ otpp: "123456" }', '"123456"', '["123456"]', "123456", '{ otp: "123456", backupCode: "A" }',
        '{ otp: { x: "123456" } }', '{ otp: ["123456"] }', "{ otp: 123456 }", '{ otp: null, backupCode: "123456" }',
        '{ "123456" }', "{ otp: 123456x }", '{ otp: "123456',
    ],
)  # fmt: skip
async def test_document_errors_do_not_repeat_literals(api: Api, second_factor: str) -> None:
    """ASVS 16.5.1: an error about a document never repeats its literals, since clients may log errors."""
    document = f'mutation {{ verifyLogin(challengeToken: "x", secondFactor: {second_factor}) {{ __typename }} }}'

    result = await api.execute(document)

    assert "errors" in result
    assert "123456" not in repr(result).replace("123456x", "")
