"""Enrolment: started with a stolen session, confirmed with wrong data, and read again later."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

import models
from accounts.services import Services
from security.constants import ACTIVATION_LIFETIME
from tests.support.api import Api
from tests.support.api_users import (
    ApiUser,
    activate,
    log_in,
    start_activation,
    start_login,
    two_factor,
    verify_login,
    verify_outcome,
)
from tests.support.attempts import attempt_counts
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    AUTHENTICATOR_APPS,
    CONFIRM_OTP,
    FEATURE_FLAGS,
    LOGIN,
    REGENERATE_BACKUP_CODES,
    SECURITY_EVENTS,
    START_TWO_FACTOR_ACTIVATION,
    START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE,
)
from tests.support.schema_elements import own_types, served_schema
from tests.support.users import PASSWORD, WRONG_PASSWORD, make_user, set_security_policy

# Types that contain a secret, with the mutation that returns them. No other field may lead to them.
SECRET_TYPES: dict[str, set[str]] = {
    "TwoFactorActivation": {"startTwoFactorActivation", "startAuthenticatorReplacement", "addAuthenticator"},
    "QrCode": set(),
    "BackupCodesIssued": {"confirmOtp"},
    "BackupCodesRegenerated": {"regenerateBackupCodes"},
    "TextFile": set(),
    "SecondFactorRequired": {"login"},
    "TwoFactorReset": {"adminResetTwoFactor"},
}
HOSTILE_NAMES = [
    "a:b@x.example", "a?secret=AAAA@x.example", "a&issuer=Evil@x.example", "a%3Ab@x.example", "a#b@x.example",
    "a'b@x.example", "a+b@x.example", "a/b@x.example", "a=b@x.example", "😀@x.example", "é\u0301@x.example",
    "a" * 64 + "@" + "b" * 180 + ".example", "<script>@x.example",
]  # fmt: skip
HOSTILE_ISSUERS = ["A & B", "A?secret=B", "A%20B", "A#B", 'A"B', "A'B", "A/B", "A=B", "😀", "<svg onload=x>", "A" * 64]


async def two_factor_rows(services: Services, user: models.User) -> list[dict[str, Any]]:
    """Return all stored 2FA data of a user."""
    async with services.database.reading():
        rows = [
            *await models.Authenticator.filter(user_id=user.id).values(),
            *await models.BackupCodeSet.filter(user_id=user.id).order_by("id").values(),
            *await models.BackupCode.filter(code_set__user_id=user.id).order_by("id").values(),
        ]
    return [dict(row) for row in rows]


@pytest.mark.attack("B13", "D1")
async def test_activation_requires_the_password(logged_in_member: ApiUser, services: Services) -> None:
    """Without the password there is no activation, and a wrong password counts for the session."""
    for remaining in (4, 3):
        answer = await logged_in_member.client.execute_one(START_TWO_FACTOR_ACTIVATION, password=WRONG_PASSWORD)
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongPassword", remaining)

    async with services.database.reading():
        assert await models.Activation.all().count() == 0
    assert await attempt_counts(services.database) == {"REAUTHENTICATION": 2}


@pytest.mark.attack("D2")
async def test_active_2fa_cannot_be_overwritten(member_with_2fa: ApiUser, services: Services) -> None:
    """A new activation is rejected while 2FA is active, and no stored byte changes."""
    before = await two_factor_rows(services, member_with_2fa.user)

    assert (
        await member_with_2fa.client.outcome(START_TWO_FACTOR_ACTIVATION, password=PASSWORD) == "TwoFactorAlreadyActive"
    )

    assert await two_factor_rows(services, member_with_2fa.user) == before
    assert len(before) == 12


@pytest.mark.attack("D3")
async def test_new_activation_replaces_an_earlier_one(logged_in_member: ApiUser, clock: Clock) -> None:
    """Only the newest activation is valid. The earlier key is worthless with either id."""
    first_id, first_authenticator = await start_activation(logged_in_member.client)
    second_id, second_authenticator = await start_activation(logged_in_member.client)
    assert first_authenticator.key != second_authenticator.key

    for activation_id, authenticator, expected in (
        (first_id, first_authenticator, "ActivationExpired"),
        (first_id, second_authenticator, "ActivationExpired"),
        (second_id, first_authenticator, "WrongOtp"),
        (second_id, second_authenticator, "BackupCodesIssued"),
    ):
        answer = await logged_in_member.client.execute_one(
            CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
        )
        assert answer["__typename"] == expected


@pytest.mark.attack("D4")
async def test_activation_is_confirmed_only_with_its_own_otp(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock, services: Services
) -> None:
    """Another user's id, an unknown id, a wrong OTP or an expired activation return a user error. 2FA stays off."""
    activation_id, member_authenticator = await start_activation(logged_in_member.client)
    _, admin_authenticator = await start_activation(logged_in_admin.client)
    unknown_id = "cs_activation_" + "A" * 43

    assert (
        await logged_in_admin.client.outcome(
            CONFIRM_OTP, activationId=activation_id, otp=member_authenticator.otp(clock.now)
        )
        == "ActivationExpired"
    )
    assert (
        await logged_in_member.client.outcome(
            CONFIRM_OTP, activationId=unknown_id, otp=member_authenticator.otp(clock.now)
        )
        == "ActivationExpired"
    )
    assert (
        await logged_in_member.client.outcome(
            CONFIRM_OTP, activationId=activation_id, otp=admin_authenticator.otp(clock.now)
        )
        == "WrongOtp"
    )
    clock.advance(ACTIVATION_LIFETIME)
    assert (
        await logged_in_member.client.outcome(
            CONFIRM_OTP, activationId=activation_id, otp=member_authenticator.otp(clock.now)
        )
        == "ActivationExpired"
    )
    assert (
        await logged_in_member.client.outcome(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
        == "ActivationExpired"
    )

    async with services.database.reading():
        assert await models.Authenticator.all().count() == await models.BackupCode.all().count() == 0


@pytest.mark.attack("D4")
async def test_five_wrong_otps_end_an_activation(logged_in_member: ApiUser, clock: Clock, services: Services) -> None:
    """`confirmOtp` has its own attempt limit. After it, the right OTP is rejected."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    for remaining in (4, 3, 2, 1, 0):
        answer = await logged_in_member.client.execute_one(
            CONFIRM_OTP, activationId=activation_id, otp=authenticator.wrong_otp(clock.now)
        )
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongOtp", remaining)

    answer = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )
    assert answer["__typename"] == "ActivationExpired"
    assert await attempt_counts(services.database) == {}


@pytest.mark.attack("D6")
async def test_second_confirmation_returns_new_codes(logged_in_member: ApiUser, api: Api, clock: Clock) -> None:
    """In another session the same OTP is rejected. A newer OTP returns new codes, never the earlier ones."""
    other_session = await log_in(api.with_token(None), logged_in_member.user)
    activation_id, authenticator = await start_activation(logged_in_member.client)
    first = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )
    again = await other_session.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )
    clock.advance(TIME_STEP)
    second = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )

    assert again["__typename"] == "WrongOtp"
    assert not set(first["codes"]) & set(second["codes"])


@pytest.mark.attack("D7")
async def test_unacknowledged_codes_are_not_valid(
    api: Api, logged_in_member: ApiUser, clock: Clock, services: Services
) -> None:
    """Until the acknowledgement, the password alone is enough to log in, and the codes are not valid."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    issued = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )
    second_session = await log_in(api.with_token(None), logged_in_member.user)
    assert (await two_factor(second_session.client))["state"] == "INACTIVE"
    clock.advance(ACTIVATION_LIFETIME)
    assert (
        await logged_in_member.client.outcome(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
        == "ActivationExpired"
    )

    activated = await activate(logged_in_member, clock)

    challenge = await start_login(api, logged_in_member.user)
    assert await verify_outcome(api, challenge, backupCode=issued["codes"][0]) == "WrongSecondFactor"
    assert await verify_outcome(api, challenge, backupCode=activated.codes[0]) == "LoggedIn"
    async with services.database.reading():
        assert await models.BackupCodeSet.all().count() == 1


@pytest.mark.attack("D8")
async def test_activation_steps_cannot_be_skipped(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock
) -> None:
    """D8, ASVS 2.3.1: acknowledging requires a confirmed OTP and an activation of the same user."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    assert (
        await logged_in_member.client.outcome(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id) == "OtpNotConfirmed"
    )
    await logged_in_member.client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now))

    assert (
        await logged_in_admin.client.outcome(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
        == "ActivationExpired"
    )
    assert (
        await logged_in_member.client.outcome(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
        == "TwoFactorActivated"
    )
    # A retry returns the same result, but only to the same user.
    assert (
        await logged_in_member.client.outcome(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
        == "TwoFactorActivated"
    )
    assert (
        await logged_in_admin.client.outcome(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
        == "ActivationExpired"
    )


def field_types(kind: GraphQLObjectType) -> Iterator[GraphQLObjectType]:
    """Yield the object types of the fields of a type, including members of unions and interfaces."""
    schema = served_schema()
    for field in kind.fields.values():
        named = get_named_type(field.type)
        if isinstance(named, GraphQLObjectType):
            yield named
        elif hasattr(named, "types") or named.__class__.__name__ == "GraphQLInterfaceType":
            yield from schema.get_possible_types(named)


@pytest.mark.attack("D9")
def test_only_the_creating_mutation_returns_a_secret() -> None:
    """ASVS 14.2.6: no query and no other mutation leads to a type that contains a secret."""
    schema = served_schema()
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    reached: set[str] = set()
    to_visit = [schema.query_type]
    while to_visit:
        kind = to_visit.pop()
        if kind.name not in reached:
            reached.add(kind.name)
            to_visit += field_types(kind)
    assert "User" in reached
    assert "SecurityEvent" in reached

    assert not reached & SECRET_TYPES.keys()
    for name, field in schema.mutation_type.fields.items():
        named = get_named_type(field.type)
        members = schema.get_possible_types(named) if hasattr(named, "types") else [named]
        for member in members:
            assert name in SECRET_TYPES.get(member.name, {name}), (name, member.name)
    # No other type has a field whose name suggests a secret.
    words = ("secret", "key", "otpauth", "seed", "codes", "password", "token", "hash", "salt", "voucher")
    suspects = {
        f"{kind.name}.{name}"
        for kind in own_types(schema)
        if isinstance(kind, GraphQLObjectType) and kind.name not in SECRET_TYPES and not kind.name.startswith("__")
        for name in kind.fields
        if any(word in name.lower() for word in words)
    }
    assert suspects == {
        "LoggedIn.sessionToken", "TwoFactor.backupCodesRemaining", "Company.backupCodesEnabled",
        "FeatureFlags.backupCodes", "Mutation.regenerateBackupCodes", "Mutation.acknowledgeBackupCodes",
        "Mutation.changePassword", "LoggedIn.deviceToken", "PasswordChanged.sessionToken",
        "TwoFactorActivated.sessionToken", "TwoFactorDeactivated.sessionToken", "AuthenticatorReplaced.sessionToken",
        "AuthenticatorAdded.sessionToken", "Company.resetsNeedVoucher", "TwoFactor.voucherNeeded",
        "CompanyStatistics.fewBackupCodes",
    }  # fmt: skip


def all_fields(kind: GraphQLObjectType, depth: int) -> str:
    """Return a selection of all fields of a type, without the `edges` of lists."""
    parts = []
    for name, field in kind.fields.items():
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType):
            parts.append(name)
        elif depth > 0 and name != "edges":
            parts.append(f"{name} {{ {all_fields(named, depth - 1)} }}")
    return " ".join(parts)


@pytest.mark.attack("D9")
async def test_secrets_cannot_be_read_again(
    api: Api, logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock
) -> None:
    """After activation and login, no result for the user or the admin contains the key, a code or a token."""
    first = await logged_in_member.client.execute_one(START_TWO_FACTOR_ACTIVATION, password=PASSWORD)
    authenticator = Authenticator.parse(first["otpauthUri"])
    issued = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=first["activationId"], otp=authenticator.otp(clock.now)
    )
    await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=first["activationId"])
    clock.advance(TIME_STEP)
    challenge = await start_login(api, logged_in_member.user)
    used = authenticator.otp(clock.now)
    session = await verify_login(api, challenge, otp=used)
    user_type = served_schema().type_map["User"]
    assert isinstance(user_type, GraphQLObjectType)

    answers = [
        await logged_in_member.client.execute(f"{{ viewer {{ {all_fields(user_type, 3)} }} }}"),
        await logged_in_member.client.execute(FEATURE_FLAGS),
        await logged_in_member.client.execute(AUTHENTICATOR_APPS),
        await logged_in_admin.client.execute(f"{{ users {{ nodes {{ {all_fields(user_type, 2)} }} }} }}"),
        await logged_in_admin.client.execute(
            f'{{ user(id: "{logged_in_member.id}") {{ {all_fields(user_type, 3)} }} }}'
        ),
        await logged_in_admin.client.execute(SECURITY_EVENTS, {"first": 100}),
        await logged_in_member.client.execute_one(
            CONFIRM_OTP, activationId=first["activationId"], otp=authenticator.otp(clock.now)
        ),
        await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=first["activationId"]),
    ]

    text = json.dumps(answers)
    # A member may read only the identity of the admins, and no statistics.
    for answer in (answers[0], answers[4]):
        assert all({"admins", "statistics"} & set(error["path"]) for error in answer.get("errors", ()))
    secrets = [
        first["key"],
        first["activationId"],
        *issued["codes"],
        challenge,
        session["sessionToken"],
        logged_in_member.session_token,
    ]
    assert [secret for secret in [*secrets, PASSWORD, "otpauth"] if secret in text] == []


@pytest.mark.attack("D9", "G10")
async def test_responses_with_secrets_are_not_cached(logged_in_member: ApiUser) -> None:
    """No cache may store a response, least of all one with a secret."""
    response = await logged_in_member.client.post(START_TWO_FACTOR_ACTIVATION, {"password": PASSWORD})

    assert "key" in response.text
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.attack("D10")
@pytest.mark.parametrize("email", HOSTILE_NAMES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_hostile_account_name_does_not_change_the_qr_code_parameters(
    api: Api, services: Services, company: models.Company, password_hash: str, clock: Clock, email: str
) -> None:
    """For any email address, an independent reader finds the right key, issuer and account in the QR codes."""
    user = await make_user(services.database, company, password_hash, clock, name="Hostile")
    async with services.database.transaction():
        await models.User.filter(id=user.id).update(email=email)
    api_user = await log_in(api.with_token(None), user)

    answer = await api_user.client.execute_one(START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE, password=PASSWORD)

    qr_code = answer["qrCode"]
    scanned = [Authenticator.scan(qr_code[form]) for form in ("svg", "svgDataUri", "pngDataUri")]
    assert {each.key for each in scanned} == {answer["key"]}
    assert {each.issuer for each in scanned} == {"Countersign"}
    assert {each.account_name for each in scanned} == {email.replace(":", " ")}
    assert answer["otpauthUri"].isascii()
    assert "script" not in qr_code["svg"].lower()
    assert "onload" not in qr_code["svg"].lower()


@pytest.mark.attack("D10")
@pytest.mark.parametrize("issuer", HOSTILE_ISSUERS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_hostile_issuer_does_not_change_the_qr_code_parameters(logged_in_member: ApiUser, issuer: str) -> None:
    """The same applies to each product name that the settings accept."""
    answer = await logged_in_member.client.execute_one(START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE, password=PASSWORD)

    scanned = Authenticator.scan(answer["qrCode"]["svg"])
    assert (scanned.key, scanned.issuer) == (answer["key"], issuer)
    assert scanned.account_name == logged_in_member.user.email


@pytest.mark.attack("D11")
async def test_a_user_has_at_most_one_activation(logged_in_member: ApiUser, services: Services) -> None:
    """Many starts leave one activation. Wrong passwords have to wait as in a login."""
    for _ in range(8):
        await start_activation(logged_in_member.client)
    async with services.database.reading():
        assert await models.Activation.all().count() == 1

    answers = [
        await logged_in_member.client.outcome(START_TWO_FACTOR_ACTIVATION, password=WRONG_PASSWORD) for _ in range(7)
    ]

    assert answers == ["WrongPassword"] * 5 + ["TooManyAttempts"] * 2


@pytest.mark.attack("D12")
async def test_activation_without_backup_codes(
    api: Api, logged_in_member: ApiUser, company: models.Company, clock: Clock, services: Services
) -> None:
    """While backup codes are off, `confirmOtp` activates 2FA, and logins require the OTP."""
    await set_security_policy(services.database, company, backup_codes_enabled=False)
    activation_id, authenticator = await start_activation(logged_in_member.client)
    assert (
        await logged_in_member.client.outcome(CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now))
        == "TwoFactorActivated"
    )
    clock.advance(TIME_STEP)

    answer = await api.execute_one(LOGIN, email=logged_in_member.user.email, password=PASSWORD)

    assert answer["methods"] == ["OTP"]
    assert await verify_outcome(api, answer["challengeToken"], otp=authenticator.otp(clock.now)) == "LoggedIn"
    assert await logged_in_member.client.outcome(REGENERATE_BACKUP_CODES, password=PASSWORD) == "BackupCodesDisabled"
