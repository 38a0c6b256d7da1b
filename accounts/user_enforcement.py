"""The rule of one user: 2FA enforced, exempt for some time, or as the company account."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models
from accounts import audit
from accounts.enforcement import EnforcementRule, UserRule, required_from
from accounts.entities import User
from accounts.errors import InvalidInputError, UserNotFoundError
from accounts.event_facts import Change, EventFacts
from accounts.other_admins import require_other_user
from accounts.permissions import Viewer
from accounts.second_factor_of_changes import EnteredSecondFactor, require_second_factor
from accounts.services import Client, Services
from accounts.users_of_admins import locked_user_of_admin
from mail import emails, outbox
from models import ChangedField, SecurityEventKind, UserEnforcement
from models.sql.users import company_of, lock_user
from security.constants import EXEMPTION_MAX


@dataclass(frozen=True, slots=True)
class UserEnforcementChanged:
    """The rule of another user is in force."""

    user: User
    # The admin, whose second factor may have been used up.
    viewer: User


async def set_user_enforcement(  # noqa: PLR0913, PLR0917  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    password: str,
    enforcement: UserEnforcement,
    exempt_until: datetime | None,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> UserEnforcementChanged:
    """Set the rule of another user of the admin's company account. No challenge, activation or session ends.

    An admin cannot exempt their own account: the other admins would not learn of it.

    Raises:
        InvalidInputError: The end of an exemption is missing, in the past or too far ahead, or there is no exemption.
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        CannotChangeOwnAccountError: The user is the admin.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    rule = _checked_rule(enforcement, exempt_until, services.now())
    async with locked_user_of_admin(
        services, client, viewer, user_id, password, second_factor, unknown_user_event="enforcement_of_unknown_user"
    ) as (account, user):
        await require_other_user(user, than=account.user)
        await require_second_factor(services, client, account, second_factor)
        await _set_rule(client, user, account.company, rule, services.now(), by=account.user)
        return UserEnforcementChanged(User.of(user, account.company), account.viewer.user)


async def set_by_operator(
    services: Services, user_id: UUID, enforcement: UserEnforcement, exempt_until: datetime | None
) -> None:
    """Set the rule of any user, for the operator at the command line.

    Raises:
        InvalidInputError: The end of an exemption is missing, in the past or too far ahead, or there is no exemption.
        UserNotFoundError: There is no such user.
    """
    rule = _checked_rule(enforcement, exempt_until, services.now())
    async with services.database.transaction():
        user = await lock_user(user_id)
        if user is None:
            raise UserNotFoundError
        await _set_rule(Client(), user, await company_of(user), rule, services.now(), by=None)


def _checked_rule(enforcement: UserEnforcement, exempt_until: datetime | None, now: datetime) -> UserRule:
    """Return the rule, with the end of an exemption to the second, as clients see it."""
    if enforcement is not UserEnforcement.EXEMPT:
        if exempt_until is not None:
            raise InvalidInputError("exemptUntil", "only for EXEMPT", de="nur für EXEMPT")
        return UserRule(enforcement)
    if exempt_until is None:
        raise InvalidInputError("exemptUntil", "required for EXEMPT", de="für EXEMPT nötig")
    exempt_until = exempt_until.replace(microsecond=0)
    if not now < exempt_until <= now + EXEMPTION_MAX:
        days = EXEMPTION_MAX.days
        raise InvalidInputError(
            "exemptUntil",
            f"must be in the future, at most {days} days from now",
            de=f"muss in der Zukunft liegen, höchstens {days} Tage ab jetzt",
        )
    return UserRule(enforcement, exempt_until)


async def _set_rule(  # noqa: PLR0913  # each is a fact of the change
    client: Client,
    user: models.User,
    company: models.Company,
    rule: UserRule,
    now: datetime,
    *,
    by: models.User | None,
) -> None:
    """Change the rule of a user whose row is locked. Without `by`, the operator does it."""
    before = UserRule.of(user).at(now)
    if rule == before:
        return
    user.enforcement, user.exempt_until = rule.enforcement, rule.exempt_until
    begins_at = required_from(user, EnforcementRule.of(company))
    if user.is_enabled:
        email = emails.user_enforcement_changed(
            at=now,
            by=by.name if by else None,
            exempt_until=rule.exempt_until,
            required_from=begins_at,
            required_now=begins_at is not None and begins_at <= now,
            active=user.two_factor_activated_at is not None,
        )
        await outbox.enqueue(email, to=user, now=now)
        # The email says what a reminder says.
        user.setup_reminded_at = now
    await user.save(update_fields=["enforcement", "exempt_until", "setup_reminded_at"])
    facts = EventFacts(change=_changes(before, rule))
    await audit.record(
        SecurityEventKind.USER_ENFORCEMENT_CHANGED, user=user, actor=by, client=client, now=now, facts=facts
    )


def _changes(before: UserRule, after: UserRule) -> tuple[Change, ...]:
    values = (
        (ChangedField.ENFORCEMENT, before.enforcement.value, after.enforcement.value),
        (ChangedField.EXEMPT_UNTIL, _text_of(before.exempt_until), _text_of(after.exempt_until)),
    )
    return tuple(Change(*each) for each in values if each[1] != each[2])


def _text_of(time: datetime | None) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None
