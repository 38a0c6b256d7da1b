"""The security policy of a company account: who may change it, and when it applies."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

import models
from accounts.enforcement import EnforcedFor
from accounts.errors import ForbiddenError, InvalidInputError, TwoFactorSetupRequiredError, WrongPasswordError
from accounts.permissions import Viewer, may_see_all_of, require_admin, require_set_up
from accounts.security_policy import SecurityPolicyUpdated, feature_flags, update_security_policy
from accounts.services import Services
from accounts.sessions import log_out
from accounts.users import set_role
from models import Role, SecurityEventKind
from models.database import Database
from tests.integration.performance.statement_counter import count_statements
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    count_rows,
    emails_of,
    enrol,
    events_of,
    raises,
    reload_viewer,
    sign_in,
    sign_in_with_otp,
)
from tests.support.clock import Clock, instant
from tests.support.users import PASSWORD, WRONG_PASSWORD, make_user, set_security_policy
from twofactor.errors import TwoFactorIsEnforcedError
from twofactor.removal import TwoFactorDeactivated, deactivate

Event = SecurityEventKind


DAY = timedelta(days=1)


def update(
    services: Services,
    viewer: Viewer,
    password: str = PASSWORD,
    **rules: Any,  # noqa: ANN401  # of any rule
) -> Awaitable[SecurityPolicyUpdated]:
    """Change these rules, and leave the others."""
    rules = {"two_factor_enforced": None, "backup_codes_enabled": None} | rules
    return update_security_policy(services, CLIENT, viewer, password, **rules)


class TestUpdateSecurityPolicy:
    @pytest.mark.parametrize("enforced", [None, True, False])
    @pytest.mark.parametrize("codes", [None, True, False])
    async def test_changes_only_the_given_fields(
        self,
        services: Services,
        admin_viewer: Viewer,
        side_effects: SideEffects,
        *,
        enforced: bool | None,
        codes: bool | None,
    ) -> None:
        """An event is recorded only if a value changes."""
        await side_effects.new()

        answer = await update_security_policy(
            services, CLIENT, admin_viewer, PASSWORD, two_factor_enforced=enforced, backup_codes_enabled=codes
        )

        after = (await reload_viewer(services, admin_viewer)).user.company
        assert answer.company == after
        assert (after.two_factor_enforced, after.backup_codes_enabled) == (enforced is True, codes is not False)
        notes = ["two_factor_enforced=on"] * (enforced is True) + ["backup_codes_enabled=off"] * (codes is False)
        assert await side_effects.new() == side_effects.expected(*[Event.SECURITY_POLICY_CHANGED] * bool(notes))
        events = await events_of(services, Event.SECURITY_POLICY_CHANGED)
        assert [(event.user_id, event.note) for event in events] == [(admin_viewer.user.id, ", ".join(notes))] * bool(
            notes
        )

    async def test_requires_the_password(
        self, services: Services, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """A wrong password uses one attempt, records an event and changes nothing."""
        await side_effects.new()
        before = await account_rows(services)

        attempt = update_security_policy(
            services, CLIENT, admin_viewer, WRONG_PASSWORD, two_factor_enforced=True, backup_codes_enabled=None
        )

        assert (await raises(attempt, WrongPasswordError)).attempts_remaining == 4
        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(Event.REAUTHENTICATION_FAILED)

    async def test_rejects_members(
        self, services: Services, admin: models.User, viewer: Viewer, admin_viewer: Viewer
    ) -> None:
        """This includes an admin who loses the role during the request."""
        await set_role(services, admin.id, Role.MEMBER, force=True)
        before = await account_rows(services)

        for non_admin in (viewer, admin_viewer):
            attempt = update_security_policy(
                services, CLIENT, non_admin, PASSWORD, two_factor_enforced=True, backup_codes_enabled=False
            )
            await raises(attempt, ForbiddenError)

        assert await account_rows(services) == before

    async def test_does_not_affect_other_companies(
        self, services: Services, other_company: models.Company, admin_viewer: Viewer
    ) -> None:
        """An admin changes only the policy of their own company account."""
        await update_security_policy(
            services, CLIENT, admin_viewer, PASSWORD, two_factor_enforced=True, backup_codes_enabled=False
        )

        unchanged = {"two_factor_enforced": False, "backup_codes_enabled": True}
        assert await count_rows(services, models.Company, id=other_company.id, **unchanged) == 1

    async def test_ends_no_session(self, services: Services, viewer: Viewer, admin_viewer: Viewer) -> None:
        """Sessions continue under the new policy."""
        await update_security_policy(
            services, CLIENT, admin_viewer, PASSWORD, two_factor_enforced=True, backup_codes_enabled=False
        )

        assert await count_rows(services, models.Session) == 2

    async def test_an_invalid_change_uses_no_attempt(
        self, services: Services, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The server does not check the password, and changes nothing."""
        await side_effects.new()
        before = await account_rows(services)
        invalid = [
            {"two_factor_enforced": True, "enforced_for": EnforcedFor.ADMINS},
            {"enforced_for": EnforcedFor.NOBODY, "enforce_from": services.now() + DAY},
            {"enforced_for": EnforcedFor.ADMINS, "enforce_from": services.now() + 367 * DAY},
        ]

        for rules in invalid:
            await raises(update(services, admin_viewer, WRONG_PASSWORD, **rules), InvalidInputError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []
        wrong = await raises(update(services, admin_viewer, WRONG_PASSWORD), WrongPasswordError)
        assert wrong.attempts_remaining == 4

    async def test_change_that_another_admin_has_made_impossible_changes_nothing(
        self, services: Services, company: models.Company, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The rules are read again under the lock: the date would belong to no rule."""
        await set_security_policy(services.database, company, two_factor_enforced_for_admins=True)
        stale = await reload_viewer(services, admin_viewer)
        await set_security_policy(services.database, company, two_factor_enforced_for_admins=False)
        await side_effects.new()
        before = await account_rows(services)

        await raises(update(services, stale, enforce_from=services.now() + DAY), InvalidInputError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []


class TestEmailToOtherAdmins:
    @pytest.mark.attack("I10")
    async def test_each_other_enabled_admin_gets_one(
        self,
        services: Services,
        database: Database,
        company: models.Company,
        password_hash: str,
        clock: Clock,
        admin_viewer: Viewer,
        viewer: Viewer,
        other_company_admin: models.User,
    ) -> None:
        """It names the admin, and each rule with its values, in the language of the recipient."""
        admins = [
            await make_user(database, company, password_hash, clock, name=name, role=Role.ADMIN)
            for name in ("Ben", "Cleo", "Dora")
        ]
        async with database.transaction():
            await models.User.filter(id=admins[1].id).update(locale="de")
            await models.User.filter(id=admins[2].id).update(is_enabled=False)

        await update(
            services,
            admin_viewer,
            two_factor_enforced=True,
            enforce_from=services.now() + DAY,
            new_device_emails=False,
            backup_codes_enabled=True,
        )

        emails = await emails_of(services, "policy_changed")
        assert {(email.recipient_email, email.locale) for email in emails} == {
            ("ben@acme.example", "en"),
            ("cleo@acme.example", "de"),
        }
        at = services.now().isoformat(timespec="seconds")
        changes = [
            {"field": "ENFORCED_FOR", "from": "NOBODY", "to": "EVERYBODY"},
            {"field": "ENFORCE_FROM", "from": None, "to": instant(services.now() + DAY)},
            {"field": "NEW_DEVICE_EMAILS", "from": "true", "to": "false"},
        ]
        assert [email.facts for email in emails] == [{"at": at, "admin": "Ada", "changes": changes}] * 2
        (event,) = await events_of(services, Event.SECURITY_POLICY_CHANGED)
        assert event.changes == [{"field": "TWO_FACTOR_ENFORCED", "from": "false", "to": "true"}, *changes]

    async def test_nothing_changed_nobody_is_told(
        self, services: Services, database: Database, admin_viewer: Viewer, viewer: Viewer
    ) -> None:
        """Nor is anybody told of a change that failed."""
        async with database.transaction():
            await models.User.filter(id=viewer.user.id).update(role=Role.ADMIN)

        await update(services, admin_viewer, two_factor_enforced=False, backup_codes_enabled=True)
        await update(services, admin_viewer, enforced_for=EnforcedFor.NOBODY)
        await raises(update(services, admin_viewer, WRONG_PASSWORD, backup_codes_enabled=False), WrongPasswordError)

        assert await emails_of(services, "policy_changed") == []

    async def test_many_admins_need_as_many_statements_as_two(
        self,
        services: Services,
        database: Database,
        company: models.Company,
        clock: Clock,
        admin_viewer: Viewer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """One statement inserts the emails."""
        counts = []
        for number in (1, 30):
            for index in range(number):
                await make_user(database, company, "-", clock, name=f"Admin{number}x{index}", role=Role.ADMIN)
            with count_statements(monkeypatch) as count:
                await update(services, admin_viewer, backup_codes_enabled=number == 30)
            counts.append(len(count.statements))

        assert counts[0] == counts[1]
        assert len(await emails_of(services, "policy_changed")) == 1 + 31


class TestEnforcementFromADate:
    @pytest.mark.parametrize("enforced_for", [EnforcedFor.ADMINS, EnforcedFor.EVERYBODY])
    async def test_nothing_is_required_before_the_date(
        self, services: Services, clock: Clock, admin_viewer: Viewer, viewer: Viewer, enforced_for: EnforcedFor
    ) -> None:
        """Then it is, of the admin who set it too. The answer to the change says when."""
        date = services.now() + DAY
        answer = await update(services, admin_viewer, enforced_for=enforced_for, enforce_from=date)

        assert answer.company.two_factor_enforced is (enforced_for is EnforcedFor.EVERYBODY)
        assert answer.viewer.two_factor.setup_required_from(clock.now) == date
        for time, is_required in ((date - timedelta(seconds=1), False), (date, True)):
            clock.now = time
            for each in (admin_viewer, viewer):
                two_factor = (await reload_viewer(services, each)).user.two_factor
                is_asked = is_required and (each is admin_viewer or enforced_for is EnforcedFor.EVERYBODY)
                assert two_factor.is_enforced(clock.now) is two_factor.is_setup_required(clock.now) is is_asked

    @pytest.mark.attack("I6")
    async def test_2fa_can_be_deactivated_until_the_date(
        self, services: Services, company: models.Company, clock: Clock, enrolled: Enrolled
    ) -> None:
        """At that instant, it cannot."""
        date = services.now() + timedelta(hours=1)
        await set_security_policy(services.database, company, two_factor_enforced=True, enforce_from=date)

        clock.now = date
        await raises(deactivate(services, CLIENT, enrolled.viewer, PASSWORD), TwoFactorIsEnforcedError)
        clock.now = date - timedelta(seconds=1)
        assert isinstance(await deactivate(services, CLIENT, enrolled.viewer, PASSWORD), TwoFactorDeactivated)


class TestEnforcedTwoFactor:
    @pytest.mark.attack("I6")
    async def test_applies_from_the_next_request(
        self, services: Services, company: models.Company, clock: Clock, viewer: Viewer
    ) -> None:
        """A live session without 2FA can only activate it. After that it can do everything."""
        assert require_set_up(viewer, services.now()) == viewer
        await set_security_policy(services.database, company, two_factor_enforced=True)

        limited = await reload_viewer(services, viewer)
        assert limited.user.two_factor.is_setup_required(services.now())
        with pytest.raises(TwoFactorSetupRequiredError):
            require_set_up(limited, services.now())
        enrolled = await enrol(services, clock, limited)

        assert require_set_up(enrolled.viewer, services.now()) == enrolled.viewer

    async def test_applies_to_admins(self, services: Services, company: models.Company, admin_viewer: Viewer) -> None:
        """An admin without 2FA cannot use admin operations."""
        await set_security_policy(services.database, company, two_factor_enforced=True)
        limited = await reload_viewer(services, admin_viewer)

        with pytest.raises(TwoFactorSetupRequiredError):
            require_admin(limited, services.now())
        attempt = update_security_policy(
            services, CLIENT, limited, PASSWORD, two_factor_enforced=False, backup_codes_enabled=None
        )
        await raises(attempt, TwoFactorSetupRequiredError)

    async def test_user_without_2fa_can_sign_in_and_out(
        self, services: Services, company: models.Company, member: models.User
    ) -> None:
        """The password is sufficient until 2FA is active."""
        await set_security_policy(services.database, company, two_factor_enforced=True)

        limited = await sign_in(services, member.email)

        assert limited.user.two_factor.is_setup_required(services.now())
        await log_out(services, CLIENT, limited)
        assert await count_rows(services, models.Session) == 0

    async def test_does_not_affect_a_user_with_2fa(
        self, services: Services, company: models.Company, member: models.User, enrolled: Enrolled
    ) -> None:
        """`setup_required` is false."""
        await set_security_policy(services.database, company, two_factor_enforced=True)

        user = (await sign_in_with_otp(services, member.email, enrolled.authenticator)).user

        now = services.now()
        assert (user.two_factor.is_enforced(now), user.two_factor.is_setup_required(now)) == (True, False)


class TestFeatureFlags:
    async def test_flag_follows_the_security_policy(
        self, services: Services, company: models.Company, enrolled: Enrolled
    ) -> None:
        """While backup codes are off, no user has a number of codes."""
        assert feature_flags(enrolled.viewer).backup_codes
        await set_security_policy(services.database, company, backup_codes_enabled=False)

        after = await reload_viewer(services, enrolled.viewer)

        assert not feature_flags(after).backup_codes
        assert after.user.two_factor.backup_codes_remaining is None


@pytest.mark.attack("I1")
async def test_admin_sees_all_data_of_the_own_company_only(
    services: Services, viewer: Viewer, admin_viewer: Viewer, other_company_admin: models.User
) -> None:
    """Every user sees all data about themselves. Members see no data about other users."""
    other = await sign_in(services, other_company_admin.email)
    viewers = (viewer, admin_viewer, other)

    seen = {(a.user.name, b.user.name) for a in viewers for b in viewers if may_see_all_of(a, b.user)}

    assert seen == {("Mia", "Mia"), ("Ada", "Ada"), ("Stella", "Stella"), ("Ada", "Mia")}
