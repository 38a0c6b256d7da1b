"""Invariants: what is true for every account at every time, read from the database."""

from collections import Counter

import models
from accounts.services import Services
from models import SecurityEventKind

# Each of these events has one email. So their numbers are equal.
EMAILED = {
    SecurityEventKind.TWO_FACTOR_ACTIVATED: "two_factor_activated",
    SecurityEventKind.TWO_FACTOR_DEACTIVATED: "two_factor_deactivated",
    SecurityEventKind.TWO_FACTOR_RESET: "two_factor_reset",
    SecurityEventKind.BACKUP_CODE_USED: "backup_code_used",
    SecurityEventKind.PASSWORD_CHANGED: "password_changed",
    SecurityEventKind.USER_DISABLED: "user_disabled",
    SecurityEventKind.USER_ENABLED: "user_enabled",
}


async def assert_invariants(services: Services) -> None:
    """Assert all invariants for all accounts."""
    async with services.database.transaction():
        users = await models.User.all()
        authenticators = {each.user_id for each in await models.Authenticator.all()}
        activations = await models.Activation.all()
        challenges = {each.user_id for each in await models.Challenge.all()}
        sessions = {each.user_id for each in await models.Session.all()}
        replacements = {each.user_id for each in await models.BackupCodeReplacement.all()}
        sets = await models.BackupCodeSet.all()
        codes = await models.BackupCode.all()
        events = Counter([each.kind for each in await models.SecurityEvent.all().only("kind")])
        emails = Counter([each.kind for each in await models.OutboxEmail.all().only("kind")])
    active = {user.id for user in users if user.two_factor_activated_at is not None}
    disabled = {user.id for user in users if not user.is_enabled}
    in_force = Counter(each.user_id for each in sets if each.activation_id is None)
    waiting = Counter(each.activation_id for each in sets if each.activation_id is not None)

    assert authenticators == active
    assert set(in_force) <= active
    assert all(number == 1 for number in [*in_force.values(), *waiting.values()])
    assert all(number == 10 for number in Counter(code.code_set_id for code in codes).values())
    assert len({each.user_id for each in activations}) == len(activations)
    assert not {each.user_id for each in activations} & active
    assert challenges | replacements <= active
    assert not disabled & (challenges | sessions | replacements | {each.user_id for each in activations})
    # An activation uses the voucher up.
    assert not {user.id for user in users if user.voucher_hash is not None} & active
    unused = Counter(code.code_set_id for code in codes if code.used_at is None)
    left = {each.user_id: unused[each.id] for each in sets if each.activation_id is None}
    assert {user.id: user.backup_codes_remaining for user in users} == {user.id: left.get(user.id, 0) for user in users}
    for event, email in EMAILED.items():
        assert events[event] == emails[email], event
