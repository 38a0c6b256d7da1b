"""Regeneration of backup codes."""

import pytest

import models
from accounts.errors import UnauthenticatedError, WrongPasswordError
from accounts.permissions import Viewer
from accounts.services import Services
from models import SecurityEventKind
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    before_hashing,
    count_rows,
    new_challenge,
    raises,
    sign_in_with_otp,
    verify_backup_code,
)
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.errors import BackupCodesDisabledError, TwoFactorNotActiveError, WrongSecondFactorError
from twofactor.factors.backup_codes import regenerate_backup_codes
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
