"""Replacing all backup codes."""

import models
from models import LetterKind, SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import (
    CLIENT,
    WRONG_PASSWORD,
    Enrolled,
    Trail,
    challenge_of,
    change_rules,
    count,
    give_backup_code,
    interrupted,
    refused,
    sign_in_with_otp,
    state,
    told,
)
from twofactor.access import Viewer
from twofactor.backup_codes import regenerate_backup_codes
from twofactor.environment import Environment
from twofactor.errors import (
    BackupCodesDisabledError,
    TwoFactorNotActiveError,
    UnauthenticatedError,
    WrongPasswordError,
    WrongSecondFactorError,
)
from twofactor.removal import reset_by_operator

Event = SecurityEventKind
Letter = LetterKind


class TestRegenerateBackupCodes:
    async def test_the_new_ones_work_and_the_old_ones_do_not(
        self, env: Environment, member: models.User, enrolled: Enrolled, trail: Trail
    ) -> None:
        """Ten new codes are in force at once; used or not, the old ones are void; an event and a letter say so (E7)."""
        await give_backup_code(env, await challenge_of(env, member.email), enrolled.codes[0])
        await trail.news()

        answer = await regenerate_backup_codes(env, CLIENT, enrolled.viewer, PASSWORD)

        assert answer.viewer.two_factor.backup_codes_remaining == 10
        assert await count(env, models.BackupCode) == await count(env, models.BackupCode, used_at__isnull=True) == 10
        assert not set(answer.codes) & set(enrolled.codes)
        assert all(code in answer.file.content.splitlines() for code in answer.codes)
        assert await trail.news() == told(Event.BACKUP_CODES_ISSUED, Letter.BACKUP_CODES_REGENERATED)
        challenge = await challenge_of(env, member.email)
        for old in enrolled.codes[:2]:
            await refused(give_backup_code(env, challenge, old), WrongSecondFactorError)
        await give_backup_code(env, challenge, answer.codes[0])

    async def test_ends_no_session(self, env: Environment, member: models.User, enrolled: Enrolled) -> None:
        """Sessions go on: neither who signs in nor how has changed."""
        other = await sign_in_with_otp(env, member.email, enrolled.app)

        await regenerate_backup_codes(env, CLIENT, enrolled.viewer, PASSWORD)

        assert await count(env, models.Session, id__in=[other.session.id, enrolled.viewer.session.id]) == 2

    async def test_needs_the_password(self, env: Environment, enrolled: Enrolled, trail: Trail) -> None:
        """A wrong password is refused, counted and told, and the codes stay as they are."""
        await trail.news()
        before = await state(env)

        attempt = regenerate_backup_codes(env, CLIENT, enrolled.viewer, WRONG_PASSWORD)

        assert (await refused(attempt, WrongPasswordError)).attempts_remaining == 4
        assert await state(env) == before
        assert await trail.news() == told(Event.REAUTHENTICATION_FAILED)

    async def test_needs_active_2fa(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """Without 2FA there are no codes to replace."""
        await trail.news()
        before = await state(env)

        await refused(regenerate_backup_codes(env, CLIENT, viewer, PASSWORD), TwoFactorNotActiveError)

        assert await state(env) == before
        assert await trail.news() == []

    async def test_off_means_not_issued(
        self, env: Environment, company: models.Company, enrolled: Enrolled, trail: Trail
    ) -> None:
        """With the flag off nothing is issued, and the codes of before are kept (rule 12)."""
        await change_rules(env, company, backup_codes_enabled=False)
        await trail.news()
        before = await state(env)

        await refused(regenerate_backup_codes(env, CLIENT, enrolled.viewer, PASSWORD), BackupCodesDisabledError)

        assert await state(env) == before
        assert await trail.news() == []

    async def test_reset_in_the_middle_none_are_issued(
        self, env: Environment, member: models.User, enrolled: Enrolled
    ) -> None:
        """A reset while the codes are hashed has signed the user out, and no codes come into being."""
        with interrupted(env, lambda: reset_by_operator(env, member.id, None)) as raced:
            await refused(regenerate_backup_codes(raced, CLIENT, enrolled.viewer, PASSWORD), UnauthenticatedError)

        assert await count(env, models.BackupCodeSet) == 0
