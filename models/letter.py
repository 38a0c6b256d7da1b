"""The outbox: letters that are to be sent, in the transaction of the change they tell of."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model


class LetterKind(StrEnum):
    """What a letter says. Names its folder of templates."""

    TWO_FACTOR_ACTIVATED = "two_factor_activated"
    TWO_FACTOR_DEACTIVATED = "two_factor_deactivated"
    TWO_FACTOR_RESET = "two_factor_reset"
    BACKUP_CODE_USED = "backup_code_used"
    BACKUP_CODES_REGENERATED = "backup_codes_regenerated"
    FEW_BACKUP_CODES_LEFT = "few_backup_codes_left"
    PASSWORD_CHANGED = "password_changed"
    SECOND_FACTOR_WARNING = "second_factor_warning"


class LetterState(StrEnum):
    """Where a letter stands."""

    WAITING = "WAITING"
    SENT = "SENT"
    FAILED = "FAILED"


class Letter(Model):
    """One letter to one person. It holds facts, never a secret. The words come from the templates when it is sent."""

    # Also the left side of the Message-ID: stable over every try, so that a receiver can tell a letter that came twice
    # (RFC 5322 §3.6.4).
    id = fields.UUIDField(primary_key=True)
    kind = fields.CharEnumField(LetterKind, max_length=40)
    recipient_email = fields.CharField(max_length=254)
    recipient_name = fields.CharField(max_length=200)
    locale = fields.CharField(max_length=35)
    facts: fields.Field[dict[str, Any]] = fields.JSONField()
    created_at = fields.DatetimeField()
    state = fields.CharEnumField(LetterState, max_length=8, default=LetterState.WAITING)
    tries = fields.SmallIntField(default=0)
    # A letter that is being sent is leased: nobody else takes it before this instant.
    next_try_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)
    # The kind of the failure, never the server's words: those can repeat the letter.
    last_error = fields.CharField(max_length=200, null=True)

    class Meta:
        """Where the rows live, and the index by which the sender finds what is due."""

        table = "letter"
        indexes = (("state", "next_try_at"),)
