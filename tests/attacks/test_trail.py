"""The audit trail, R16 and ASVS 16.2.1 and 16.3.1: whoever comes after an attack reads what happened to whom."""

from collections.abc import Sequence

import models
from models import LetterKind
from tests.attacks.steps import (
    STEP,
    WRONG_PASSWORD,
    Person,
    attempt,
    challenge_of,
    enrol,
    outcome,
    started,
    verify,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock
from twofactor import removal
from twofactor.environment import Environment

Entry = tuple[str, str | None, str | None, str | None]


async def trail(env: Environment, after: Sequence[Entry] = ()) -> list[Entry]:
    """What happened, to whom, by whom, with what remark, the newest last, without what is known already."""
    async with env.database.reading():
        rows = await models.SecurityEvent.filter(ip_address="127.0.0.1").order_by("occurred_at")
        names: dict[object, str] = {row.id: row.name for row in await models.User.all()}
    entries = [(row.kind.value, names.get(row.user_id), names.get(row.actor_id), row.note) for row in rows]
    for entry in after:
        entries.remove(entry)
    return entries


async def test_an_attack_on_the_password_is_read_in_the_trail(api: Api, mia: Person, env: Environment) -> None:
    """Every failure names the account, and the one that brought the wait says which factor."""
    before = await trail(env)
    for _ in range(3):
        await outcome(api, "login", email=mia.user.email, password=WRONG_PASSWORD)
    for _ in range(2):
        await outcome(mia.api, "startTwoFactorActivation", password=WRONG_PASSWORD)

    assert sorted(await trail(env, before)) == [
        ("LOCKED", "Mia", None, "PASSWORD"),
        *[("LOGIN_FAILED", "Mia", None, None)] * 3,
        *[("REAUTHENTICATION_FAILED", "Mia", None, None)] * 2,
    ]


async def test_a_lock_by_login_is_read_in_the_trail(api: Api, mia: Person, env: Environment) -> None:
    """The same where `login` brings the wait."""
    before = await trail(env)
    for _ in range(5):
        await outcome(api, "login", email=mia.user.email, password=WRONG_PASSWORD)

    assert ("LOCKED", "Mia", None, "PASSWORD") in await trail(env, before)


async def test_the_life_of_an_enrolment_is_read_in_the_trail(
    api: Api, mia: Person, ada: Person, clock: Clock, env: Environment
) -> None:
    """From the first try to the reset, each step names its user, its factor and who did it, and its letter the same."""
    before = await trail(env)
    activation_id, app = await started(mia)
    await outcome(mia.api, "confirmOtp", activationId=activation_id, otp=app.wrong_otp(clock.now))
    clock.advance(STEP)
    mia = await enrol(mia, clock)
    challenge = await challenge_of(api, mia.user.email)
    for _ in range(5):
        await verify(api, challenge, otp=mia.app.wrong_otp(clock.now))
    await verify(api, challenge, backupCode=mia.codes[0])
    renewed = await attempt(mia.api, "regenerateBackupCodes", password=PASSWORD)
    assert mia.user.email in renewed["file"]["content"]
    assert await outcome(mia.api, "deactivateTwoFactor", password=PASSWORD) == "TwoFactorDeactivated"
    mia = await enrol(mia, clock)
    await outcome(ada.api, "adminResetTwoFactor", userId=mia.id, password=PASSWORD, reason="phone lost")

    assert sorted(await trail(env, before), key=repr) == sorted(
        [
            *[("TWO_FACTOR_ACTIVATION_STARTED", "Mia", None, None)] * 3,
            ("SECOND_FACTOR_FAILED", "Mia", None, "activation"),
            *[("BACKUP_CODES_ISSUED", "Mia", None, None)] * 3,
            *[("TWO_FACTOR_ACTIVATED", "Mia", None, None)] * 2,
            *[("SECOND_FACTOR_FAILED", "Mia", None, "OTP")] * 5,
            ("LOCKED", "Mia", None, "OTP"),
            ("BACKUP_CODE_USED", "Mia", None, None),
            ("LOGIN_SUCCEEDED", "Mia", None, "BACKUP_CODE"),
            ("TWO_FACTOR_DEACTIVATED", "Mia", None, None),
            ("TWO_FACTOR_RESET", "Mia", "Ada", "phone lost"),
        ],
        key=repr,
    )
    async with env.database.reading():
        letters = {letter.kind: letter.facts for letter in await models.Letter.all()}
    now = clock.now.isoformat(timespec="seconds")
    assert letters[LetterKind.TWO_FACTOR_RESET] == {"at": now, "by": "Ada", "reason": "phone lost"}
    assert letters[LetterKind.BACKUP_CODE_USED]["remaining"] == 9
    assert letters[LetterKind.SECOND_FACTOR_WARNING]["factor"] == "OTP"
    for kind in set(letters) - {LetterKind.TWO_FACTOR_RESET}:
        assert letters[kind]["ip_address"] == "127.0.0.1"
        assert letters[kind]["at"] <= now


async def test_a_reset_by_the_operator_is_read_in_the_trail(enrolled: Person, env: Environment) -> None:
    """A reset by nobody of the company account is the operator's, with their reason."""
    await removal.reset_by_operator(env, enrolled.user.id, "asked in person")

    async with env.database.reading():
        event = await models.SecurityEvent.get(kind=models.SecurityEventKind.TWO_FACTOR_RESET)
        letter = await models.Letter.get(kind=LetterKind.TWO_FACTOR_RESET)
    assert (event.note, letter.facts["reason"], letter.facts["by"]) == ("asked in person", "asked in person", None)
