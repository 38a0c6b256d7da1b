"""The facts of an audit event besides its kind: the second factor, what was going on, and what changed.

Events of before have them in their notes only. New events keep these notes, for clients that read them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import models
from models import (
    PASSWORD_FACTOR,
    REAUTHENTICATION,
    VOUCHER_FACTOR,
    ChangedField,
    Role,
    SecondFactorMethod,
    SecurityEventContext,
    SecurityEventKind,
)

# The kinds that occur in one context only. Their events do not store it.
CONTEXTS = {
    SecurityEventKind.LOGIN_SUCCEEDED: SecurityEventContext.LOGIN,
    SecurityEventKind.LOGIN_FAILED: SecurityEventContext.LOGIN,
    SecurityEventKind.SECOND_FACTOR_REQUIRED: SecurityEventContext.LOGIN,
    SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED: SecurityEventContext.ACTIVATION,
    SecurityEventKind.VOUCHER_FAILED: SecurityEventContext.ACTIVATION,
    SecurityEventKind.TWO_FACTOR_ACTIVATED: SecurityEventContext.ACTIVATION,
    SecurityEventKind.REAUTHENTICATION_FAILED: SecurityEventContext.REAUTHENTICATION,
    SecurityEventKind.SESSION_ENDED: SecurityEventContext.REAUTHENTICATION,
    SecurityEventKind.BACKUP_CODES_ACKNOWLEDGED: SecurityEventContext.REGENERATION_UNTIL_ACKNOWLEDGED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A value before and after a change. None means that it is not known."""

    field: ChangedField
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class EventFacts:
    """The facts of an event. None means that the event has no such fact, or that it is not known."""

    factor: str | None = None
    during: SecurityEventContext | None = None
    change: tuple[Change, ...] | None = None


NO_FACTS = EventFacts()


def change_of_rule(rule: str, *, is_on: bool) -> Change:
    """Return the change of a rule of a company account, which had the opposite value before."""
    return Change(ChangedField(rule.upper()), text_of_switch(not is_on), text_of_switch(is_on))


def text_of_switch(is_on: bool) -> str:  # noqa: FBT001  # the value of a rule
    """Return the value of a rule that is on or off, as events have it."""
    return "true" if is_on else "false"


def json_of_changes(changes: tuple[Change, ...] | None) -> str | None:
    """Return the value of the column `changes`."""
    if changes is None:
        return None
    return json.dumps(values_of_changes(changes))


def values_of_changes(changes: tuple[Change, ...]) -> list[dict[str, str | None]]:
    """Return changes as JSON values."""
    return [{"field": each.field.value, "from": each.before, "to": each.after} for each in changes]


def facts_of(event: models.SecurityEvent) -> EventFacts:
    """Return the facts of an event from its columns, and otherwise from its note and its kind."""
    noted = facts_of_note(event.kind, event.note)
    return EventFacts(
        factor=event.factor or noted.factor,
        during=event.during or noted.during or CONTEXTS.get(event.kind),
        change=noted.change if event.changes is None else tuple(map(_change_of, event.changes)),
    )


def note_of(kind: SecurityEventKind, facts: EventFacts) -> str | None:
    """Return the note of an event for clients that do not read its facts."""
    note = NOTES.get(kind)
    return note(facts) if note else None


def facts_of_note(kind: SecurityEventKind, note: str | None) -> EventFacts:
    """Return what the note of an event says with certainty. The reason of a reset says nothing."""
    if kind is SecurityEventKind.SECURITY_POLICY_CHANGED and note:
        return EventFacts(change=_changed_rules(note))
    return FACTS_OF_NOTES.get((kind, note), NO_FACTS)


def _note_of_locked(facts: EventFacts) -> str:
    return facts.factor or NOTES_OF_LOCKED.get(facts.during, REAUTHENTICATION)


def _note_of_policy(facts: EventFacts) -> str:
    switches = {"true": "on", "false": "off", None: "none"}
    changes = facts.change or ()
    is_said = any(each.field is ChangedField.TWO_FACTOR_ENFORCED for each in changes)
    return ", ".join(
        f"{each.field.lower()}={switches.get(each.after, each.after)}"
        for each in changes
        # The old rule says the same, unless the new one is for admins only.
        if each.field is not ChangedField.ENFORCED_FOR or not is_said or each.after == "ADMINS"
    )


NOTES_OF_LOCKED: Mapping[SecurityEventContext | None, str] = {
    SecurityEventContext.LOGIN: PASSWORD_FACTOR,
    SecurityEventContext.ACTIVATION: VOUCHER_FACTOR,
}
NOTES: Mapping[SecurityEventKind, Callable[[EventFacts], str | None]] = {
    SecurityEventKind.LOGIN_SUCCEEDED: lambda facts: facts.factor,
    SecurityEventKind.SECOND_FACTOR_FAILED: lambda facts: (
        "activation" if facts.during is SecurityEventContext.ACTIVATION else facts.factor
    ),
    SecurityEventKind.LOCKED: _note_of_locked,
    SecurityEventKind.BACKUP_CODES_ISSUED: lambda facts: (
        "untilAcknowledged" if facts.during is SecurityEventContext.REGENERATION_UNTIL_ACKNOWLEDGED else None
    ),
    SecurityEventKind.SECURITY_POLICY_CHANGED: _note_of_policy,
    SecurityEventKind.ROLE_CHANGED: lambda facts: facts.change[0].after if facts.change else None,
}

FACTS_OF_NOTES: Mapping[tuple[SecurityEventKind, str | None], EventFacts] = {
    **{
        (kind, factor.value): EventFacts(factor)
        for kind in (
            SecurityEventKind.LOGIN_SUCCEEDED,
            SecurityEventKind.SECOND_FACTOR_FAILED,
            SecurityEventKind.LOCKED,
        )
        for factor in SecondFactorMethod
    },
    # Only an authenticator app could be activated then.
    (SecurityEventKind.SECOND_FACTOR_FAILED, "activation"): EventFacts(
        SecondFactorMethod.OTP, SecurityEventContext.ACTIVATION
    ),
    (SecurityEventKind.LOCKED, PASSWORD_FACTOR): EventFacts(during=SecurityEventContext.LOGIN),
    (SecurityEventKind.LOCKED, REAUTHENTICATION): EventFacts(during=SecurityEventContext.REAUTHENTICATION),
    (SecurityEventKind.BACKUP_CODE_USED, None): EventFacts(SecondFactorMethod.BACKUP_CODE),
    (SecurityEventKind.BACKUP_CODES_ISSUED, "untilAcknowledged"): EventFacts(
        during=SecurityEventContext.REGENERATION_UNTIL_ACKNOWLEDGED
    ),
    # The operator may have set the role that the user had, so the role before is not certain.
    **{
        (SecurityEventKind.ROLE_CHANGED, role.value): EventFacts(change=(Change(ChangedField.ROLE, None, role.value),))
        for role in Role
    },
}


def _changed_rules(note: str) -> tuple[Change, ...] | None:
    """Return the changes of a note such as `two_factor_enforced=on, backup_codes_enabled=off`."""
    parts = [part.partition("=") for part in note.split(", ")]
    if all(name.upper() in ChangedField.__members__ and value in {"on", "off"} for name, _, value in parts):
        return tuple(change_of_rule(name, is_on=value == "on") for name, _, value in parts)
    return None


def _change_of(stored: Mapping[str, Any]) -> Change:
    return Change(ChangedField(stored["field"]), stored["from"], stored["to"])
