"""The email outbox. The transaction of a change inserts the email about it, and a worker sends it later."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.enum_as_text import enum_as_text


class EmailState(StrEnum):
    """The state of an email in the outbox."""

    WAITING = "WAITING"
    SENT = "SENT"
    FAILED = "FAILED"


class OutboxEmail(Model):
    """One email to one user. It holds facts and never a secret. The worker renders the text when it sends the email."""

    # Also the left side of the Message-ID. It is the same for every try, so that a receiver can recognise a duplicate
    # (RFC 5322 §3.6.4).
    id = fields.UUIDField(primary_key=True)
    # The name of a function of `mail.emails`.
    kind = fields.CharField(max_length=40)
    recipient_email = fields.CharField(max_length=254)
    recipient_name = fields.CharField(max_length=200)
    locale = fields.CharField(max_length=35)
    facts: fields.Field[dict[str, Any]] = fields.JSONField()
    created_at = fields.DatetimeField()
    state = enum_as_text(EmailState, max_length=8, default=EmailState.WAITING)
    tries = fields.SmallIntField(default=0)
    # The time of the next try. While a worker sends the email, it is the end of that worker's lease.
    next_try_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)
    # The class of the error and the reply code. Never the server's text, which can repeat the email.
    last_error = fields.CharField(max_length=200, null=True)

    class Meta:
        """The table, with the index by which the worker finds emails that are due."""

        table = "email_outbox"
        indexes = (("state", "next_try_at"),)
