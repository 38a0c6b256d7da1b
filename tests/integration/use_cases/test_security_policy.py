"""The security policy of a company account: who may change it, and when it applies."""

import pytest

import models
from accounts.errors import ForbiddenError, TwoFactorSetupRequiredError, WrongPasswordError
from accounts.permissions import Viewer, may_see_all_of, require_admin, require_set_up
from accounts.security_policy import feature_flags, update_security_policy
from accounts.services import Services
from accounts.sessions import log_out
from accounts.users import set_role
from models import Role, SecurityEventKind
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    count_rows,
    enrol,
    events_of,
    raises,
    reload_viewer,
    sign_in,
    sign_in_with_otp,
)
from tests.support.clock import Clock
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy

Event = SecurityEventKind


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
