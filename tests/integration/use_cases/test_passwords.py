"""Change of the user's own password, and replacement of outdated password hashes."""

import pytest
from argon2 import PasswordHasher, extract_parameters

import models
from accounts.errors import PasswordTooWeakError, UnauthenticatedError, WrongEmailOrPasswordError, WrongPasswordError
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.users import disable_user
from models import SecurityEventKind
from security.constants import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    Enrolled,
    SideEffects,
    account_rows,
    before_hashing,
    count_rows,
    emails_of,
    new_challenge,
    raises,
    sign_in,
    sign_in_with_otp,
    verify_otp,
)
from tests.support.parameter_ids import printable_id
from tests.support.users import PASSWORD, WRONG_PASSWORD
from twofactor.errors import ChallengeExpiredError
from twofactor.login import log_in

Event = SecurityEventKind
NEW = "tr0ub4dor and three more words"


class TestChangePassword:
    async def test_new_password_replaces_the_old_one(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """Other sessions and open challenges end. This session and 2FA continue. One event and one email follow."""
        other = await sign_in_with_otp(services, member.email, enrolled.authenticator)
        challenge = await new_challenge(services, member.email)
        await side_effects.new()

        answer = await change_password(services, CLIENT, enrolled.viewer, PASSWORD, NEW)

        assert answer.viewer.two_factor.is_active
        assert answer.viewer.two_factor.backup_codes_remaining == 10
        assert await count_rows(services, models.Session, id=other.session.id) == 0
        assert await count_rows(services, models.Session, id=enrolled.viewer.session.id) == 1
        assert await side_effects.new() == side_effects.expected(Event.PASSWORD_CHANGED, "password_changed")
        assert [email.recipient_email for email in await emails_of(services, "password_changed")] == [member.email]
        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(services.now())), ChallengeExpiredError)
        await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), WrongEmailOrPasswordError)
        await new_challenge(services, member.email, NEW)

    async def test_requires_the_current_password(
        self, services: Services, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """A wrong one uses one attempt and records an event, even if the new password is good."""
        await side_effects.new()
        before = await account_rows(services)

        error = await raises(change_password(services, CLIENT, viewer, WRONG_PASSWORD, NEW), WrongPasswordError)

        assert error.attempts_remaining == 4
        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(Event.REAUTHENTICATION_FAILED)

    @pytest.mark.parametrize(
        "weak",
        ["", "short", "x9#Lq2!vTz0", "password1234", "aaaaaaaaaaaaaaaa", "mia@acme.example", "x" * 257, "\ud800" * 12],
        ids=printable_id,
    )
    async def test_rejects_a_weak_password(
        self, services: Services, viewer: Viewer, side_effects: SideEffects, weak: str
    ) -> None:
        """It is too short, too long, common, repetitive or about the user. It uses no attempt."""
        await side_effects.new()
        before = await account_rows(services)

        error = await raises(change_password(services, CLIENT, viewer, PASSWORD, weak), PasswordTooWeakError)

        assert error.minimum_length == 12
        assert await account_rows(services) == before
        assert await side_effects.new() == []
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0

    async def test_new_password_is_stored_exactly(
        self, services: Services, member: models.User, viewer: Viewer
    ) -> None:
        """Surrounding spaces, case and every character make a difference (ASVS 6.2.8)."""
        new = "  Grüße aus dem Nebelwald 🌲  "

        await change_password(services, CLIENT, viewer, PASSWORD, new)

        await raises(log_in(services, CLIENT, member.email, new.strip(), TOKEN), WrongEmailOrPasswordError)
        await sign_in(services, member.email, new)

    @pytest.mark.attack("C8")
    async def test_rejects_a_user_who_is_disabled_during_hashing(
        self, services: Services, member: models.User, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Disabling the user ends the session, so the request fails."""
        await side_effects.new()
        with before_hashing(services, lambda: disable_user(services, member.id)) as hooked:
            await raises(change_password(hooked, CLIENT, viewer, PASSWORD, NEW), UnauthenticatedError)

        assert await side_effects.new() == side_effects.expected(Event.USER_DISABLED, "user_disabled")


class TestOutdatedHashes:
    async def test_sign_in_replaces_an_outdated_hash(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """Only the right password replaces a hash with outdated parameters. The password still works."""
        outdated = PasswordHasher(1, 8, 1).hash(PASSWORD)
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(password_hash=outdated)
        await raises(log_in(services, CLIENT, member.email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
        assert await count_rows(services, models.User, password_hash=outdated) == 1

        await sign_in(services, member.email)

        async with services.database.reading():
            parameters = extract_parameters((await models.User.get(id=member.id)).password_hash)
        assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (
            ARGON2_PASSES,
            ARGON2_MEMORY_KIB,
            ARGON2_LANES,
        )
        await sign_in(services, member.email)
        assert await side_effects.new() == side_effects.expected(Event.LOGIN_FAILED, *[Event.LOGIN_SUCCEEDED] * 2)
