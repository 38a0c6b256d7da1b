"""The facts of audit events: new ones are in columns, those of before are read from their notes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from accounts.event_facts import (
    NO_FACTS,
    Change,
    EventFacts,
    change_of_rule,
    facts_of,
    facts_of_note,
    json_of_changes,
    note_of,
)
from accounts.policy_rules import SWITCHES
from models import ChangedField, SecurityEventContext, SecurityEventKind

Kind, Context = SecurityEventKind, SecurityEventContext
# The rules that are on or off.
RULES = ["two_factor_enforced", *SWITCHES]


def event(kind: SecurityEventKind, **columns: Any) -> models.SecurityEvent:  # noqa: ANN401  # of any column
    """Return an event that is not in a database."""
    return models.SecurityEvent(kind=kind, **columns)


@pytest.mark.parametrize(
    ("kind", "note", "facts"),
    [
        (Kind.LOGIN_SUCCEEDED, "OTP", EventFacts("OTP", Context.LOGIN)),
        (Kind.LOGIN_SUCCEEDED, None, EventFacts(None, Context.LOGIN)),
        (Kind.SECOND_FACTOR_FAILED, "activation", EventFacts("OTP", Context.ACTIVATION)),
        # At a login or for a change: the note does not say it.
        (Kind.SECOND_FACTOR_FAILED, "BACKUP_CODE", EventFacts("BACKUP_CODE")),
        (Kind.LOCKED, "OTP", EventFacts("OTP")),
        (Kind.LOCKED, "PASSWORD", EventFacts(None, Context.LOGIN)),
        (Kind.LOCKED, "REAUTHENTICATION", EventFacts(None, Context.REAUTHENTICATION)),
        (Kind.REAUTHENTICATION_FAILED, None, EventFacts(None, Context.REAUTHENTICATION)),
        (Kind.BACKUP_CODE_USED, None, EventFacts("BACKUP_CODE")),
        (Kind.BACKUP_CODES_ISSUED, None, NO_FACTS),
        (Kind.BACKUP_CODES_ISSUED, "untilAcknowledged", EventFacts(None, Context.REGENERATION_UNTIL_ACKNOWLEDGED)),
        (Kind.ROLE_CHANGED, "ADMIN", EventFacts(change=(Change(ChangedField.ROLE, None, "ADMIN"),))),
        (
            Kind.SECURITY_POLICY_CHANGED,
            "two_factor_enforced=on, backup_codes_enabled=off",
            EventFacts(
                change=(
                    Change(ChangedField.TWO_FACTOR_ENFORCED, "false", "true"),
                    Change(ChangedField.BACKUP_CODES_ENABLED, "true", "false"),
                )
            ),
        ),
        (Kind.SECURITY_POLICY_CHANGED, "something_else=on", NO_FACTS),
        # The reason of a reset can be any text.
        (Kind.TWO_FACTOR_RESET, "OTP", NO_FACTS),
        (Kind.USER_DELETED, "user_00000000000000000000000000000000", NO_FACTS),
    ],
)
def test_event_of_before_says_what_is_certain(kind: SecurityEventKind, note: str | None, facts: EventFacts) -> None:
    """Its columns are NULL."""
    assert facts_of(event(kind, note=note)) == facts


def test_columns_come_before_the_note() -> None:
    """The note of a new event is for older clients, and says less."""
    changes = json.loads(json_of_changes((Change(ChangedField.ROLE, "MEMBER", "ADMIN"),)) or "")

    assert facts_of(
        event(Kind.SECOND_FACTOR_FAILED, note="OTP", factor="OTP", during=Context.REAUTHENTICATION)
    ) == EventFacts("OTP", Context.REAUTHENTICATION)
    assert facts_of(event(Kind.ROLE_CHANGED, note="ADMIN", changes=changes)).change == (
        Change(ChangedField.ROLE, "MEMBER", "ADMIN"),
    )


FACTS_OF_KINDS = st.one_of(
    st.tuples(st.just(Kind.LOGIN_SUCCEEDED), st.builds(EventFacts, st.sampled_from(["OTP", "BACKUP_CODE", None]))),
    st.tuples(
        st.sampled_from([Kind.SECOND_FACTOR_FAILED, Kind.LOCKED]),
        st.builds(
            EventFacts,
            st.sampled_from(["OTP", "BACKUP_CODE"]),
            st.sampled_from([Context.LOGIN, Context.REAUTHENTICATION]),
        ),
    ),
    st.tuples(st.just(Kind.SECOND_FACTOR_FAILED), st.just(EventFacts("OTP", Context.ACTIVATION))),
    st.tuples(
        st.just(Kind.LOCKED),
        st.builds(EventFacts, st.none(), st.sampled_from([Context.LOGIN, Context.REAUTHENTICATION])),
    ),
    st.tuples(
        st.just(Kind.BACKUP_CODES_ISSUED),
        st.builds(
            EventFacts,
            st.none(),
            st.sampled_from([Context.ACTIVATION, Context.REGENERATION, Context.REGENERATION_UNTIL_ACKNOWLEDGED]),
        ),
    ),
    st.tuples(
        st.just(Kind.SECURITY_POLICY_CHANGED),
        st.dictionaries(st.sampled_from(RULES), st.booleans(), min_size=1).map(
            lambda rules: EventFacts(change=tuple(change_of_rule(rule, is_on=on) for rule, on in rules.items()))
        ),
    ),
)


@given(FACTS_OF_KINDS)
def test_note_never_contradicts_the_facts(case: tuple[SecurityEventKind, EventFacts]) -> None:
    """What a reader of the note learns is true, if less."""
    kind, facts = case

    noted = facts_of_note(kind, note_of(kind, facts))

    assert noted.factor in {None, facts.factor}
    assert noted.during in {None, facts.during}
    assert noted.change == facts.change


@pytest.mark.parametrize("kind", Kind)
def test_event_without_facts_has_a_note_only_if_it_locks(kind: SecurityEventKind) -> None:
    """Any kind can be recorded without facts."""
    assert bool(note_of(kind, NO_FACTS)) == (kind is Kind.LOCKED)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        # As before, so that the note of a change to everybody stays what clients know.
        ([("TWO_FACTOR_ENFORCED", "true"), ("ENFORCED_FOR", "EVERYBODY")], "two_factor_enforced=on"),
        ([("TWO_FACTOR_ENFORCED", "false"), ("ENFORCED_FOR", "NOBODY")], "two_factor_enforced=off"),
        (
            [("TWO_FACTOR_ENFORCED", "false"), ("ENFORCED_FOR", "ADMINS")],
            "two_factor_enforced=off, enforced_for=ADMINS",
        ),
        ([("ENFORCED_FOR", "NOBODY"), ("ENFORCE_FROM", None)], "enforced_for=NOBODY, enforce_from=none"),
        (
            [("ENFORCE_FROM", "2026-12-01T00:00:00Z"), ("BACKUP_CODES_ENABLED", "true")],
            "enforce_from=2026-12-01T00:00:00Z, backup_codes_enabled=on",
        ),
    ],
)
def test_note_of_a_policy_names_every_rule(changes: list[tuple[str, str | None]], note: str) -> None:
    """The values before are in the column only."""
    change = tuple(Change(ChangedField(field), "before", after) for field, after in changes)

    assert note_of(Kind.SECURITY_POLICY_CHANGED, EventFacts(change=change)) == note
