"""What a change of the rules makes of a company account."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.enforcement import EnforcedFor
from accounts.entities import Company
from accounts.errors import InvalidInputError
from accounts.event_facts import Change
from accounts.policy_rules import RULES, SWITCHES, PolicyChange, changed_rules, columns_of, policy_after
from models import ChangedField
from security.constants import ENFORCEMENT_MAX_NOTICE

NOW = datetime(2026, 11, 24, 13, 5, 10, 250_000, tzinfo=UTC)
PAST, SOON, LATER = (NOW.replace(microsecond=0) + timedelta(days=days) for days in (-30, 7, 30))
NOBODY, ADMINS, EVERYBODY = EnforcedFor
LAST_DATE = NOW + ENFORCEMENT_MAX_NOTICE


def company(enforced_for: EnforcedFor = NOBODY, enforce_from: datetime | None = None, **switches: bool) -> Company:
    """Return a company account with these rules."""
    return Company(
        id=UUID(int=1),
        name="Acme",
        two_factor_enforced=enforced_for is EVERYBODY,
        enforced_for=enforced_for,
        enforce_from=enforce_from,
        **dict.fromkeys(SWITCHES, True) | switches,
    )


def enforcement_after(before: Company, change: PolicyChange) -> tuple[EnforcedFor, datetime | None]:
    """Return for whom and from when 2FA is enforced after a change."""
    after = policy_after(before, change, NOW)
    assert after.two_factor_enforced is (after.enforced_for is EVERYBODY)
    return after.enforced_for, after.enforce_from


@pytest.mark.parametrize(
    ("before", "sent", "after"),
    [
        (NOBODY, True, EVERYBODY),
        (ADMINS, True, EVERYBODY),
        (EVERYBODY, True, EVERYBODY),
        (NOBODY, False, NOBODY),
        # An old form sends back the value that it read.
        (ADMINS, False, ADMINS),
        (EVERYBODY, False, NOBODY),
        (ADMINS, None, ADMINS),
        (EVERYBODY, None, EVERYBODY),
    ],
)
def test_two_factor_enforced_is_about_everybody(
    before: EnforcedFor,
    sent: bool | None,  # noqa: FBT001
    after: EnforcedFor,
) -> None:
    """False does not relax the rule for admins."""
    assert enforcement_after(company(before), PolicyChange(two_factor_enforced=sent)) == (after, None)


@pytest.mark.parametrize("before", EnforcedFor)
@pytest.mark.parametrize("enforced_for", EnforcedFor)
@pytest.mark.parametrize("enforced", [True, False])
def test_rules_that_contradict_each_other_are_rejected(
    before: EnforcedFor, enforced_for: EnforcedFor, *, enforced: bool
) -> None:
    """Otherwise the audience decides."""
    change = PolicyChange(two_factor_enforced=enforced, enforced_for=enforced_for)
    if enforced is (enforced_for is EVERYBODY):
        assert enforcement_after(company(before), change)[0] is enforced_for
    else:
        with pytest.raises(InvalidInputError, match="enforcedFor: contradicts twoFactorEnforced"):
            policy_after(company(before), change, NOW)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        # Without a date, a rule that begins to require 2FA does so at once.
        ((NOBODY, None), PolicyChange(enforced_for=ADMINS), (ADMINS, None)),
        ((NOBODY, LATER), PolicyChange(enforced_for=EVERYBODY), (EVERYBODY, None)),
        ((NOBODY, None), PolicyChange(enforced_for=ADMINS, enforce_from=SOON), (ADMINS, SOON)),
        ((NOBODY, None), PolicyChange(enforced_for=ADMINS, enforce_from=PAST), (ADMINS, None)),
        # A date stays until it is changed.
        ((ADMINS, SOON), PolicyChange(), (ADMINS, SOON)),
        ((ADMINS, SOON), PolicyChange(enforced_for=EVERYBODY), (EVERYBODY, SOON)),
        ((EVERYBODY, SOON), PolicyChange(two_factor_enforced=True), (EVERYBODY, SOON)),
        ((ADMINS, PAST), PolicyChange(enforced_for=EVERYBODY), (EVERYBODY, PAST)),
        ((ADMINS, SOON), PolicyChange(enforce_from=LATER), (ADMINS, LATER)),
        ((ADMINS, None), PolicyChange(enforce_from=LATER), (ADMINS, LATER)),
        # A time that has passed means at once. If the rule is in force, nothing changes.
        ((ADMINS, SOON), PolicyChange(enforce_from=PAST), (ADMINS, None)),
        ((ADMINS, SOON), PolicyChange(enforce_from=NOW), (ADMINS, None)),
        ((ADMINS, PAST), PolicyChange(enforce_from=PAST + timedelta(days=1)), (ADMINS, PAST)),
        ((ADMINS, None), PolicyChange(enforce_from=PAST), (ADMINS, None)),
        ((ADMINS, None), PolicyChange(enforce_from=datetime(1, 1, 1, tzinfo=UTC)), (ADMINS, None)),
        # Without enforcement there is no date.
        ((EVERYBODY, SOON), PolicyChange(enforced_for=NOBODY), (NOBODY, None)),
        ((EVERYBODY, SOON), PolicyChange(two_factor_enforced=False), (NOBODY, None)),
        ((NOBODY, None), PolicyChange(backup_codes_enabled=False), (NOBODY, None)),
        # To the second, as clients read it.
        ((ADMINS, None), PolicyChange(enforce_from=SOON.replace(microsecond=999_999)), (ADMINS, SOON)),
        ((ADMINS, SOON), PolicyChange(enforce_from=NOW.replace(microsecond=999_999)), (ADMINS, None)),
    ],
)
def test_date_of_the_enforcement(
    before: tuple[EnforcedFor, datetime | None], change: PolicyChange, after: tuple[EnforcedFor, datetime | None]
) -> None:
    """It belongs to the audience, and is in the future or has passed."""
    assert enforcement_after(company(*before), change) == after


@pytest.mark.parametrize("enforce_from", [SOON, PAST, NOW])
@pytest.mark.parametrize(
    ("before", "change"),
    [
        (NOBODY, PolicyChange()),
        (NOBODY, PolicyChange(two_factor_enforced=False)),
        (EVERYBODY, PolicyChange(two_factor_enforced=False)),
        (ADMINS, PolicyChange(enforced_for=NOBODY)),
    ],
)
def test_nobody_has_no_date(before: EnforcedFor, change: PolicyChange, enforce_from: datetime) -> None:
    """A client that sends one has probably forgotten for whom."""
    with pytest.raises(InvalidInputError, match="enforceFrom: no date while 2FA is enforced for nobody"):
        policy_after(company(before), replace(change, enforce_from=enforce_from), NOW)


@pytest.mark.parametrize(
    ("enforce_from", "is_accepted"),
    [
        (LAST_DATE, True),
        (LAST_DATE.astimezone(timezone(timedelta(hours=14))), True),
        (LAST_DATE + timedelta(seconds=1), False),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), False),
    ],
)
def test_date_is_at_most_366_days_away(enforce_from: datetime, *, is_accepted: bool) -> None:
    """A date that is further away is a typing error."""
    change = PolicyChange(enforce_from=enforce_from)
    if is_accepted:
        assert enforcement_after(company(ADMINS), change) == (ADMINS, enforce_from.replace(microsecond=0))
    else:
        with pytest.raises(InvalidInputError, match="enforceFrom: at most 366 days in the future"):
            policy_after(company(ADMINS), change, NOW)


DATES = st.none() | st.datetimes(timezones=st.just(UTC))
STORED_DATES = DATES.map(lambda date: date and min(date.replace(microsecond=0), LAST_DATE.replace(microsecond=0)))
MAYBE = st.none() | st.booleans()
COMPANIES = st.builds(company, st.sampled_from(EnforcedFor), STORED_DATES, **dict.fromkeys(SWITCHES, st.booleans()))
CHANGES = st.builds(
    PolicyChange,
    two_factor_enforced=MAYBE,
    enforced_for=st.none() | st.sampled_from(EnforcedFor),
    enforce_from=DATES,
    **dict.fromkeys(SWITCHES, MAYBE),
)


@given(COMPANIES, CHANGES)
def test_what_a_client_reads_it_can_send_back(before: Company, change: PolicyChange) -> None:
    """A form with all rules, saved again, changes nothing. A form of before does not know the new rules."""
    try:
        after = policy_after(before, change, NOW)
    except InvalidInputError:
        return
    switches = {name: getattr(after, name) for name in SWITCHES}
    has_date = after.enforced_for is not NOBODY
    form = PolicyChange(
        two_factor_enforced=after.two_factor_enforced,
        enforced_for=after.enforced_for,
        enforce_from=after.enforce_from if has_date else None,
        **switches,
    )
    old_form = PolicyChange(two_factor_enforced=after.two_factor_enforced, **switches)

    for sent in (PolicyChange(), form, old_form):
        assert policy_after(after, sent, NOW) == after
    assert changed_rules(after, after) == ()
    assert {name.upper() for name in switches} | {"TWO_FACTOR_ENFORCED", "ENFORCED_FOR", "ENFORCE_FROM"} == RULES.keys()


@given(COMPANIES, COMPANIES)
def test_every_rule_that_differs_is_a_change(before: Company, after: Company) -> None:
    """Its values are texts, and null for no date."""
    changes = {change.field: (change.before, change.after) for change in changed_rules(before, after)}

    assert {field: (RULES[field](before), RULES[field](after)) for field in changes} == changes
    assert (columns_of(before) == columns_of(after)) is (changes == {})


def test_changes_of_the_enforcement_name_audience_and_date() -> None:
    """Clients of before read the rule that they know."""
    assert changed_rules(company(ADMINS, SOON), company(EVERYBODY)) == (
        Change(ChangedField.TWO_FACTOR_ENFORCED, "false", "true"),
        Change(ChangedField.ENFORCED_FOR, "ADMINS", "EVERYBODY"),
        Change(ChangedField.ENFORCE_FROM, "2026-12-01T13:05:10Z", None),
    )
    assert changed_rules(company(), company(ADMINS)) == (Change(ChangedField.ENFORCED_FOR, "NOBODY", "ADMINS"),)
