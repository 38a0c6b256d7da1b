"""The second factor that a user enters in a session, for a change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts import attempt_limits, audit
from accounts.errors import UnauthenticatedError
from accounts.event_facts import EventFacts
from accounts.permissions import Viewer
from accounts.reauthentication import LockedAccount, end_session_of_wrong_attempts
from accounts.second_factor_of_changes import second_factor_needed
from accounts.services import Client, Services
from models import SecurityEventContext, SecurityEventKind
from models.sql.factors import rows_in_force
from security.constants import FREE_ATTEMPTS, REAUTHENTICATION_FAILURES_ALLOWED
from security.password_hashing import Hasher
from twofactor.errors import WrongSecondFactorError
from twofactor.factors.factor import Check, HashedFactor
from twofactor.factors.registry import factor_of


@dataclass(slots=True)
class EnteredSecondFactor:
    """The text that the viewer entered for a kind of second factor.

    A session has one attempt limit for all kinds. A right password does not reset it. Otherwise anybody who knows the
    password could guess on.
    """

    kind: str
    text: str = field(repr=False)
    # Of the user, read before the slow hash. None until then.
    _rows: Sequence[Any] | None = field(default=None, init=False, repr=False)
    _checked_text: str | None = field(default=None, init=False, repr=False)

    async def prepare(self, services: Services, hasher: Hasher, viewer: Viewer) -> None:
        """Compute the hash of a backup code. Call it outside any transaction."""
        factor = factor_of(self.kind)
        self._checked_text = factor.normalise(self.text)
        async with services.database.reading():
            self._rows = await rows_in_force(factor.table, factor.in_force, viewer.user.id)
        if self._checked_text is not None and isinstance(factor, HashedFactor):
            self._checked_text = await factor.hash(services, hasher, self._rows, self._checked_text)

    async def check(self, services: Services, client: Client, account: LockedAccount) -> None:
        """Use the second factor, under the attempt limit of the session.

        Raises:
            SecondFactorNeededError: The rule of the company account has changed since `prepare`.
            WrongSecondFactorError: It is wrong, expired, already used or malformed.
            TooManyAttemptsError: The attempt has to wait. The server checked nothing.
            UnauthenticatedError: It is wrong, and so were the nine before in this session, which has ended.
        """
        if self._rows is None:
            raise second_factor_needed(account)
        limit = attempt_limits.second_factor_of_session_limit(account.session.id)
        if self._checked_text is None:
            remaining = await attempt_limits.remaining_attempts(limit, services.now())
            only_otp = not account.viewer.user.two_factor.backup_codes_remaining
            raise WrongSecondFactorError.of_malformed_input(remaining, only_otp=only_otp)
        await attempt_limits.reserve_attempt(limit, services.now())
        check = Check(
            services,
            client,
            account.user,
            account.company,
            self._rows,
            during=SecurityEventContext.REAUTHENTICATION,
        )
        if not await factor_of(self.kind).verify(check, self._checked_text):
            raise await self._failure(services, client, account, limit)
        await account.user.save(update_fields=["backup_codes_remaining"])
        await attempt_limits.reset_wait(limit)

    async def _failure(
        self, services: Services, client: Client, account: LockedAccount, limit: attempt_limits.AttemptLimit
    ) -> WrongSecondFactorError | UnauthenticatedError:
        now = services.now()
        kind, facts = (
            SecurityEventKind.SECOND_FACTOR_FAILED,
            EventFacts(self.kind, SecurityEventContext.REAUTHENTICATION),
        )
        await audit.record(kind, user=account.user, client=client, now=now, facts=facts)
        failures = await attempt_limits.record_failure(limit)
        if failures.in_a_row >= FREE_ATTEMPTS:
            await audit.record(SecurityEventKind.LOCKED, user=account.user, client=client, now=now, facts=facts)
        if failures.in_a_row >= REAUTHENTICATION_FAILURES_ALLOWED:
            await end_session_of_wrong_attempts(services, client, account.viewer, account.user)
            return UnauthenticatedError()
        return WrongSecondFactorError(failures.attempts_remaining, failures.next_attempt_at)
