"""What the use cases answer with: frozen facts, detached from the database."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Generic, Self, TypeVar
from uuid import UUID

import segno

import models
from models import NEVER, Role, SecondFactorMethod, SecurityEventKind, SessionTransport
from twofactor.rules import qr

# The language of those whose language nobody has told us yet.
DEFAULT_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class Company:
    """A company account and its rules."""

    id: UUID
    name: str
    two_factor_enforced: bool
    backup_codes_enabled: bool

    @classmethod
    def of(cls, row: models.Company) -> Self:
        """Read it from its row."""
        return cls(row.id, row.name, row.two_factor_enforced, row.backup_codes_enabled)


@dataclass(frozen=True, slots=True)
class FeatureFlags:
    """What is on for a company account."""

    backup_codes: bool


@dataclass(frozen=True, slots=True)
class TwoFactor:
    """Where a user's 2FA stands."""

    is_active: bool
    enforced: bool
    activated_at: datetime | None
    last_used_at: datetime | None
    backup_codes_remaining: int | None

    @property
    def setup_required(self) -> bool:
        """Enforced and not active."""
        return self.enforced and not self.is_active


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account."""

    id: UUID
    email: str
    name: str
    role: Role
    company: Company
    two_factor: TwoFactor
    locale: str
    created_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, row: models.User, company: models.Company) -> Self:
        """Read it from its row and that of its company account."""
        is_active = row.two_factor_activated_at is not None
        return cls(
            id=row.id,
            email=row.email,
            name=row.name,
            role=row.role,
            company=Company.of(company),
            two_factor=TwoFactor(
                is_active=is_active,
                enforced=company.two_factor_enforced,
                activated_at=row.two_factor_activated_at,
                last_used_at=row.two_factor_last_used_at,
                backup_codes_remaining=(
                    row.backup_codes_remaining if is_active and company.backup_codes_enabled else None
                ),
            ),
            locale=row.locale or DEFAULT_LOCALE,
            created_at=row.created_at,
            last_login_at=None if row.last_login_at == NEVER else row.last_login_at,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that is still good."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    current: bool
    second_factor: SecondFactorMethod | None

    @classmethod
    def of(cls, row: models.Session, *, current: bool) -> Self:
        """Read it from its row."""
        return cls(
            row.id,
            row.created_at,
            row.last_seen_at,
            row.expires_at,
            row.ip_address,
            row.user_agent,
            current,
            row.second_factor,
        )


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session began."""

    token: str = field(repr=False)
    transport: SessionTransport
    session: Session
    viewer: User


@dataclass(frozen=True, slots=True)
class SecondFactorRequired:
    """Email and password are right; the second factor is missing."""

    challenge_token: str = field(repr=False)
    expires_at: datetime
    methods: tuple[SecondFactorMethod, ...]


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The session is over, if there was one."""

    session_id: UUID | None


@dataclass(frozen=True, slots=True)
class SessionRevoked:
    """A session was ended from another one."""

    session_id: UUID
    viewer: User


@dataclass(frozen=True)
class QrCode:
    """A QR code, drawn when and how it is asked for. Drawing takes long: leave it to the thread that draws."""

    text: str = field(repr=False)

    @cached_property
    def _modules(self) -> segno.QRCode:
        return qr.qr_code(self.text)

    def svg(self) -> str:
        """A whole `<svg>` element."""
        return qr.svg(self._modules)

    def svg_data_uri(self) -> str:
        """The same as a `data:` URI."""
        return qr.svg_data_uri(self.svg())

    def png_data_uri(self, scale: int) -> str:
        """A PNG as a `data:` URI."""
        return qr.png_data_uri(self._modules, scale)


@dataclass(frozen=True, slots=True)
class TwoFactorActivation:
    """An activation that waits for its first OTP."""

    activation_id: str = field(repr=False)
    key: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    issuer: str
    account_name: str
    qr_code: QrCode
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TextFile:
    """A small text file for the client to save."""

    name: str
    content: str = field(repr=False)
    mime_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class BackupCodesIssued:
    """The OTP was right: the backup codes, this once."""

    activation_id: str = field(repr=False)
    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BackupCodesRegenerated:
    """New backup codes, this once; the old ones are void."""

    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    viewer: User


@dataclass(frozen=True, slots=True)
class TwoFactorActivated:
    """2FA is active."""

    viewer: User

    @property
    def two_factor(self) -> TwoFactor:
        """The viewer's 2FA after the change."""
        return self.viewer.two_factor


@dataclass(frozen=True, slots=True)
class TwoFactorDeactivated:
    """2FA is inactive."""

    viewer: User

    @property
    def two_factor(self) -> TwoFactor:
        """The viewer's 2FA after the change."""
        return self.viewer.two_factor


@dataclass(frozen=True, slots=True)
class TwoFactorReset:
    """2FA of another user is inactive."""

    user: User


@dataclass(frozen=True, slots=True)
class SecurityPolicyUpdated:
    """The rules are in force."""

    company: Company


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The new password is in force."""

    viewer: User


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that happened to sign-in or 2FA."""

    id: UUID
    kind: SecurityEventKind
    occurred_at: datetime
    user: User | None
    actor: User | None
    ip_address: str | None
    user_agent: str | None
    note: str | None


NodeT = TypeVar("NodeT")


@dataclass(frozen=True, slots=True)
class Edge(Generic[NodeT]):
    """An item in a page, with its place in the list."""

    cursor: str
    node: NodeT


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page(Generic[NodeT]):
    """A page of a list."""

    edges: tuple[Edge[NodeT], ...]
    page_info: PageInfo

    @property
    def nodes(self) -> tuple[NodeT, ...]:
        """The items without their cursors."""
        return tuple(edge.node for edge in self.edges)


@dataclass(frozen=True, slots=True)
class AuthenticatorApp:
    """An app that makes one-time passwords."""

    name: str
    app_store_url: str
    play_store_url: str
