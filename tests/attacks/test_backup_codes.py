"""Backup codes, E1 to E10: used again, spelt otherwise, somebody else's, and read out of the database."""

import base64
import math
from collections import Counter
from typing import Any

from tortoise.models import Model

import models
from tests.attacks.steps import (
    WRONG_BACKUP_CODE,
    Person,
    attempt,
    budgets,
    challenge_of,
    change_rules,
    enrol,
    outcome,
    signed_in,
    verify,
)
from tests.conftest import PASSWORD, make_user
from tests.support.api import Api
from tests.support.clock import Clock
from twofactor.environment import Environment
from twofactor.rules.backup_codes import ALPHABET
from twofactor.rules.policy import BACKUP_CODE_LENGTH, BACKUP_CODES_A_SET

MALFORMED = [
    "", " " * 10, "-" * 10, "A" * 9, "A" * 11, "UUUUUUUUUU", "\uff10123456789", "012345678\u0661", "01234\u200b56789",
    "\ud800" * 10, "0123456789\x00", "O" * 70, "\u017f123456789", "K\u212a23456789", "\u00df12345678",
]  # fmt: skip


async def used(api: Api, person: Person, spelling: str) -> str:
    """What a backup code was answered with, over a challenge of its own."""
    challenge = await challenge_of(api, person.user.email)
    return str((await verify(api, challenge, backupCode=spelling))["__typename"])


async def test_a_code_is_used_again(api: Api, enrolled: Person, env: Environment) -> None:
    """E1: a backup code that has opened a session is wrong ever after, and counts."""
    assert await used(api, enrolled, enrolled.codes[0]) == "LoggedIn"

    assert await used(api, enrolled, enrolled.codes[0]) == "WrongSecondFactor"
    assert await budgets(env.database) == {"BACKUP_CODE": 1}


async def test_two_codes_on_one_challenge(api: Api, enrolled: Person, env: Environment) -> None:
    """E2: the second one finds the challenge over, and stays unused."""
    challenge = await challenge_of(api, enrolled.user.email)
    answers = [(await verify(api, challenge, backupCode=code))["__typename"] for code in enrolled.codes[:2]]

    assert answers == ["LoggedIn", "ChallengeExpired"]
    async with env.database.reading():
        assert await models.BackupCode.filter(used_at__isnull=False).count() == 1
    assert await used(api, enrolled, enrolled.codes[1]) == "LoggedIn"


async def test_a_used_code_in_other_spellings(api: Api, enrolled: Person) -> None:
    """E3: a code has one canonical form: used in one spelling it is used in all, and none makes two codes of it."""
    code = enrolled.codes[0]
    looks_like = code.replace("0", "O").replace("1", "l")
    spellings = [code.lower(), f"{code[:5]}-{code[5:]}", f" {' '.join(code)} ", looks_like]
    assert await used(api, enrolled, spellings[1]) == "LoggedIn"

    for spelling in spellings:
        assert await used(api, enrolled, spelling) == "WrongSecondFactor"


async def test_what_cannot_be_a_code(api: Api, enrolled: Person, env: Environment) -> None:
    """E3, A7: malformed codes get the refusal of wrong ones, cost nothing and spend no slow hash."""
    challenge = await challenge_of(api, enrolled.user.email)

    for spelling in MALFORMED:
        answer = await verify(api, challenge, backupCode=spelling)
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongSecondFactor", 5), ascii(spelling)
    assert await budgets(env.database) == {}


async def test_somebody_elses_code(  # fixtures
    api: Api, enrolled: Person, env: Environment, company: models.Company, password_hash: str, clock: Clock
) -> None:
    """E4: a code opens its owner's account alone, and is not used up by the try."""
    user = await make_user(env.database, company, password_hash, clock, name="Otto")
    other = await enrol(await signed_in(api, user), clock)

    assert await used(api, enrolled, other.codes[0]) == "WrongSecondFactor"

    assert await used(api, other, other.codes[0]) == "LoggedIn"


async def test_the_last_code_is_used(api: Api, enrolled: Person, env: Environment, clock: Clock) -> None:
    """E5: codes count down to none, a letter tells of the last two, and without codes the OTP goes on."""
    for code in enrolled.codes:
        assert await used(api, enrolled, code) == "LoggedIn", code

    answer = await attempt(api, "login", email=enrolled.user.email, password=PASSWORD)
    assert answer["methods"] == ["OTP"]
    assert await used(api, enrolled, WRONG_BACKUP_CODE) == "WrongSecondFactor"
    async with env.database.reading():
        kinds = Counter([letter.kind for letter in await models.Letter.all()])
        user = await models.User.get(id=enrolled.user.id)
    assert kinds[models.LetterKind.BACKUP_CODE_USED] == 10
    assert kinds[models.LetterKind.FEW_BACKUP_CODES_LEFT] == 3
    assert user.backup_codes_remaining == 0
    signed = await verify(api, answer["challengeToken"], otp=enrolled.app.otp(clock.now))
    assert signed["__typename"] == "LoggedIn"


async def test_the_old_set_after_a_new_one(api: Api, enrolled: Person, clock: Clock) -> None:
    """E7: codes that were replaced, or belong to an enrolment that is over, are wrong."""
    renewed = await attempt(enrolled.api, "regenerateBackupCodes", password=PASSWORD)
    assert not set(renewed["codes"]) & set(enrolled.codes)
    assert await used(api, enrolled, enrolled.codes[0]) == "WrongSecondFactor"
    assert await outcome(enrolled.api, "deactivateTwoFactor", password=PASSWORD) == "TwoFactorDeactivated"
    again = await enrol(enrolled, clock)

    for code in (enrolled.codes[1], renewed["codes"][0]):
        assert await used(api, again, code) == "WrongSecondFactor"
    assert await used(api, again, again.codes[0]) == "LoggedIn"


async def test_codes_are_tried_while_they_are_off(
    api: Api, enrolled: Person, company: models.Company, env: Environment
) -> None:
    """Rule of the flag: codes are wrong while it is off, right or not, and good again when it is on."""
    await change_rules(env.database, company, backup_codes_enabled=False)
    right = await verify(api, await challenge_of(api, enrolled.user.email), backupCode=enrolled.codes[0])
    wrong = await verify(api, await challenge_of(api, enrolled.user.email), backupCode=WRONG_BACKUP_CODE)
    assert right["__typename"] == wrong["__typename"] == "WrongSecondFactor"

    await change_rules(env.database, company, backup_codes_enabled=True)
    assert await used(api, enrolled, enrolled.codes[0]) == "LoggedIn"


async def every_column(env: Environment) -> list[str]:
    """Every value of every table, as text."""
    texts: list[str] = []
    async with env.database.reading():
        for table in vars(models).values():
            if isinstance(table, type) and issubclass(table, Model):
                rows: list[dict[str, Any]] = await table.all().values()
                texts += [
                    value.hex() if isinstance(value, bytes) else str(value) for row in rows for value in row.values()
                ]
    return texts


async def test_the_database_is_dumped(api: Api, enrolled: Person, env: Environment, clock: Clock) -> None:
    """E8, K6: no column of any table holds a code, key, token or password; hashes are salted and differ."""
    challenge = await challenge_of(api, enrolled.user.email)
    session = await verify(api, await challenge_of(api, enrolled.user.email), otp=enrolled.app.otp(clock.now))
    seed = base64.b32decode(enrolled.app.key)

    dump = "\n".join(await every_column(env))

    secrets = [*enrolled.codes, enrolled.app.key, seed.hex(), challenge, session["sessionToken"], PASSWORD]
    assert enrolled.user.email in dump
    assert [secret for secret in secrets if secret.lower() in dump.lower()] == []
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in dump


async def test_two_users_swap_their_sealed_seeds(  # fixtures
    api: Api, enrolled: Person, env: Environment, company: models.Company, password_hash: str, clock: Clock
) -> None:
    """E8, K6: whoever can write to the database still cannot put their own seed under somebody else's account."""
    user = await make_user(env.database, company, password_hash, clock, name="Otto")
    thief = await enrol(await signed_in(api, user), clock)
    async with env.database.transaction():
        own = await models.Authenticator.get(user_id=thief.user.id)
        await models.Authenticator.filter(user_id=enrolled.user.id).update(sealed_seed=own.sealed_seed)

    for app in (thief.app, enrolled.app):
        answer = await verify(api, await challenge_of(api, enrolled.user.email), otp=app.otp(clock.now))
        assert answer["__typename"] == "WrongSecondFactor"
    assert await used(api, enrolled, enrolled.codes[0]) == "LoggedIn"


async def test_guesses_cost_one_hash_each(api: Api, enrolled: Person, env: Environment) -> None:
    """E9: one guess costs one slow hash, however many codes the account has: one salt a set."""
    challenge = await challenge_of(api, enrolled.user.email)
    hashes: list[object] = []
    run = env.hashing.run

    async def counted(slow: Any, *arguments: object) -> Any:  # noqa: ANN401  # whatever is run
        hashes.append(slow)
        return await run(slow, *arguments)

    env.hashing.run = counted  # type: ignore[method-assign]
    for code in (WRONG_BACKUP_CODE, enrolled.codes[0]):
        hashes.clear()
        await verify(api, challenge, backupCode=code)
        assert len(hashes) == 1


async def test_codes_are_predicted(enrolled: Person) -> None:
    """E10, ASVS 6.5.3, 6.5.4: ten different codes of fifty bits each, every character of the alphabet as likely."""
    codes = [
        code
        for _ in range(6)
        for code in (await attempt(enrolled.api, "regenerateBackupCodes", password=PASSWORD))["codes"]
    ]
    assert len(set(codes)) == len(codes) == 6 * BACKUP_CODES_A_SET
    assert {len(code) for code in codes} == {BACKUP_CODE_LENGTH}
    assert math.log2(len(ALPHABET)) * BACKUP_CODE_LENGTH == 50

    counts = Counter("".join(codes))
    assert set(counts) <= set(ALPHABET)
    # Chi-squared with 31 degrees of freedom: above 80 once in several hundred thousand runs.
    expected = len(codes) * BACKUP_CODE_LENGTH / len(ALPHABET)
    assert sum((counts[character] - expected) ** 2 / expected for character in ALPHABET) < 80
