"""The tables, one in each module, and the database. This package contains no rule of 2FA."""

from models.activation import Activation, ActivationPurpose
from models.attempt_count import (
    KNOWN_DEVICE,
    PASSWORD_FACTOR,
    REAUTHENTICATION,
    SESSION_FACTOR,
    VOUCHER_FACTOR,
    AttemptCount,
)
from models.authenticator import Authenticator
from models.backup_code import BackupCode, BackupCodeReplacement, BackupCodeSet, UnacknowledgedCodes
from models.challenge import Challenge, SessionTransport
from models.company import Company
from models.known_device import KnownDevice
from models.outbox_email import EmailState, OutboxEmail
from models.security_event import ChangedField, SecurityEvent, SecurityEventContext, SecurityEventKind
from models.session import SecondFactorMethod, Session
from models.user import NEVER, Role, User, UserEnforcement
from models.user_count import UserCount

__all__ = [
    "KNOWN_DEVICE",
    "NEVER",
    "PASSWORD_FACTOR",
    "REAUTHENTICATION",
    "SESSION_FACTOR",
    "VOUCHER_FACTOR",
    "Activation",
    "ActivationPurpose",
    "AttemptCount",
    "Authenticator",
    "BackupCode",
    "BackupCodeReplacement",
    "BackupCodeSet",
    "Challenge",
    "ChangedField",
    "Company",
    "EmailState",
    "KnownDevice",
    "OutboxEmail",
    "Role",
    "SecondFactorMethod",
    "SecurityEvent",
    "SecurityEventContext",
    "SecurityEventKind",
    "Session",
    "SessionTransport",
    "UnacknowledgedCodes",
    "User",
    "UserCount",
    "UserEnforcement",
]
