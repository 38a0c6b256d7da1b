"""Backup codes: used twice, in other spellings, of another user, and in a copy of the database."""

import base64
import math
from collections import Counter
from typing import Any

import pytest
from tortoise.models import Model

import models
from accounts.services import Services
from security.constants import BACKUP_CODE_LENGTH, BACKUP_CODES_PER_SET
from tests.support.api import Api
from tests.support.api_users import ApiUser, activate, log_in, start_login, verify_login, verify_outcome
from tests.support.attempts import attempt_counts
from tests.support.clock import Clock
from tests.support.operations import DEACTIVATE_TWO_FACTOR, LOGIN, REGENERATE_BACKUP_CODES
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, make_user, set_security_policy
from twofactor.factors.backup_code_format import ALPHABET

MALFORMED = [
    "", " " * 10, "-" * 10, "A" * 9, "A" * 11, "UUUUUUUUUU", "012345678\u0661", "012345678\u00b2", "\ud800" * 10,
    "0123456789\x00", "O" * 70, "01234_56789", "0123456789 1.", "1. 2. 0123456789", "1.", "\u00df12345678",
    "0123456789" + " " * 30_000,
]  # fmt: skip
# What programs put around a code or into it when a user copies it. `{}` is the first half, then the second.
PASTED = [
    "{}{}\t", "{}\u00a0{}", "{}\u2011{}", "{}\u200b{}", "\ufeff{}{}", '"{}{}"', "\u201e{}{}\u201c", "1. {}{}",
    "10) {} {}", "\u200b 3.\t{}-{}\r\n",
]  # fmt: skip


async def use_code(api: Api, api_user: ApiUser, spelling: str) -> str:
    """Use a backup code with a new challenge. Return the `__typename` of the result."""
    challenge = await start_login(api, api_user.user)
    return await verify_outcome(api, challenge, backupCode=spelling)


@pytest.mark.attack("E1")
async def test_used_backup_code_is_rejected(api: Api, member_with_2fa: ApiUser, services: Services) -> None:
    """A backup code that completed a login is wrong from then on, and the failure counts."""
    assert await use_code(api, member_with_2fa, member_with_2fa.codes[0]) == "LoggedIn"

    assert await use_code(api, member_with_2fa, member_with_2fa.codes[0]) == "WrongSecondFactor"
    assert await attempt_counts(services.database) == {"BACKUP_CODE": 1}


@pytest.mark.attack("E2")
async def test_second_code_on_a_completed_challenge_stays_unused(
    api: Api, member_with_2fa: ApiUser, services: Services
) -> None:
    """The second code finds that the challenge has expired, and stays unused."""
    challenge = await start_login(api, member_with_2fa.user)
    answers = [await verify_outcome(api, challenge, backupCode=code) for code in member_with_2fa.codes[:2]]

    assert answers == ["LoggedIn", "ChallengeExpired"]
    async with services.database.reading():
        assert await models.BackupCode.filter(used_at__isnull=False).count() == 1
    assert await use_code(api, member_with_2fa, member_with_2fa.codes[1]) == "LoggedIn"


@pytest.mark.attack("E3")
async def test_used_code_is_rejected_in_every_spelling(api: Api, member_with_2fa: ApiUser) -> None:
    """All spellings of a code have one canonical form. A code used in one spelling is used in all."""
    code = member_with_2fa.codes[0]
    look_alike = code.replace("0", "O").replace("1", "l")
    spellings = [code.lower(), f"{code[:5]}-{code[5:]}", f" {' '.join(code)} ", look_alike]
    assert await use_code(api, member_with_2fa, spellings[1]) == "LoggedIn"

    for spelling in spellings:
        assert await use_code(api, member_with_2fa, spelling) == "WrongSecondFactor"


@pytest.mark.attack("E3")
async def test_pasted_codes_are_accepted(api: Api, member_with_2fa: ApiUser) -> None:
    """White space, dashes, quotation marks, invisible characters and a list number are removed."""
    for code, spelling in zip(member_with_2fa.codes, PASTED, strict=True):
        outcome = await use_code(api, member_with_2fa, spelling.format(code[:5], code[5:]))
        assert outcome == "LoggedIn", ascii(spelling)


@pytest.mark.attack("E3")
async def test_malformed_code_is_rejected_without_a_failed_attempt(
    api: Api, member_with_2fa: ApiUser, services: Services
) -> None:
    """A malformed code gets the type of a wrong one, and is called malformed. It does not count and is not hashed."""
    challenge = await start_login(api, member_with_2fa.user)

    for spelling in MALFORMED:
        answer = await verify_login(api, challenge, backupCode=spelling)
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongSecondFactor", 5), ascii(spelling)
        assert answer["malformed"], ascii(spelling)
    assert await attempt_counts(services.database) == {}


@pytest.mark.attack("E4")
async def test_code_of_another_user_is_rejected_and_stays_unused(
    api: Api, member_with_2fa: ApiUser, services: Services, company: models.Company, password_hash: str, clock: Clock
) -> None:
    """A code is valid for its owner's account only, and a wrong use leaves it unused."""
    user = await make_user(services.database, company, password_hash, clock, name="Other")
    other = await activate(await log_in(api.with_token(None), user), clock)

    assert await use_code(api, member_with_2fa, other.codes[0]) == "WrongSecondFactor"

    assert await use_code(api, other, other.codes[0]) == "LoggedIn"


@pytest.mark.attack("E5")
async def test_ten_codes_complete_ten_logins(
    api: Api, member_with_2fa: ApiUser, services: Services, clock: Clock
) -> None:
    """The codes count down to zero. An email warns about the last two, and then the OTP still works."""
    for code in member_with_2fa.codes:
        assert await use_code(api, member_with_2fa, code) == "LoggedIn", code

    answer = await api.execute_one(LOGIN, email=member_with_2fa.user.email, password=PASSWORD)
    assert answer["methods"] == ["OTP"]
    assert await use_code(api, member_with_2fa, WRONG_BACKUP_CODE) == "WrongSecondFactor"
    async with services.database.reading():
        kinds = Counter([email.kind for email in await models.OutboxEmail.all()])
        user = await models.User.get(id=member_with_2fa.user.id)
    assert kinds["backup_code_used"] == 10
    assert kinds["few_backup_codes_left"] == 3
    assert user.backup_codes_remaining == 0
    completed = await verify_login(api, answer["challengeToken"], otp=member_with_2fa.authenticator.otp(clock.now))
    assert completed["__typename"] == "LoggedIn"


@pytest.mark.attack("E7")
async def test_codes_of_a_replaced_set_are_rejected(api: Api, member_with_2fa: ApiUser, clock: Clock) -> None:
    """Codes of a replaced set or of a deactivated 2FA are wrong."""
    renewed = await member_with_2fa.client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD)
    assert not set(renewed["codes"]) & set(member_with_2fa.codes)
    assert await use_code(api, member_with_2fa, member_with_2fa.codes[0]) == "WrongSecondFactor"
    assert await member_with_2fa.client.outcome(DEACTIVATE_TWO_FACTOR, password=PASSWORD) == "TwoFactorDeactivated"
    old_codes = (member_with_2fa.codes[1], renewed["codes"][0])
    await activate(member_with_2fa, clock)

    for code in old_codes:
        assert await use_code(api, member_with_2fa, code) == "WrongSecondFactor"
    assert await use_code(api, member_with_2fa, member_with_2fa.codes[0]) == "LoggedIn"


async def test_disabled_codes_are_rejected_and_stay_valid(
    api: Api, member_with_2fa: ApiUser, company: models.Company, services: Services
) -> None:
    """While the feature flag is off, right and wrong codes are rejected. When it is on again, the codes are valid."""
    await set_security_policy(services.database, company, backup_codes_enabled=False)
    right = await verify_login(api, await start_login(api, member_with_2fa.user), backupCode=member_with_2fa.codes[0])
    wrong = await verify_login(api, await start_login(api, member_with_2fa.user), backupCode=WRONG_BACKUP_CODE)
    assert right["__typename"] == wrong["__typename"] == "WrongSecondFactor"

    await set_security_policy(services.database, company, backup_codes_enabled=True)
    assert await use_code(api, member_with_2fa, member_with_2fa.codes[0]) == "LoggedIn"


async def every_column(services: Services) -> list[str]:
    """Return each value of each table as text."""
    texts: list[str] = []
    async with services.database.reading():
        for table in vars(models).values():
            if isinstance(table, type) and issubclass(table, Model):
                rows: list[dict[str, Any]] = await table.all().values()
                texts += [
                    value.hex() if isinstance(value, bytes) else str(value) for row in rows for value in row.values()
                ]
    return texts


@pytest.mark.attack("E8")
@pytest.mark.usefixtures("production_hashes")
async def test_database_contains_no_plaintext_secret(
    api: Api, member_with_2fa: ApiUser, services: Services, clock: Clock
) -> None:
    """No column contains a code, key, token or password in plain text. Hashes are salted and differ."""
    challenge = await start_login(api, member_with_2fa.user)
    session = await verify_login(
        api, await start_login(api, member_with_2fa.user), otp=member_with_2fa.authenticator.otp(clock.now)
    )
    secret = base64.b32decode(member_with_2fa.authenticator.key)

    dump = "\n".join(await every_column(services))

    secrets = [
        *member_with_2fa.codes,
        member_with_2fa.authenticator.key,
        secret.hex(),
        challenge,
        session["sessionToken"],
        PASSWORD,
    ]
    assert member_with_2fa.user.email in dump
    assert [secret for secret in secrets if secret.lower() in dump.lower()] == []
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in dump


@pytest.mark.attack("E8", "K6")
async def test_encrypted_secret_of_another_user_is_rejected(
    api: Api, member_with_2fa: ApiUser, services: Services, company: models.Company, password_hash: str, clock: Clock
) -> None:
    """An attacker with write access to the database cannot use their own TOTP secret for another account."""
    user = await make_user(services.database, company, password_hash, clock, name="Other")
    other = await activate(await log_in(api.with_token(None), user), clock)
    async with services.database.transaction():
        own = await models.Authenticator.get(user_id=other.user.id)
        await models.Authenticator.filter(user_id=member_with_2fa.user.id).update(encrypted_secret=own.encrypted_secret)

    for authenticator in (other.authenticator, member_with_2fa.authenticator):
        answer = await verify_login(api, await start_login(api, member_with_2fa.user), otp=authenticator.otp(clock.now))
        assert answer["__typename"] == "WrongSecondFactor"
    assert await use_code(api, member_with_2fa, member_with_2fa.codes[0]) == "LoggedIn"


@pytest.mark.attack("E9")
async def test_each_guess_costs_one_hash(api: Api, member_with_2fa: ApiUser, services: Services) -> None:
    """A guess costs one slow hash, however many codes the account has, since a set has one salt."""
    challenge = await start_login(api, member_with_2fa.user)
    hashes: list[object] = []
    run = services.hashing.run_in_thread

    async def count_hashes(slow: Any, *arguments: object) -> Any:  # noqa: ANN401  # any function
        hashes.append(slow)
        return await run(slow, *arguments)

    services.hashing.run_in_thread = count_hashes  # type: ignore[method-assign]
    for code in (WRONG_BACKUP_CODE, member_with_2fa.codes[0]):
        hashes.clear()
        await verify_login(api, challenge, backupCode=code)
        assert len(hashes) == 1


@pytest.mark.attack("E10")
async def test_codes_are_random(member_with_2fa: ApiUser) -> None:
    """ASVS 6.5.3, 6.5.4: codes differ, have 50 bits, and use each character of the alphabet equally often."""
    codes = [
        code
        for _ in range(6)
        for code in (await member_with_2fa.client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD))["codes"]
    ]
    assert len(set(codes)) == len(codes) == 6 * BACKUP_CODES_PER_SET
    assert {len(code) for code in codes} == {BACKUP_CODE_LENGTH}
    assert math.log2(len(ALPHABET)) * BACKUP_CODE_LENGTH == 50

    counts = Counter("".join(codes))
    assert set(counts) <= set(ALPHABET)
    # Chi-squared with 31 degrees of freedom exceeds 80 once in several hundred thousand runs.
    expected = len(codes) * BACKUP_CODE_LENGTH / len(ALPHABET)
    assert sum((counts[character] - expected) ** 2 / expected for character in ALPHABET) < 80
