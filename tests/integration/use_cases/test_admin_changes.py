"""What an admin changes of a user: unlock, disable, enable and the role. `tests/api/` has the answers."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

import models
from accounts import attempt_limits
from accounts.admin_changes import disable_by_admin, enable_by_admin, set_role_by_admin, unlock_by_admin
from accounts.errors import (
    CannotChangeOwnAccountError,
    ForbiddenError,
    LastAdminError,
    UnauthenticatedError,
    UserNotFoundError,
    WrongPasswordError,
)
from accounts.login_locks import find_login_locks
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.users import create_user, disable_user, set_role, unlock_user
from models import KNOWN_DEVICE, REAUTHENTICATION, SESSION_FACTOR, Role, SecondFactorMethod, SecurityEventKind
from security.constants import FREE_ATTEMPTS, LONGEST_WAIT, SECOND_FACTOR_FAILURES_ALLOWED
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    before_hashing,
    count_rows,
    emails_of,
    enrol,
    events_of,
    raises,
    reload_viewer,
)
from tests.integration.use_cases.test_users import OTHER_ADMIN
from tests.support.attempts import set_attempt_count
from tests.support.clock import Clock
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.entered_second_factor import EnteredSecondFactor

Event = SecurityEventKind
OTP, BACKUP_CODE = SecondFactorMethod.OTP, SecondFactorMethod.BACKUP_CODE
Change = Callable[[Services, Viewer, models.User, str], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "unlock": lambda services, viewer, user, password: unlock_by_admin(services, CLIENT, viewer, user.id, password),
    "disable": lambda services, viewer, user, password: disable_by_admin(services, CLIENT, viewer, user.id, password),
    "enable": lambda services, viewer, user, password: enable_by_admin(services, CLIENT, viewer, user.id, password),
    "role": lambda services, viewer, user, password: set_role_by_admin(
        services, CLIENT, viewer, user.id, Role.ADMIN, password
    ),
}


async def lock(services: Services, user: models.User, factor: str, failures: int, since_sign_in: int) -> None:
    """Count failures of strangers at a second factor."""
    await set_attempt_count(
        services.database, user.id, factor, failures=failures, since_sign_in=since_sign_in, last=services.now()
    )


async def fail_password(services: Services, user: models.User, times: int) -> None:
    """Count wrong passwords of strangers, without a slow hash for each."""
    limit = attempt_limits.password_limit(services, user.email_key)
    async with services.database.transaction():
        await models.AttemptCount.create(
            subject=limit.subject, factor=limit.factor, failures=times, failures_since_sign_in=times,
            last_attempt_at=services.now(),
        )  # fmt: skip


@pytest.mark.attack("I12")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
class TestEveryChange:
    async def test_requires_the_password(
        self, services: Services, member: models.User, admin_viewer: Viewer, side_effects: SideEffects, change: Change
    ) -> None:
        """A wrong one uses one attempt and records an event. Nothing changes."""
        await side_effects.new()
        before = await account_rows(services)

        error = await raises(change(services, admin_viewer, member, WRONG_PASSWORD), WrongPasswordError)

        assert error.attempts_remaining == 4
        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(Event.REAUTHENTICATION_FAILED)

    async def test_user_of_another_company_is_unknown(
        self,
        services: Services,
        admin_viewer: Viewer,
        other_company_admin: models.User,
        side_effects: SideEffects,
        change: Change,
    ) -> None:
        """Nothing changes."""
        await side_effects.new()
        before = await account_rows(services)

        for user in (other_company_admin, models.User(id=uuid4())):
            await raises(change(services, admin_viewer, user, PASSWORD), UserNotFoundError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    async def test_requires_an_enabled_admin_at_the_commit(
        self, services: Services, member: models.User, admin_viewer: Viewer, admin: models.User, change: Change
    ) -> None:
        """An admin who loses the role, or is disabled, while the server checks the password, changes nothing."""
        await create_user(services, admin.company_id, OTHER_ADMIN)
        with before_hashing(services, lambda: set_role(services, admin.id, Role.MEMBER)) as hooked:
            await raises(change(hooked, admin_viewer, member, PASSWORD), ForbiddenError)
        await set_role(services, admin.id, Role.ADMIN)
        with before_hashing(services, lambda: disable_user(services, admin.id)) as hooked:
            await raises(change(hooked, admin_viewer, member, PASSWORD), UnauthenticatedError)

        async with services.database.reading():
            row = await models.User.get(id=member.id)
        assert (row.role, row.is_enabled) == (Role.MEMBER, True)


class TestUnlock:
    @pytest.mark.attack("B16")
    async def test_ends_every_wait_and_lock_of_strangers(
        self, services: Services, clock: Clock, member: models.User, admin: models.User, admin_viewer: Viewer
    ) -> None:
        """Also if the wait is over by now: the next failure would otherwise cause a longer one."""
        await lock(services, member, OTP, 0, SECOND_FACTOR_FAILURES_ALLOWED)
        await lock(services, member, BACKUP_CODE, FREE_ATTEMPTS + 3, 20)
        await fail_password(services, member, FREE_ATTEMPTS)
        await lock(services, admin, OTP, FREE_ATTEMPTS, FREE_ATTEMPTS)
        clock.advance(LONGEST_WAIT)

        answer = await unlock_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD)

        (left,) = await find_login_locks(services, [answer.user])
        assert (left.until, left.second_factors) == (None, ())
        assert await count_rows(services, models.AttemptCount, subject=member.id.hex) == 0
        # That of another user stays.
        assert await count_rows(services, models.AttemptCount, subject=admin.id.hex) == 1
        [event] = await events_of(services, Event.USER_UNLOCKED)
        assert (event.user_id, event.actor_id, event.ip_address) == (member.id, admin.id, CLIENT.ip_address)
        [email] = await emails_of(services, "user_unlocked")
        assert (email.recipient_email, email.facts["by"]) == (member.email, admin.name)

    async def test_ends_locks_that_nobody_sees_while_backup_codes_are_off(
        self, services: Services, company: models.Company, member: models.User, admin_viewer: Viewer
    ) -> None:
        """They would be in force again when the codes are."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        await lock(services, member, BACKUP_CODE, 0, SECOND_FACTOR_FAILURES_ALLOWED)

        await unlock_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD)

        assert await count_rows(services, models.AttemptCount, subject=member.id.hex) == 0

    async def test_keeps_failures_that_cause_no_wait(
        self, services: Services, member: models.User, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """There is nothing to unlock. Wrong passwords never lock, however many there were."""
        await lock(services, member, OTP, FREE_ATTEMPTS - 1, SECOND_FACTOR_FAILURES_ALLOWED - 1)
        await fail_password(services, member, FREE_ATTEMPTS - 1)
        async with services.database.transaction():
            await models.AttemptCount.filter(factor="PASSWORD").update(failures_since_sign_in=1_000)
        await side_effects.new()

        await unlock_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD)

        assert await count_rows(services, models.AttemptCount, failures__gte=FREE_ATTEMPTS - 1) == 2
        assert await side_effects.new() == []

    @pytest.mark.attack("B16")
    async def test_counts_of_devices_and_sessions_stay(
        self, services: Services, member: models.User, viewer: Viewer, admin_viewer: Viewer
    ) -> None:
        """They are not those of strangers: whoever has a device or a session of the user gains no attempts."""
        device_id = uuid4()
        subjects = (
            (device_id, KNOWN_DEVICE),
            (viewer.session.id, REAUTHENTICATION),
            (viewer.session.id, SESSION_FACTOR),
        )
        async with services.database.transaction():
            for subject, factor in subjects:
                await models.AttemptCount.create(
                    subject=subject.hex, factor=factor, failures=9, failures_since_sign_in=9,
                    last_attempt_at=services.now(),
                )  # fmt: skip
        await lock(services, member, OTP, FREE_ATTEMPTS, FREE_ATTEMPTS)

        await unlock_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD)

        assert await count_rows(services, models.AttemptCount, failures=9) == len(subjects)

    @pytest.mark.attack("B16")
    async def test_admin_cannot_unlock_the_own_second_factor(
        self, services: Services, admin: models.User, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Otherwise a thief of the session and the password could guess it without an end."""
        await lock(services, admin, OTP, FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED)
        await side_effects.new()

        own = unlock_by_admin(services, CLIENT, admin_viewer, admin.id, PASSWORD)

        assert (await raises(own, CannotChangeOwnAccountError)).only_operator_helps
        assert await count_rows(services, models.AttemptCount, subject=admin.id.hex) == 1
        assert await side_effects.new() == []
        await unlock_user(services, admin.id)
        assert await count_rows(services, models.AttemptCount, subject=admin.id.hex) == 0

    async def test_disabled_user_gets_no_email(
        self, services: Services, member: models.User, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """They cannot log in."""
        await disable_user(services, member.id)
        await lock(services, member, OTP, FREE_ATTEMPTS, FREE_ATTEMPTS)
        await side_effects.new()

        await unlock_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD)

        assert await side_effects.new() == side_effects.expected(Event.USER_UNLOCKED)


class TestDisable:
    async def test_ends_everything_that_is_open_and_keeps_2fa(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """As `countersign user disable` does. Event and email name the admin."""
        assert enrolled.viewer.user.id == member.id
        async with services.database.transaction():
            await models.KnownDevice.create(
                token_hash="0" * 64, user_id=member.id, first_seen_at=services.now(), last_seen_at=services.now()
            )

        answer = await disable_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD)

        assert not answer.user.is_enabled
        assert answer.user.two_factor.is_active
        for table in (models.Session, models.KnownDevice, models.Challenge, models.Activation):
            assert await count_rows(services, table, user_id=member.id) == 0
        [event] = await events_of(services, Event.USER_DISABLED)
        assert (event.user_id, event.actor_id) == (member.id, admin_viewer.user.id)
        [email] = await emails_of(services, "user_disabled")
        assert (email.recipient_email, email.facts["by"]) == (member.email, admin_viewer.user.name)

    @pytest.mark.attack("I12")
    async def test_admin_stays(
        self, services: Services, admin: models.User, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Whether there is another admin or not."""
        for _ in range(2):
            await side_effects.new()
            own = disable_by_admin(services, CLIENT, admin_viewer, admin.id, PASSWORD)
            await raises(own, CannotChangeOwnAccountError)
            assert await side_effects.new() == []
            if await count_rows(services, models.User) == 1:
                await create_user(services, admin.company_id, OTHER_ADMIN)


class TestSetRole:
    @pytest.mark.attack("I12")
    async def test_disabled_admin_is_no_other_admin(
        self, services: Services, admin: models.User, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Nobody could help the users of the company account. A disabled admin can be demoted."""
        other = await create_user(services, admin.company_id, OTHER_ADMIN)
        await disable_user(services, other.id)
        await side_effects.new()

        own = set_role_by_admin(services, CLIENT, admin_viewer, admin.id, Role.MEMBER, PASSWORD)

        await raises(own, LastAdminError)
        assert await side_effects.new() == []
        await set_role_by_admin(services, CLIENT, admin_viewer, other.id, Role.MEMBER, PASSWORD)
        assert await side_effects.new() == side_effects.expected(Event.ROLE_CHANGED)

    async def test_last_admin_uses_no_second_factor(
        self, services: Services, clock: Clock, company: models.Company, admin_viewer: Viewer
    ) -> None:
        """The OTP of the rejected change works for the next one."""
        admin = await enrol(services, clock, admin_viewer)
        await set_security_policy(services.database, company, second_factor_for_changes=True)
        viewer = await reload_viewer(services, admin.viewer)
        factor = EnteredSecondFactor("OTP", admin.authenticator.otp(clock.now))
        own = viewer.user.id

        change = set_role_by_admin(services, CLIENT, viewer, own, Role.MEMBER, PASSWORD, second_factor=factor)

        await raises(change, LastAdminError)
        await set_role_by_admin(services, CLIENT, viewer, own, Role.ADMIN, PASSWORD, second_factor=factor)

    async def test_ends_challenges_and_activations_but_no_session(
        self, services: Services, member: models.User, viewer: Viewer, admin_viewer: Viewer, clock: Clock
    ) -> None:
        """A change of the role takes effect at once. Also in the session that continues."""
        async with services.database.transaction():
            await models.Challenge.create(
                token_hash="0" * 64, user_id=member.id, transport="TOKEN", created_at=clock.now,
                expires_at=clock.now + timedelta(minutes=5),
            )  # fmt: skip

        answer = await set_role_by_admin(services, CLIENT, admin_viewer, member.id, Role.ADMIN, PASSWORD)

        assert answer.user.role is Role.ADMIN
        assert await count_rows(services, models.Challenge) == 0
        assert (await reload_viewer(services, viewer)).user.role is Role.ADMIN
        [event] = await events_of(services, Event.ROLE_CHANGED)
        assert (event.actor_id, event.note) == (admin_viewer.user.id, "ADMIN")
