"""A third kind of factor, with a table of its own. No file of the product knows it.

The user has a card with a word. At each login the user enters the word and the next number: `word1`, `word2`.
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from tortoise import fields
from tortoise.models import Model
from typing_extensions import override

import models
from accounts.errors import SecondFactorLockedError
from accounts.permissions import Viewer
from accounts.services import Services
from models.database import APPS
from security.constants import FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED
from security.errors import TooManyAttemptsError
from security.key_ring import EncryptedValue, KeyRing
from tests.integration.use_cases.helpers import (
    CLIENT,
    count_rows,
    new_challenge,
    raises,
    sign_in,
    start_sign_in,
    viewer_of,
)
from tests.support.attempts import set_attempt_count
from tests.support.clock import Clock
from tests.support.users import KEYS, PASSWORD
from twofactor.activation import acknowledge_backup_codes, start_activation_with
from twofactor.confirmation import BackupCodesIssued, confirm_otp
from twofactor.errors import WrongOtpError, WrongSecondFactorError
from twofactor.factors import registry
from twofactor.factors.factor import Check, EnrollableFactor
from twofactor.key_rotation import missing_key_ids, reencrypt_all
from twofactor.removal import deactivate
from twofactor.second_factor import verify_login

TABLE = """
    CREATE TABLE word_card (
        id {uuid} NOT NULL PRIMARY KEY, user_id {uuid} NOT NULL, encrypted_secret {bytes} NOT NULL,
        key_id VARCHAR(32) NOT NULL, last_number BIGINT NOT NULL, activation_token_hash VARCHAR(64) NOT NULL,
        activated_by_acknowledgement {boolean} NOT NULL
    )
"""
TYPES = {
    "sqlite": {"uuid": "CHAR(36)", "bytes": "BLOB", "boolean": "INT"},
    "postgres": {"uuid": "UUID", "bytes": "BYTEA", "boolean": "BOOL"},
}


class WordCard(Model):
    """A card of a user."""

    id = fields.UUIDField(primary_key=True)
    user_id = fields.UUIDField()
    encrypted_secret = fields.BinaryField()
    key_id = fields.CharField(max_length=32)
    last_number = fields.BigIntField()
    activation_token_hash = fields.CharField(max_length=64)
    activated_by_acknowledgement = fields.BooleanField()

    class Meta:
        """The table."""

        table = "word_card"


class WordCardFactor(EnrollableFactor[tuple[str, str]]):
    """The word of a card with the next number."""

    kind = "WORD_CARD"
    table = WordCard
    has_encrypted_secrets = True

    def __init__(self) -> None:
        """Record which users get a challenge."""
        self.challenged: list[UUID] = []

    @override
    async def challenge(self, services: Services, user: models.User) -> None:
        self.challenged.append(user.id)

    @override
    def normalise(self, text: str) -> str | None:
        return text.lower() if text.isascii() and text[-1:].isdecimal() else None

    @override
    async def verify(self, check: Check, text: str) -> bool:
        for card in check.rows:
            word = check.services.key_ring.decrypt(EncryptedValue(card.key_id, card.encrypted_secret), card.user_id)
            number = self.first_position(word, text, check.services.now())
            if number and await WordCard.filter(id=card.id, last_number__lt=number).update(last_number=number) == 1:
                return True
        return False

    @override
    def new_secret(self, services: Services, user: models.User) -> bytes:
        return secrets.token_hex(8).encode()

    @override
    def started_activation(
        self, services: Services, user: models.User, secret: bytes, *, activation_id: str, expires_at: datetime
    ) -> tuple[str, str]:
        return activation_id, secret.decode()

    @override
    def first_position(self, secret: bytes, text: str, now: datetime) -> int | None:
        number = text.removeprefix(secret.decode())
        return int(number) if number != text and number.isdecimal() else None

    @override
    def is_text_at(self, secret: bytes, text: str, position: int) -> bool:
        return text == f"{secret.decode()}{position}"

    @override
    async def enrol(self, activation: models.Activation, now: datetime, *, by_acknowledgement: bool) -> None:
        await WordCard.create(
            user_id=activation.user_id,
            encrypted_secret=activation.encrypted_secret,
            key_id=activation.key_id,
            last_number=activation.last_step,
            activation_token_hash=activation.token_hash,
            activated_by_acknowledgement=by_acknowledgement,
        )

    @override
    async def purpose_of(self, user_id: UUID, activation_hash: str) -> models.ActivationPurpose | None:
        is_enrolled = await WordCard.filter(user_id=user_id, activation_token_hash=activation_hash).exists()
        return models.ActivationPurpose.ACTIVATE if is_enrolled else None


# `database` opens the connection, so the model must be known before.
@pytest.fixture(autouse=True)
def word_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[WordCardFactor]:
    """Register the factor and its table."""
    factor = WordCardFactor()
    monkeypatch.setitem(APPS["models"], "models", ["models", __name__])
    registry.FACTORS.append(factor)
    yield factor
    registry.FACTORS.remove(factor)


@pytest.fixture(autouse=True)
async def table(word_card: WordCardFactor, services: Services) -> None:  # noqa: ARG001  # it is used first
    """Create the table."""
    database = services.database
    await database.connection.execute_script(TABLE.format(**TYPES[database.dialect]))


async def activate(services: Services, viewer: Viewer, factor: WordCardFactor) -> str:
    """Activate 2FA with a card, and return the word. The number 1 is used."""
    token, word = await start_activation_with(factor, services, CLIENT, viewer, PASSWORD)
    await confirm_otp(services, CLIENT, viewer, token, f"{word}1")
    await acknowledge_backup_codes(services, CLIENT, viewer, token)
    return word


async def enter(services: Services, member: models.User, text: str) -> Viewer:
    """Log in with the password and the card."""
    challenge = await new_challenge(services, member.email)
    return await viewer_of(services, await verify_login(services, CLIENT, challenge, kind="WORD_CARD", text=text))


async def test_activates_2fa_with_backup_codes(
    services: Services, viewer: Viewer, member: models.User, word_card: WordCardFactor
) -> None:
    """The steps are those of an authenticator: start, confirm, acknowledge. Each can be repeated."""
    token, word = await start_activation_with(word_card, services, CLIENT, viewer, PASSWORD)
    await raises(confirm_otp(services, CLIENT, viewer, token, "another1"), WrongOtpError)

    issued = await confirm_otp(services, CLIENT, viewer, token, f"{word}1")
    activated = [await acknowledge_backup_codes(services, CLIENT, viewer, token) for _ in range(2)]

    assert isinstance(issued, BackupCodesIssued)
    assert [answer.viewer.two_factor.is_active for answer in activated] == [True, True]
    assert await count_rows(services, WordCard, user_id=member.id) == 1
    assert await count_rows(services, models.Authenticator) == 0
    challenge = await new_challenge(services, member.email)
    await verify_login(services, CLIENT, challenge, kind="BACKUP_CODE", text=issued.codes[0])


async def test_challenge_offers_it(
    services: Services, viewer: Viewer, member: models.User, word_card: WordCardFactor
) -> None:
    """The user has a card and backup codes but no authenticator. The factor can prepare the challenge."""
    await activate(services, viewer, word_card)
    assert word_card.challenged == []

    challenge = await start_sign_in(services, member.email)

    assert challenge.methods == ("BACKUP_CODE", "WORD_CARD")
    assert word_card.challenged == [member.id]


async def test_verifies_each_number_once(
    services: Services, viewer: Viewer, member: models.User, word_card: WordCardFactor
) -> None:
    """The number that confirmed the activation counts as used."""
    word = await activate(services, viewer, word_card)

    await raises(enter(services, member, f"{word}1"), WrongSecondFactorError)
    session = (await enter(services, member, f"{word}2".upper())).session
    await raises(enter(services, member, f"{word}2"), WrongSecondFactorError)
    await raises(enter(services, member, "malformed"), WrongSecondFactorError)

    assert session.second_factor == "WORD_CARD"
    assert [event.note for event in await models.SecurityEvent.filter(kind="SECOND_FACTOR_FAILED")] == ["WORD_CARD"] * 2


async def test_user_can_have_several_cards(
    services: Services, viewer: Viewer, member: models.User, word_card: WordCardFactor
) -> None:
    """Each card counts its own numbers."""
    word = await activate(services, viewer, word_card)
    other = services.key_ring.encrypt(b"other", member.id, secrets.token_bytes(12))
    await WordCard.create(
        user_id=member.id, encrypted_secret=other.ciphertext, key_id=other.key_id, last_number=0,
        activation_token_hash="", activated_by_acknowledgement=False,
    )  # fmt: skip

    for text in ("other5", f"{word}2", "other6"):
        await enter(services, member, text)
    await raises(enter(services, member, "other4"), WrongSecondFactorError)


async def test_has_an_attempt_limit_of_its_own(
    services: Services, clock: Clock, viewer: Viewer, member: models.User, word_card: WordCardFactor
) -> None:
    """After five failures it has to wait, and after a hundred it is locked. Backup codes still work."""
    word = await activate(services, viewer, word_card)
    for _ in range(FREE_ATTEMPTS):
        await raises(enter(services, member, "wrong1"), WrongSecondFactorError)
    await raises(enter(services, member, f"{word}2"), TooManyAttemptsError)
    clock.advance(timedelta(minutes=1))
    await enter(services, member, f"{word}2")

    count = SECOND_FACTOR_FAILURES_ALLOWED
    await set_attempt_count(
        services.database, member.id, "WORD_CARD", failures=count, since_sign_in=count, last=clock.now
    )
    await raises(enter(services, member, f"{word}3"), SecondFactorLockedError)
    challenge = await new_challenge(services, member.email)
    await raises(
        verify_login(services, CLIENT, challenge, kind="BACKUP_CODE", text="0000000000"), WrongSecondFactorError
    )


async def test_removal_deletes_it(
    services: Services, viewer: Viewer, member: models.User, word_card: WordCardFactor
) -> None:
    """After that, the password alone signs in."""
    await activate(services, viewer, word_card)

    await deactivate(services, CLIENT, viewer, PASSWORD)

    assert await count_rows(services, WordCard) == 0
    assert await count_rows(services, models.AttemptCount, subject=member.id.hex) == 0
    await sign_in(services, member.email)


async def test_key_rotation_encrypts_its_secrets_anew(
    services: Services, viewer: Viewer, member: models.User, word_card: WordCardFactor
) -> None:
    """The word stays the same."""
    word = await activate(services, viewer, word_card)
    now_key, before_key = KEYS.split(",")
    rotated = replace(services, key_ring=KeyRing.parse(f"{before_key},{now_key}"))

    assert [count async for count in reencrypt_all(rotated)] == [1]

    single_key = replace(services, key_ring=KeyRing.parse(before_key))
    assert await missing_key_ids(single_key) == set()
    await enter(single_key, member, f"{word}2")
