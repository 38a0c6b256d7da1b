"""The rules of a company account: who may change them, and from when they hold."""

import pytest

import models
from models import Role, SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import (
    CLIENT,
    WRONG_PASSWORD,
    Enrolled,
    Trail,
    change_rules,
    count,
    enrol,
    events_of,
    refresh,
    refused,
    sign_in,
    sign_in_with_otp,
    state,
    told,
)
from tests.support.clock import Clock
from twofactor.access import Viewer, may_see_all_of, require_admin, require_set_up
from twofactor.accounts import set_role
from twofactor.environment import Environment
from twofactor.errors import ForbiddenError, TwoFactorSetupRequiredError, WrongPasswordError
from twofactor.policy import feature_flags, update_security_policy
from twofactor.sessions import log_out

Event = SecurityEventKind


class TestUpdateSecurityPolicy:
    @pytest.mark.parametrize("enforced", [None, True, False])
    @pytest.mark.parametrize("codes", [None, True, False])
    async def test_changes_what_is_given(
        self, env: Environment, boss: Viewer, trail: Trail, *, enforced: bool | None, codes: bool | None
    ) -> None:
        """What is left out stays; only what really changes is told."""
        await trail.news()

        answer = await update_security_policy(
            env, CLIENT, boss, PASSWORD, two_factor_enforced=enforced, backup_codes_enabled=codes
        )

        after = (await refresh(env, boss)).user.company
        assert answer.company == after
        assert (after.two_factor_enforced, after.backup_codes_enabled) == (enforced is True, codes is not False)
        notes = ["two_factor_enforced=on"] * (enforced is True) + ["backup_codes_enabled=off"] * (codes is False)
        assert await trail.news() == told(*[Event.SECURITY_POLICY_CHANGED] * bool(notes))
        events = await events_of(env, Event.SECURITY_POLICY_CHANGED)
        assert [(event.user_id, event.note) for event in events] == [(boss.user.id, ", ".join(notes))] * bool(notes)

    async def test_needs_the_password(self, env: Environment, boss: Viewer, trail: Trail) -> None:
        """A wrong password is refused, counted and told, and no rule changes."""
        await trail.news()
        before = await state(env)

        attempt = update_security_policy(
            env, CLIENT, boss, WRONG_PASSWORD, two_factor_enforced=True, backup_codes_enabled=None
        )

        assert (await refused(attempt, WrongPasswordError)).attempts_remaining == 4
        assert await state(env) == before
        assert await trail.news() == told(Event.REAUTHENTICATION_FAILED)

    async def test_members_may_not(self, env: Environment, admin: models.User, viewer: Viewer, boss: Viewer) -> None:
        """Neither a member, nor who was an admin when the request began, changes a rule."""
        await set_role(env, admin.id, Role.MEMBER)
        before = await state(env)

        for nobody in (viewer, boss):
            attempt = update_security_policy(
                env, CLIENT, nobody, PASSWORD, two_factor_enforced=True, backup_codes_enabled=False
            )
            await refused(attempt, ForbiddenError)

        assert await state(env) == before

    async def test_leaves_other_companies_alone(
        self, env: Environment, other_company: models.Company, boss: Viewer
    ) -> None:
        """An admin's rules are those of their own company account (rule 11)."""
        await update_security_policy(env, CLIENT, boss, PASSWORD, two_factor_enforced=True, backup_codes_enabled=False)

        unchanged = {"two_factor_enforced": False, "backup_codes_enabled": True}
        assert await count(env, models.Company, id=other_company.id, **unchanged) == 1

    async def test_ends_no_session(self, env: Environment, viewer: Viewer, boss: Viewer) -> None:
        """Sessions go on under the new rules (rule 6)."""
        await update_security_policy(env, CLIENT, boss, PASSWORD, two_factor_enforced=True, backup_codes_enabled=False)

        assert await count(env, models.Session) == 2


class TestEnforced:
    async def test_holds_from_the_next_request(
        self, env: Environment, company: models.Company, clock: Clock, viewer: Viewer
    ) -> None:
        """Switched on over a live session: from its next request on it can only activate, and then all is open (I6)."""
        assert require_set_up(viewer) == viewer
        await change_rules(env, company, two_factor_enforced=True)

        limited = await refresh(env, viewer)
        assert limited.user.two_factor.setup_required
        with pytest.raises(TwoFactorSetupRequiredError):
            require_set_up(limited)
        enrolled = await enrol(env, clock, limited)

        assert require_set_up(enrolled.viewer) == enrolled.viewer

    async def test_admins_are_no_exception(self, env: Environment, company: models.Company, boss: Viewer) -> None:
        """An admin who has yet to activate may do nothing that admins may."""
        await change_rules(env, company, two_factor_enforced=True)
        limited = await refresh(env, boss)

        with pytest.raises(TwoFactorSetupRequiredError):
            require_admin(limited)
        attempt = update_security_policy(
            env, CLIENT, limited, PASSWORD, two_factor_enforced=False, backup_codes_enabled=None
        )
        await refused(attempt, TwoFactorSetupRequiredError)

    async def test_signing_in_and_out_still_works(
        self, env: Environment, company: models.Company, member: models.User
    ) -> None:
        """Who has yet to activate signs in with the password alone, and out again (rule 13)."""
        await change_rules(env, company, two_factor_enforced=True)

        limited = await sign_in(env, member.email)

        assert limited.user.two_factor.setup_required
        await log_out(env, CLIENT, limited)
        assert await count(env, models.Session) == 0

    async def test_who_has_2fa_notices_nothing(
        self, env: Environment, company: models.Company, member: models.User, enrolled: Enrolled
    ) -> None:
        """With 2FA active nothing is required."""
        await change_rules(env, company, two_factor_enforced=True)

        user = (await sign_in_with_otp(env, member.email, enrolled.app)).user

        assert (user.two_factor.enforced, user.two_factor.setup_required) == (True, False)


class TestFeatureFlags:
    async def test_say_what_the_company_has(
        self, env: Environment, company: models.Company, enrolled: Enrolled
    ) -> None:
        """The flag shows, and off means that nobody has a number of codes (rule 12)."""
        assert feature_flags(enrolled.viewer).backup_codes
        await change_rules(env, company, backup_codes_enabled=False)

        after = await refresh(env, enrolled.viewer)

        assert not feature_flags(after).backup_codes
        assert after.user.two_factor.backup_codes_remaining is None


async def test_admins_see_all_of_their_own_company_alone(
    env: Environment, viewer: Viewer, boss: Viewer, stranger: models.User
) -> None:
    """Everybody sees all of themselves, admins of their company account as well, nobody else (I1)."""
    other = await sign_in(env, stranger.email)
    everybody = (viewer, boss, other)

    seen = {(a.user.name, b.user.name) for a in everybody for b in everybody if may_see_all_of(a, b.user)}

    assert seen == {("Mia", "Mia"), ("Ada", "Ada"), ("Stella", "Stella"), ("Ada", "Mia")}
