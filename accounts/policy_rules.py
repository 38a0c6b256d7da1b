"""The rules of a company account: what a change makes of them, and how events and emails name each value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from accounts.enforcement import EnforcedFor
from accounts.entities import Company
from accounts.errors import InvalidInputError
from accounts.event_facts import Change, text_of_switch
from models import ChangedField
from security.constants import ENFORCEMENT_MAX_NOTICE


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """The rules that an admin wants. None leaves a rule as it is."""

    two_factor_enforced: bool | None = None
    enforced_for: EnforcedFor | None = None
    enforce_from: datetime | None = None
    backup_codes_enabled: bool | None = None
    new_device_emails: bool | None = None
    second_factor_for_changes: bool | None = None
    resets_need_voucher: bool | None = None


# The rules that are on or off, each in a column of its name.
SWITCHES = ("backup_codes_enabled", "new_device_emails", "second_factor_for_changes", "resets_need_voucher")


def _switch(name: str) -> Callable[[Company], str]:
    return lambda company: text_of_switch(getattr(company, name))


# How to read the value of each rule as text. `TWO_FACTOR_ENFORCED` repeats what `ENFORCED_FOR` says, for clients that
# do not know that one. The emails and the reference frontend have words for each rule.
RULES: Mapping[ChangedField, Callable[[Company], str | None]] = {
    ChangedField.TWO_FACTOR_ENFORCED: _switch("two_factor_enforced"),
    ChangedField.ENFORCED_FOR: lambda company: company.enforced_for.value,
    ChangedField.ENFORCE_FROM: lambda company: _text_of_time(company.enforce_from),
    **{ChangedField(name.upper()): _switch(name) for name in SWITCHES},
}


def changed_rules(before: Company, after: Company) -> tuple[Change, ...]:
    """Return the rules whose values differ."""
    changes = (Change(rule, read(before), read(after)) for rule, read in RULES.items())
    return tuple(change for change in changes if change.before != change.after)


def policy_after(company: Company, change: PolicyChange, now: datetime) -> Company:
    """Return the company account as a change leaves it.

    Raises:
        InvalidInputError: `two_factor_enforced` and `enforced_for` contradict each other, the date is too far in the
            future, or there is a date and the company account enforces 2FA for nobody.
    """
    enforced_for = _enforced_for_after(company, change)
    switches: dict[str, Any] = {
        name: getattr(company, name) if getattr(change, name) is None else getattr(change, name) for name in SWITCHES
    }
    return replace(
        company,
        two_factor_enforced=enforced_for is EnforcedFor.EVERYBODY,
        enforced_for=enforced_for,
        enforce_from=_enforce_from_after(company, change, enforced_for, now),
        **switches,
    )


def columns_of(company: Company) -> dict[str, Any]:
    """Return the columns of the rules, with their values."""
    return {
        "two_factor_enforced": company.enforced_for is EnforcedFor.EVERYBODY,
        "two_factor_enforced_for_admins": company.enforced_for is EnforcedFor.ADMINS,
        "enforce_from": company.enforce_from,
        **{name: getattr(company, name) for name in SWITCHES},
    }


def _enforced_for_after(company: Company, change: PolicyChange) -> EnforcedFor:
    is_for_everybody = change.two_factor_enforced
    if change.enforced_for is not None:
        if is_for_everybody not in {None, change.enforced_for is EnforcedFor.EVERYBODY}:
            raise InvalidInputError("enforcedFor", "contradicts twoFactorEnforced", de="widerspricht twoFactorEnforced")
        return change.enforced_for
    if is_for_everybody:
        return EnforcedFor.EVERYBODY
    # A client that knows only that rule sends false back. This does not change the rule for admins.
    if is_for_everybody is False and company.enforced_for is EnforcedFor.EVERYBODY:
        return EnforcedFor.NOBODY
    return company.enforced_for


def _enforce_from_after(
    company: Company, change: PolicyChange, enforced_for: EnforcedFor, now: datetime
) -> datetime | None:
    if change.enforce_from is None:
        is_new = company.enforced_for is EnforcedFor.NOBODY or enforced_for is EnforcedFor.NOBODY
        return None if is_new and enforced_for is not company.enforced_for else company.enforce_from
    if enforced_for is EnforcedFor.NOBODY:
        raise InvalidInputError(
            "enforceFrom",
            "no date while 2FA is enforced for nobody",
            de="kein Datum, solange 2FA für niemanden Pflicht ist",
        )
    # Answers show times to the second. So a client can send back what it read.
    enforce_from = change.enforce_from.replace(microsecond=0)
    if enforce_from > now + ENFORCEMENT_MAX_NOTICE:
        days = ENFORCEMENT_MAX_NOTICE.days
        raise InvalidInputError(
            "enforceFrom", f"at most {days} days in the future", de=f"höchstens {days} Tage in der Zukunft"
        )
    if enforce_from > now:
        return enforce_from
    is_in_force = company.enforced_for is not EnforcedFor.NOBODY and (
        company.enforce_from is None or company.enforce_from <= now
    )
    return company.enforce_from if is_in_force else None


def _text_of_time(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
