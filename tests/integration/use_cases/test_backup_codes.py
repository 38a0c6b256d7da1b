"""Regeneration of backup codes."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

import models
from accounts.errors import UnauthenticatedError, WrongPasswordError
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.sessions import authenticate, end_user_sessions, log_out
from models import SecondFactorMethod, SecurityEventKind
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    before_hashing,
    count_rows,
    events_of,
    new_challenge,
    raises,
    reload_viewer,
    sign_in_with_otp,
    verify_backup_code,
    viewer_of,
)
from tests.support.clock import Clock
from tests.support.factories import BACKUP_CODE, NEW_BACKUP_CODE, Factory, FactoryUser, insert_replacement
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.activation import acknowledge_backup_codes
from twofactor.entered_second_factor import EnteredSecondFactor
from twofactor.errors import (
    ActivationExpiredError,
    BackupCodesDisabledError,
    ChallengeExpiredError,
    TwoFactorNotActiveError,
    WrongSecondFactorError,
)
from twofactor.factors.backup_codes import BackupCodesAcknowledged, BackupCodesRegenerated, regenerate_backup_codes
from twofactor.removal import reset_by_operator

Event = SecurityEventKind


class TestRegenerateBackupCodes:
    @pytest.mark.attack("E7")
    async def test_new_codes_replace_the_old_ones(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """Ten new codes are valid at once. The old ones, used or not, are void. One event and one email follow."""
        await verify_backup_code(services, await new_challenge(services, member.email), enrolled.codes[0])
        await side_effects.new()

        answer = await regenerate_backup_codes(services, CLIENT, enrolled.viewer, PASSWORD)

        assert answer.viewer.two_factor.backup_codes_remaining == 10
        assert (
            await count_rows(services, models.BackupCode)
            == await count_rows(services, models.BackupCode, used_at__isnull=True)
            == 10
        )
        assert not set(answer.codes) & set(enrolled.codes)
        assert all(code in answer.file.content.splitlines() for code in answer.codes)
        assert await side_effects.new() == side_effects.expected(Event.BACKUP_CODES_ISSUED, "backup_codes_regenerated")
        challenge = await new_challenge(services, member.email)
        for old in enrolled.codes[:2]:
            await raises(verify_backup_code(services, challenge, old), WrongSecondFactorError)
        await verify_backup_code(services, challenge, answer.codes[0])

    async def test_ends_no_session(self, services: Services, member: models.User, enrolled: Enrolled) -> None:
        """Other sessions of the user continue."""
        other = await sign_in_with_otp(services, member.email, enrolled.authenticator)

        await regenerate_backup_codes(services, CLIENT, enrolled.viewer, PASSWORD)

        assert await count_rows(services, models.Session, id__in=[other.session.id, enrolled.viewer.session.id]) == 2

    async def test_requires_the_password(
        self, services: Services, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """A wrong password uses one attempt and records an event. The codes stay valid."""
        await side_effects.new()
        before = await account_rows(services)

        attempt = regenerate_backup_codes(services, CLIENT, enrolled.viewer, WRONG_PASSWORD)

        assert (await raises(attempt, WrongPasswordError)).attempts_remaining == 4
        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(Event.REAUTHENTICATION_FAILED)

    async def test_requires_active_2fa(self, services: Services, viewer: Viewer, side_effects: SideEffects) -> None:
        """Without 2FA there are no codes to replace."""
        await side_effects.new()
        before = await account_rows(services)

        await raises(regenerate_backup_codes(services, CLIENT, viewer, PASSWORD), TwoFactorNotActiveError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    async def test_issues_no_codes_while_backup_codes_are_off(
        self, services: Services, company: models.Company, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The existing codes stay in the database."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        await side_effects.new()
        before = await account_rows(services)

        await raises(regenerate_backup_codes(services, CLIENT, enrolled.viewer, PASSWORD), BackupCodesDisabledError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    async def test_issues_no_codes_if_2fa_is_reset_during_hashing(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """The reset ends the session, so the request fails."""
        with before_hashing(services, lambda: reset_by_operator(services, member.id, None)) as hooked:
            await raises(regenerate_backup_codes(hooked, CLIENT, enrolled.viewer, PASSWORD), UnauthenticatedError)

        assert await count_rows(services, models.BackupCodeSet) == 0


async def regenerate_until_acknowledged(services: Services, viewer: Viewer) -> BackupCodesRegenerated:
    """Create new codes that replace the old ones when the user acknowledges them."""
    return await regenerate_backup_codes(services, CLIENT, viewer, PASSWORD, until_acknowledged=True)


async def acknowledge(services: Services, viewer: Viewer, activation_id: str | None) -> BackupCodesAcknowledged:
    """Acknowledge the new codes."""
    assert activation_id
    answer = await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)
    assert isinstance(answer, BackupCodesAcknowledged)
    return answer


async def viewer_of_session(services: Services, session_token: str) -> Viewer:
    """Return the viewer of a session."""
    viewer = await authenticate(services, session_token)
    assert viewer is not None
    return viewer


@dataclass(frozen=True)
class Owner:
    """A signed-in user with 2FA whose new codes wait for the acknowledgement."""

    user: FactoryUser
    viewer: Viewer

    @property
    def activation_id(self) -> str:
        """The id of the new codes."""
        return self.user.activation_token


@pytest.fixture
async def owner(services: Services, clock: Clock, company: models.Company) -> Owner:
    """Return such a user, without slow use cases."""
    user = await Factory(services.database, services.key_ring, clock).member_with_new_codes(company)
    return Owner(user, await viewer_of_session(services, user.session_token))


class TestRegenerateUntilAcknowledged:
    @pytest.mark.attack("E7", "E11")
    async def test_old_codes_work_until_the_acknowledgement(
        self, services: Services, owner: Owner, side_effects: SideEffects
    ) -> None:
        """An event leaves a trace of the new codes. They replace only unacknowledged ones."""
        await side_effects.new()
        before = await account_rows(services)

        new = await regenerate_until_acknowledged(services, owner.viewer)

        assert len(set(new.codes)) == 10
        assert new.viewer.two_factor.backup_codes_remaining == 10
        after = await account_rows(services)
        assert len(after.pop("backup_code_replacement")) == len(before.pop("backup_code_replacement")) == 1
        assert after == before
        assert await side_effects.new() == side_effects.expected(Event.BACKUP_CODES_ISSUED)
        assert (await events_of(services, Event.BACKUP_CODES_ISSUED))[-1].note == "untilAcknowledged"
        challenge = owner.user.challenge_token
        await raises(verify_backup_code(services, challenge, new.codes[0]), WrongSecondFactorError)
        await raises(acknowledge(services, owner.viewer, owner.activation_id), ActivationExpiredError)
        logged_in = await verify_backup_code(services, challenge, BACKUP_CODE)
        assert logged_in.viewer.two_factor.backup_codes_remaining == 9

        acknowledged = await acknowledge(services, owner.viewer, new.activation_id)

        assert acknowledged.viewer.two_factor.backup_codes_remaining == 10
        await verify_backup_code(services, await new_challenge(services, owner.user.email), new.codes[0])

    @pytest.mark.attack("E7", "E11")
    async def test_acknowledgement_puts_the_new_codes_in_force(
        self, services: Services, owner: Owner, side_effects: SideEffects
    ) -> None:
        """The old codes are void, and open challenges end. Sessions continue. An event and an email follow."""
        await side_effects.new()

        answer = await acknowledge(services, owner.viewer, owner.activation_id)

        assert answer.viewer.two_factor.backup_codes_remaining == 10
        assert await count_rows(services, models.BackupCodeSet) == 1
        assert await count_rows(services, models.BackupCode, used_at__isnull=True) == 10
        assert await count_rows(services, models.BackupCodeReplacement) == 0
        assert await count_rows(services, models.Session) == 1
        assert await side_effects.new() == side_effects.expected(
            Event.BACKUP_CODES_ACKNOWLEDGED, "backup_codes_regenerated"
        )
        await raises(verify_backup_code(services, owner.user.challenge_token, NEW_BACKUP_CODE), ChallengeExpiredError)
        challenge = await new_challenge(services, owner.user.email)
        await raises(verify_backup_code(services, challenge, BACKUP_CODE), WrongSecondFactorError)
        await verify_backup_code(services, challenge, NEW_BACKUP_CODE)

    async def test_repeated_acknowledgement_returns_the_same_result(
        self, services: Services, clock: Clock, owner: Owner, side_effects: SideEffects
    ) -> None:
        """It does so while the codes are in force, also while newer ones wait. No second event and email follow."""
        first = await acknowledge(services, owner.viewer, owner.activation_id)
        clock.advance(timedelta(days=1))
        async with services.database.transaction():
            newer = await insert_replacement(owner.user.user_id, clock.now)
        await side_effects.new()
        before = await account_rows(services)

        assert await acknowledge(services, owner.viewer, owner.activation_id) == first
        assert await account_rows(services) == before
        assert await side_effects.new() == []

        await acknowledge(services, owner.viewer, newer)
        await raises(acknowledge(services, owner.viewer, owner.activation_id), ActivationExpiredError)

    @pytest.mark.attack("E11")
    async def test_expires_after_ten_minutes(
        self, services: Services, clock: Clock, owner: Owner, side_effects: SideEffects
    ) -> None:
        """The old codes stay in force. A row from a clock that was wrong counts as expired too."""
        await side_effects.new()
        before = await account_rows(services)
        for by in (timedelta(minutes=10), timedelta(days=-1)):
            clock.advance(by)

            await raises(acknowledge(services, owner.viewer, owner.activation_id), ActivationExpiredError)

            assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("D8")
    async def test_codes_of_another_user_are_unknown(
        self, services: Services, owner: Owner, admin_viewer: Viewer
    ) -> None:
        """Neither of the two accounts changes."""
        before = await account_rows(services)

        await raises(acknowledge(services, admin_viewer, owner.activation_id), ActivationExpiredError)

        assert await account_rows(services) == before

    async def test_end_of_the_session_ends_no_replacement(self, services: Services, owner: Owner) -> None:
        """As with an activation, another session of the same user can acknowledge. Without a session nobody can."""
        other = await viewer_of(services, await verify_backup_code(services, owner.user.challenge_token, BACKUP_CODE))
        await log_out(services, CLIENT, owner.viewer)

        await raises(acknowledge(services, owner.viewer, owner.activation_id), UnauthenticatedError)
        await acknowledge(services, other, owner.activation_id)

    @pytest.mark.attack("C8")
    async def test_admin_who_ends_all_sessions_ends_the_replacement(
        self, services: Services, owner: Owner, admin_viewer: Viewer
    ) -> None:
        """Somebody else may have started it."""
        await end_user_sessions(services, CLIENT, admin_viewer, owner.user.user_id, PASSWORD)

        assert await count_rows(services, models.BackupCodeReplacement) == 0

    async def test_codes_lie_dormant_if_backup_codes_were_turned_off(
        self, services: Services, company: models.Company, owner: Owner
    ) -> None:
        """As in an activation. The new codes replace the old ones, and work when backup codes are on again."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)

        answer = await acknowledge(services, owner.viewer, owner.activation_id)

        assert answer.viewer.two_factor.backup_codes_remaining is None
        challenge = await new_challenge(services, owner.user.email)
        await raises(verify_backup_code(services, challenge, NEW_BACKUP_CODE), WrongSecondFactorError)
        await set_security_policy(services.database, company, backup_codes_enabled=True)
        await raises(verify_backup_code(services, challenge, BACKUP_CODE), WrongSecondFactorError)
        await verify_backup_code(services, challenge, NEW_BACKUP_CODE)

    async def test_needs_no_old_codes(self, services: Services, owner: Owner) -> None:
        """A user who activated 2FA while backup codes were off has none."""
        async with services.database.transaction():
            await models.BackupCodeSet.all().delete()

        answer = await acknowledge(services, owner.viewer, owner.activation_id)

        assert answer.viewer.two_factor.backup_codes_remaining == 10

    async def test_old_code_that_allows_the_change_is_used(
        self, services: Services, company: models.Company, owner: Owner
    ) -> None:
        """The company account requires a second factor for changes. The nine other codes stay in force."""
        await set_security_policy(services.database, company, second_factor_for_changes=True)
        viewer = await reload_viewer(services, owner.viewer)
        entered = EnteredSecondFactor(SecondFactorMethod.BACKUP_CODE, BACKUP_CODE)

        answer = await regenerate_backup_codes(
            services, CLIENT, viewer, PASSWORD, second_factor=entered, until_acknowledged=True
        )

        assert answer.viewer.two_factor.backup_codes_remaining == 9
        assert await count_rows(services, models.BackupCode, used_at__isnull=True) == 9
