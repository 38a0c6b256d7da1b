"""The tables, one a file, and the database they live in. Nothing here knows a rule of 2FA."""

from models.activation import Activation
from models.attempt_budget import AttemptBudget, Factor
from models.authenticator import Authenticator
from models.backup_code import BackupCode, BackupCodeSet
from models.challenge import Challenge, SessionTransport
from models.company import Company
from models.letter import Letter, LetterKind, LetterState
from models.security_event import SecurityEvent, SecurityEventKind
from models.session import SecondFactorMethod, Session
from models.user import NEVER, Role, User

__all__ = [
    "NEVER",
    "Activation",
    "AttemptBudget",
    "Authenticator",
    "BackupCode",
    "BackupCodeSet",
    "Challenge",
    "Company",
    "Factor",
    "Letter",
    "LetterKind",
    "LetterState",
    "Role",
    "SecondFactorMethod",
    "SecurityEvent",
    "SecurityEventKind",
    "Session",
    "SessionTransport",
    "User",
]
