"""What a second factor is. `twofactor/factors/registry.py` lists the kinds.

The use cases of login, activation, removal and key rotation know factors only by these classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from tortoise.models import Model

import models
from accounts.services import Client, Services
from models import SecurityEventContext
from security.password_hashing import Hasher

ActivationT = TypeVar("ActivationT")


@dataclass(frozen=True, slots=True)
class Check:
    """A check of what a user entered. The user's row is locked, and the attempt is reserved."""

    services: Services
    client: Client
    user: models.User
    company: models.Company
    # The user's rows of the factor's table that are in force.
    rows: Sequence[Any]
    # At login, or for a change. The audit event of the use has it.
    during: SecurityEventContext


class Factor(ABC):
    """A kind of second factor. A user can have several of one kind."""

    # Its name in attempt counts, sessions, audit events and the enum `SecondFactorMethod` of the API.
    kind: ClassVar[str]
    # The table of what users have of this kind. It has the columns `id` and `user_id`.
    table: ClassVar[type[Model]]
    # An SQL condition for the rows of the table that a login can use.
    in_force: ClassVar[str] = "TRUE"
    # Whether the table has the columns `encrypted_secret` and `key_id`.
    has_encrypted_secrets: ClassVar[bool] = False

    def is_available(self, user: models.User, company: models.Company) -> bool:  # noqa: ARG002  # for other kinds
        """Return whether a user who has rows in force can enter this factor at login."""
        return True

    async def challenge(self, services: Services, user: models.User) -> None:  # noqa: B027  # for other kinds
        """Prepare what the user has to enter, in the transaction that opens the challenge.

        A kind for which the server has to send a code does it here.
        """

    @abstractmethod
    def normalise(self, text: str) -> str | None:
        """Return what the user entered in the form for `verify`, or None if it is malformed."""

    @abstractmethod
    async def verify(self, check: Check, text: str) -> bool:
        """Return whether the text is right, and use it, so that it works once. Record what else depends on its use."""

    async def remove(self, user_id: UUID, *, only: UUID | None = None) -> int:
        """Delete what the user has of this kind, or only the row with this id. Return the number of rows.

        The user's row is locked.
        """
        rows = self.table.filter(user_id=user_id)
        return await (rows.filter(id=only) if only else rows).delete()


class HashedFactor(Factor):
    """A kind that is stored as slow hashes. `verify` gets the hash."""

    @abstractmethod
    async def hash(self, services: Services, hasher: Hasher, rows: Sequence[Any], text: str) -> str:
        """Return the hash of a normalised text. It is called outside any transaction, also if there are no rows."""


class EnrollableFactor(Factor, Generic[ActivationT]):
    """A kind that activates 2FA. Its secret waits in the activation until the user has confirmed it."""

    @abstractmethod
    def new_secret(self, services: Services, user: models.User) -> bytes:
        """Return a new secret. The use case encrypts it."""

    @abstractmethod
    def started_activation(
        self, services: Services, user: models.User, secret: bytes, *, activation_id: str, expires_at: datetime
    ) -> ActivationT:
        """Return what the user needs to set up the factor. The client gets it once."""

    @abstractmethod
    def first_position(self, secret: bytes, text: str, now: datetime) -> int | None:
        """Return the position of the text in the sequence of the secret, or None if the text is wrong.

        Positions are greater than 0. They grow, so that each text works once. For an OTP it is the time step.
        """

    @abstractmethod
    def is_text_at(self, secret: bytes, text: str, position: int) -> bool:
        """Return whether the text is the one at a position, however long ago it was right."""

    @abstractmethod
    async def enrol(self, activation: models.Activation, now: datetime, *, by_acknowledgement: bool) -> None:
        """Insert the row of a user who has confirmed an activation."""

    @abstractmethod
    async def purpose_of(self, user_id: UUID, activation_hash: str) -> models.ActivationPurpose | None:
        """Return what this activation did, if the factor that it enrolled is still in force."""
