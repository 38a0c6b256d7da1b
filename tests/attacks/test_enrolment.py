"""Enrolment, D1 to D12: started by thieves, confirmed with the wrong things, and read again later."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

import models
from tests.attacks.steps import (
    STEP,
    WRONG_PASSWORD,
    Person,
    attempt,
    budgets,
    challenge_of,
    change_rules,
    enrol,
    mutation,
    outcome,
    signed_in,
    started,
    verify,
)
from tests.conftest import PASSWORD, make_user
from tests.contract.elements import own_types, served
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from twofactor.environment import Environment
from twofactor.rules.policy import ACTIVATION_LIFETIME

# Types that carry a secret once, in the answer of the mutation that makes it; nothing else may lead to them.
SECRET_TYPES = {
    "TwoFactorActivation": "startTwoFactorActivation",
    "QrCode": "startTwoFactorActivation",
    "BackupCodesIssued": "confirmOtp",
    "BackupCodesRegenerated": "regenerateBackupCodes",
    "TextFile": None,
    "SecondFactorRequired": "login",
}
HOSTILE_NAMES = [
    "a:b@x.example", "a?secret=AAAA@x.example", "a&issuer=Evil@x.example", "a%3Ab@x.example", "a#b@x.example",
    "a'b@x.example", "a+b@x.example", "a/b@x.example", "a=b@x.example", "😀@x.example", "é\u0301@x.example",
    "a" * 64 + "@" + "b" * 180 + ".example", "<script>@x.example",
]  # fmt: skip
HOSTILE_ISSUERS = ["A & B", "A?secret=B", "A%20B", "A#B", 'A"B', "A'B", "A/B", "A=B", "😀", "<svg onload=x>", "A" * 64]


async def state_of(env: Environment, user: models.User) -> list[dict[str, Any]]:
    """All that is kept of the 2FA of a user, byte for byte."""
    async with env.database.reading():
        rows = [
            *await models.Authenticator.filter(user_id=user.id).values(),
            *await models.BackupCodeSet.filter(user_id=user.id).order_by("id").values(),
            *await models.BackupCode.filter(code_set__user_id=user.id).order_by("id").values(),
        ]
    return [dict(row) for row in rows]


async def test_a_stolen_session_enrols_without_the_password(mia: Person, env: Environment) -> None:
    """D1, B13: without the password there is no activation, and each try costs what a sign-in costs."""
    for remaining in (4, 3):
        answer = await attempt(mia.api, "startTwoFactorActivation", password=WRONG_PASSWORD)
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongPassword", remaining)

    async with env.database.reading():
        assert await models.Activation.all().count() == 0
    assert await budgets(env.database) == {"PASSWORD": 2}


async def test_an_active_enrolment_is_overwritten(enrolled: Person, env: Environment) -> None:
    """D2: starting again while 2FA is active is refused, and no byte of what is kept changes."""
    before = await state_of(env, enrolled.user)

    assert await outcome(enrolled.api, "startTwoFactorActivation", password=PASSWORD) == "TwoFactorAlreadyActive"

    assert await state_of(env, enrolled.user) == before
    assert len(before) == 12


async def test_a_second_tab_starts_again(mia: Person, clock: Clock) -> None:
    """D3: the newest activation counts; the key that was shown before is worthless, whichever id it is given with."""
    first_id, first_app = await started(mia)
    second_id, second_app = await started(mia)
    assert first_app.key != second_app.key

    for activation_id, app, expected in (
        (first_id, first_app, "ActivationExpired"),
        (first_id, second_app, "ActivationExpired"),
        (second_id, first_app, "WrongOtp"),
        (second_id, second_app, "BackupCodesIssued"),
    ):
        answer = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))
        assert answer["__typename"] == expected


async def test_an_activation_is_confirmed_with_the_wrong_things(
    mia: Person, ada: Person, clock: Clock, env: Environment
) -> None:
    """D4: somebody else's, none at all, a wrong OTP, or too late: a typed refusal each, and 2FA stays off."""
    hers, her_app = await started(mia)
    _, his_app = await started(ada)
    nothing = "cs_activation_" + "A" * 43

    assert await outcome(ada.api, "confirmOtp", activationId=hers, otp=her_app.otp(clock.now)) == "ActivationExpired"
    assert await outcome(mia.api, "confirmOtp", activationId=nothing, otp=her_app.otp(clock.now)) == "ActivationExpired"
    assert await outcome(mia.api, "confirmOtp", activationId=hers, otp=his_app.otp(clock.now)) == "WrongOtp"
    clock.advance(ACTIVATION_LIFETIME)
    assert await outcome(mia.api, "confirmOtp", activationId=hers, otp=her_app.otp(clock.now)) == "ActivationExpired"
    assert await outcome(mia.api, "acknowledgeBackupCodes", activationId=hers) == "ActivationExpired"

    async with env.database.reading():
        assert await models.Authenticator.all().count() == await models.BackupCode.all().count() == 0


async def test_five_guesses_end_an_activation_and_touch_no_other_count(
    mia: Person, clock: Clock, env: Environment
) -> None:
    """D4, R5: confirming has a limit of its own; the right OTP comes too late after it."""
    activation_id, app = await started(mia)
    for remaining in (4, 3, 2, 1, 0):
        answer = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.wrong_otp(clock.now))
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongOtp", remaining)

    answer = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))
    assert answer["__typename"] == "ActivationExpired"
    assert await budgets(env.database) == {}


async def test_an_activation_is_confirmed_twice(mia: Person, clock: Clock) -> None:
    """D6: the same OTP again is refused, and codes that were shown are not shown again: a newer OTP makes others."""
    activation_id, app = await started(mia)
    first = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))
    again = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))
    clock.advance(STEP)
    second = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))

    assert again["__typename"] == "WrongOtp"
    assert not set(first["codes"]) & set(second["codes"])


async def test_codes_are_never_acknowledged(api: Api, mia: Person, clock: Clock, env: Environment) -> None:
    """D7: until the user has said that the codes are stored, the password is enough, and the codes open nothing."""
    activation_id, app = await started(mia)
    issued = await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))
    again = await signed_in(api, mia.user)
    assert (await again.api.data("{ viewer { twoFactor { state } } }"))["viewer"]["twoFactor"]["state"] == "INACTIVE"
    clock.advance(ACTIVATION_LIFETIME)
    assert await outcome(mia.api, "acknowledgeBackupCodes", activationId=activation_id) == "ActivationExpired"

    person = await enrol(mia, clock)

    challenge = await challenge_of(api, mia.user.email)
    assert (await verify(api, challenge, backupCode=issued["codes"][0]))["__typename"] == "WrongSecondFactor"
    assert (await verify(api, challenge, backupCode=person.codes[0]))["__typename"] == "LoggedIn"
    async with env.database.reading():
        assert await models.BackupCodeSet.all().count() == 1


async def test_a_step_is_skipped(mia: Person, ada: Person, clock: Clock) -> None:
    """D8, ASVS 2.3.1: acknowledging needs an OTP that was confirmed before, and one's own activation."""
    activation_id, app = await started(mia)
    assert await outcome(mia.api, "acknowledgeBackupCodes", activationId=activation_id) == "OtpNotConfirmed"
    await attempt(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))

    assert await outcome(ada.api, "acknowledgeBackupCodes", activationId=activation_id) == "ActivationExpired"
    assert await outcome(mia.api, "acknowledgeBackupCodes", activationId=activation_id) == "TwoFactorActivated"
    # Asked again it answers the same, to its own user alone.
    assert await outcome(mia.api, "acknowledgeBackupCodes", activationId=activation_id) == "TwoFactorActivated"
    assert await outcome(ada.api, "acknowledgeBackupCodes", activationId=activation_id) == "ActivationExpired"


def leads_to(kind: GraphQLObjectType) -> Iterator[GraphQLObjectType]:
    """The object types of the fields of a type, through unions and interfaces."""
    schema = served()
    for field in kind.fields.values():
        named = get_named_type(field.type)
        if isinstance(named, GraphQLObjectType):
            yield named
        elif hasattr(named, "types") or named.__class__.__name__ == "GraphQLInterfaceType":
            yield from schema.get_possible_types(named)


def test_no_field_leads_to_a_secret_later() -> None:
    """D9, ASVS 14.2.6: no query reaches a type that carries a secret, nor does any answer but the one that makes it."""
    schema = served()
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    reached: set[str] = set()
    to_visit = [schema.query_type]
    while to_visit:
        kind = to_visit.pop()
        if kind.name not in reached:
            reached.add(kind.name)
            to_visit += leads_to(kind)
    assert "User" in reached
    assert "SecurityEvent" in reached

    assert not reached & SECRET_TYPES.keys()
    for name, field in schema.mutation_type.fields.items():
        named = get_named_type(field.type)
        members = schema.get_possible_types(named) if hasattr(named, "types") else [named]
        for member in members:
            assert SECRET_TYPES.get(member.name, name) == name, (name, member.name)
    # And no other type has a field that sounds like one.
    words = ("secret", "key", "otpauth", "seed", "codes", "password", "token", "hash", "salt")
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
        "Mutation.changePassword",
    }  # fmt: skip


def everything(kind: GraphQLObjectType, depth: int) -> str:
    """A selection of all that can be asked of a type, lists of events but once."""
    parts = []
    for name, field in kind.fields.items():
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType):
            parts.append(name)
        elif depth > 0 and name != "edges":
            parts.append(f"{name} {{ {everything(named, depth - 1)} }}")
    return " ".join(parts)


async def test_secrets_are_read_again_later(api: Api, mia: Person, ada: Person, clock: Clock) -> None:
    """D9: after activation and sign-ins, no answer to the user or their admin holds key, codes or tokens."""
    first = await attempt(mia.api, "startTwoFactorActivation", password=PASSWORD)
    app = Authenticator.parse(first["otpauthUri"])
    issued = await attempt(mia.api, "confirmOtp", activationId=first["activationId"], otp=app.otp(clock.now))
    await attempt(mia.api, "acknowledgeBackupCodes", activationId=first["activationId"])
    clock.advance(STEP)
    challenge = await challenge_of(api, mia.user.email)
    used = app.otp(clock.now)
    session = await verify(api, challenge, otp=used)
    user_type = served().type_map["User"]
    assert isinstance(user_type, GraphQLObjectType)

    answers = [
        await mia.api.execute(f"{{ viewer {{ {everything(user_type, 3)} }} }}"),
        await mia.api.execute("{ featureFlags { backupCodes } authenticatorApps { name appStoreUrl playStoreUrl } }"),
        await ada.api.execute(f"{{ users {{ nodes {{ {everything(user_type, 2)} }} }} }}"),
        await ada.api.execute(f'{{ user(id: "{mia.id}") {{ {everything(user_type, 3)} }} }}'),
        await ada.api.execute(
            "{ securityEvents(first: 100) { nodes { kind note ipAddress userAgent actor { id } } } }"
        ),
        await attempt(mia.api, "confirmOtp", activationId=first["activationId"], otp=app.otp(clock.now)),
        await attempt(mia.api, "acknowledgeBackupCodes", activationId=first["activationId"]),
    ]

    text = json.dumps(answers)
    assert "errors" not in answers[0]
    assert "errors" not in answers[3]
    secrets = [first["key"], first["activationId"], *issued["codes"], challenge, session["sessionToken"], mia.token]
    assert [secret for secret in [*secrets, PASSWORD, "otpauth"] if secret in text] == []


async def test_answers_with_secrets_are_kept_by_caches(mia: Person) -> None:
    """D9, G10: no cache may keep an answer, least of all this one."""
    response = await mia.api.post(mutation("startTwoFactorActivation", "password"), {"password": PASSWORD})

    assert "key" in response.text
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("email", HOSTILE_NAMES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_hostile_account_name_in_the_qr_code(
    api: Api, env: Environment, company: models.Company, password_hash: str, clock: Clock, email: str
) -> None:
    """D10: whatever the address, the QR codes say one key for one account, as an independent reader finds."""
    user = await make_user(env.database, company, password_hash, clock, name="Mallory")
    async with env.database.transaction():
        await models.User.filter(id=user.id).update(email=email)
    person = await signed_in(api, user)

    answer = await attempt(person.api, "startTwoFactorActivation", password=PASSWORD)

    qr_code = answer["qrCode"]
    apps = [Authenticator.scan(qr_code[form]) for form in ("svg", "svgDataUri", "pngDataUri")]
    assert {app.key for app in apps} == {answer["key"]}
    assert {app.issuer for app in apps} == {"Countersign"}
    assert {app.account_name for app in apps} == {email.replace(":", " ")}
    assert answer["otpauthUri"].isascii()
    assert "script" not in qr_code["svg"].lower()
    assert "onload" not in qr_code["svg"].lower()


@pytest.mark.parametrize("issuer", HOSTILE_ISSUERS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_hostile_issuer_in_the_qr_code(mia: Person, issuer: str) -> None:
    """D10: the same for the name of the product, within what the settings let through."""
    answer = await attempt(mia.api, "startTwoFactorActivation", password=PASSWORD)

    scanned = Authenticator.scan(answer["qrCode"]["svg"])
    assert (scanned.key, scanned.issuer) == (answer["key"], issuer)
    assert scanned.account_name == mia.user.email


async def test_activations_are_started_in_a_flood(mia: Person, env: Environment) -> None:
    """D11: a thousand starts leave one activation; without the password the waits of a sign-in hold."""
    for _ in range(8):
        await started(mia)
    async with env.database.reading():
        assert await models.Activation.all().count() == 1

    answers = [await outcome(mia.api, "startTwoFactorActivation", password=WRONG_PASSWORD) for _ in range(7)]

    assert answers == ["WrongPassword"] * 5 + ["TooManyAttempts"] * 2


async def test_the_feature_flag_is_off(
    api: Api, mia: Person, company: models.Company, clock: Clock, env: Environment
) -> None:
    """D12: with backup codes off an activation begins and ends without them, and 2FA is asked for as ever."""
    await change_rules(env.database, company, backup_codes_enabled=False)
    activation_id, app = await started(mia)
    assert (
        await outcome(mia.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now)) == "TwoFactorActivated"
    )
    clock.advance(STEP)

    answer = await attempt(api, "login", email=mia.user.email, password=PASSWORD)

    assert answer["methods"] == ["OTP"]
    assert (await verify(api, answer["challengeToken"], otp=app.otp(clock.now)))["__typename"] == "LoggedIn"
    assert await outcome(mia.api, "regenerateBackupCodes", password=PASSWORD) == "BackupCodesDisabled"
