"""Company accounts and users: creating, importing, changing, disabling and deleting them."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

import models
from accounts.companies import create_company, list_companies
from accounts.entities import User
from accounts.errors import InvalidInputError, LastAdminError, UserNotFoundError, WrongEmailOrPasswordError
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.users import (
    NewUser,
    create_user,
    delete_user,
    disable_user,
    enable_user,
    find_user_by_email,
    import_users,
    list_users,
    set_password,
    set_role,
    unlock_user,
)
from models import Role, SecurityEventKind
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    Enrolled,
    SideEffects,
    count_rows,
    emails_of,
    events_of,
    raises,
    sign_in,
)
from tests.support.users import PASSWORD
from twofactor.login import log_in

Event = SecurityEventKind
NEW = "tr0ub4dor and three more words"
OTHER_ADMIN = NewUser("zoe@acme.example", "Zoe", Role.ADMIN, password=NEW)
LAST_ADMIN_CHANGES: dict[str, Callable[..., Awaitable[None]]] = {
    "demoted": lambda services, user_id, force: set_role(services, user_id, Role.MEMBER, force=force),
    "disabled": disable_user,
    "deleted": delete_user,
}
# A valid hash, but one character longer than the column.
LONG_HASH = PasswordHasher(1, 8, 1, hash_len=154).hash(NEW)


class TestCreateUser:
    async def test_created_user_can_sign_in(self, services: Services, side_effects: SideEffects) -> None:
        """The user is in the lists, and the session has the user's language."""
        company = await create_company(services, "Initech", two_factor_enforced=True, backup_codes_enabled=False)
        new = NewUser("Grace@Initech.example", "Grace", Role.ADMIN, "fr", password=NEW)

        user = await create_user(services, company.id, new)

        assert await list_companies(services) == [company]
        assert await list_users(services, company.id) == [user]
        assert await find_user_by_email(services, "gRACE@initech.EXAMPLE") == user
        assert (user.role, user.locale) == (Role.ADMIN, "fr")
        assert user.two_factor.is_setup_required(services.now())
        assert await side_effects.new() == side_effects.expected(Event.COMPANY_CREATED, Event.USER_CREATED)
        assert (await sign_in(services, user.email, NEW)).user.locale == "fr"

    async def test_accepts_an_argon2_hash_of_another_system(self, services: Services, company: models.Company) -> None:
        """The user signs in with the password of the hash, even if its parameters are not ours."""
        new = NewUser("grace@acme.example", "Grace", password_hash=PasswordHasher(1, 8, 1).hash(NEW))

        await create_user(services, company.id, new)

        await sign_in(services, new.email, NEW)

    @pytest.mark.parametrize(
        ("new", "argument"),
        [
            (NewUser("not an email", "Grace", password=NEW), "email"),
            (NewUser("MIA@acme.example", "Mia", password=NEW), "email"),
            (NewUser("g@acme.example", " ", password=NEW), "name"),
            (NewUser("g@acme.example", "G\r\nBcc: x@y.example", password=NEW), "name"),
            (NewUser("g@acme.example", "Grace", locale="not a language tag", password=NEW), "locale"),
            (NewUser("g@acme.example", "Grace", password="password1234"), "password"),
            (NewUser("g@acme.example", "Grace"), "password"),
            (NewUser("g@acme.example", "Grace", password=NEW, password_hash="x"), "password"),
            (NewUser("g@acme.example", "Grace", password_hash="x"), "password_hash"),
            (NewUser("g@acme.example", "Grace", password_hash=LONG_HASH), "password_hash"),
        ],
    )
    async def test_rejects_invalid_input(
        self,
        services: Services,
        company: models.Company,
        member: models.User,
        side_effects: SideEffects,
        *,
        new: NewUser,
        argument: str,
    ) -> None:
        """The error names the argument. No user is created and no event is recorded."""
        assert (await raises(create_user(services, company.id, new), InvalidInputError)).argument == argument

        assert await count_rows(services, models.User) == 1
        assert await side_effects.new() == []

    async def test_concurrent_creations_with_one_email_create_one_user(
        self, services: Services, company: models.Company, side_effects: SideEffects
    ) -> None:
        """The second one fails with `taken`, even if both found the email free."""
        password_hash = PasswordHasher(1, 8, 1).hash(NEW)
        # Open two connections first. Otherwise the first call finishes before the second one has a connection.
        await asyncio.gather(*[count_rows(services, models.User) for _ in range(2)])
        for number in range(5):
            new = NewUser(f"grace{number}@acme.example", "Grace", password_hash=password_hash)

            answers = await asyncio.gather(
                *[create_user(services, company.id, new) for _ in range(2)], return_exceptions=True
            )

            [user] = [answer for answer in answers if isinstance(answer, User)]
            [error] = [answer for answer in answers if isinstance(answer, InvalidInputError)]
            assert (error.argument, error.reason) == ("email", "taken")
            assert await find_user_by_email(services, new.email) == user
            assert await side_effects.new() == side_effects.expected(Event.USER_CREATED)
        assert await count_rows(services, models.User) == 5

    async def test_requires_a_company_and_a_company_name(self, services: Services) -> None:
        """A user needs an existing company account. A company account needs a name."""
        new = NewUser("g@acme.example", "Grace", password=NEW)
        assert (await raises(create_user(services, uuid4(), new), InvalidInputError)).argument == "company"
        assert (await raises(create_company(services, ""), InvalidInputError)).argument == "name"


class TestImportUsers:
    async def test_concurrent_imports_of_the_same_emails_import_once(
        self, services: Services, company: models.Company
    ) -> None:
        """The other import finds the emails taken and creates no user."""
        password_hash = PasswordHasher(1, 8, 1).hash(NEW)
        await asyncio.gather(*[count_rows(services, models.User) for _ in range(2)])
        for number in range(5):
            rows = [NewUser(f"{name}{number}@acme.example", name, password_hash=password_hash) for name in ("g", "h")]

            answers = await asyncio.gather(
                *[import_users(services, company.id, rows) for _ in range(2)], return_exceptions=True
            )

            assert [answer for answer in answers if answer == (2, [])] == [(2, [])]
            (late,) = (answer for answer in answers if answer != (2, []))
            assert isinstance(late, InvalidInputError) or (isinstance(late, tuple) and late[0] == 0)
        assert await count_rows(services, models.User) == 10

    async def test_imports_all_or_none_unless_bad_rows_are_skipped(
        self, services: Services, company: models.Company, member: models.User, side_effects: SideEffects
    ) -> None:
        """One bad row stops the import. With `skip_bad` the other rows are imported. The result names each bad row."""
        password_hash = PasswordHasher(1, 8, 1).hash(NEW)
        rows = [
            NewUser("a@acme.example", "A", password_hash=password_hash),
            NewUser("A@acme.example", "A again", password_hash=password_hash),
            NewUser(member.email, "taken", password_hash=password_hash),
            NewUser("b@acme.example", "B", password_hash=password_hash),
        ]

        made, bad = await import_users(services, company.id, rows)
        assert (made, [(row.number, row.argument) for row in bad]) == (0, [(2, "email"), (3, "email")])
        assert await count_rows(services, models.User) == 1
        assert await side_effects.new() == []

        made, bad = await import_users(services, company.id, rows, skip_bad=True)
        assert (made, [row.number for row in bad]) == (2, [2, 3])
        assert await count_rows(services, models.User) == 3
        assert await side_effects.new() == side_effects.expected(*[Event.USER_CREATED] * 2)


class TestChangeUser:
    async def test_role_change_ends_no_session(
        self, services: Services, member: models.User, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The next sign-in or request uses the new role."""
        await side_effects.new()
        await set_role(services, member.id, Role.ADMIN)

        assert await count_rows(services, models.Session, id=viewer.session.id) == 1
        assert (await sign_in(services, member.email)).user.role is Role.ADMIN
        expected = side_effects.expected(Event.ROLE_CHANGED, "role_changed", Event.LOGIN_SUCCEEDED)
        assert await side_effects.new() == expected
        [email] = await emails_of(services, "role_changed")
        assert (email.facts["by"], email.facts["role"]) == (None, "ADMIN")

    async def test_password_set_by_the_operator_ends_all_sessions(
        self, services: Services, member: models.User, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The user gets an email. Only the new password works. A weak one is rejected."""
        await side_effects.new()

        await set_password(services, member.id, NEW)

        assert await count_rows(services, models.Session) == 0
        assert await side_effects.new() == side_effects.expected(Event.PASSWORD_CHANGED, "password_changed")
        await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), WrongEmailOrPasswordError)
        await sign_in(services, member.email, NEW)
        assert (await raises(set_password(services, member.id, "short"), InvalidInputError)).argument == "password"

    async def test_email_to_a_disabled_user_says_so(self, services: Services, member: models.User) -> None:
        """It must not advise to change the password again."""
        await disable_user(services, member.id)

        await set_password(services, member.id, NEW)

        [email] = await emails_of(services, "password_changed")
        assert email.facts["enabled"] is False

    async def test_disabling_ends_sessions_and_keeps_2fa(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """A user who is enabled again still needs the second factor."""
        await side_effects.new()
        await disable_user(services, member.id)
        assert await count_rows(services, models.Session, user_id=member.id) == 0
        await enable_user(services, member.id)

        expected = side_effects.expected(Event.USER_DISABLED, "user_disabled", Event.USER_ENABLED, "user_enabled")
        assert await side_effects.new() == expected
        assert (await find_user_by_email(services, member.email)).two_factor.is_active

    async def test_change_that_changes_nothing_is_not_recorded(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """The user has the role, is enabled, and is not locked. A disabled user is disabled once."""
        await set_role(services, member.id, Role.MEMBER)
        await enable_user(services, member.id)
        await unlock_user(services, member.id)
        assert await side_effects.new() == []
        await disable_user(services, member.id)
        await side_effects.new()

        await disable_user(services, member.id)

        assert await side_effects.new() == []

    async def test_disabled_user_gets_no_email_about_the_role(self, services: Services, member: models.User) -> None:
        """They cannot log in. The email about the account comes when they are enabled again."""
        await disable_user(services, member.id)

        await set_role(services, member.id, Role.ADMIN)

        assert len(await events_of(services, Event.ROLE_CHANGED)) == 1
        assert await emails_of(services, "role_changed") == []

    async def test_deletion_keeps_only_the_audit_events(
        self, services: Services, company: models.Company, member: models.User, enrolled: Enrolled
    ) -> None:
        """The events of the company account stay, without a user. The note of `USER_DELETED` has the user's id."""
        events = await count_rows(services, models.SecurityEvent)

        await delete_user(services, member.id)

        tables = (models.User, models.Session, models.Authenticator, models.BackupCodeSet, models.BackupCode)
        for table in tables:
            assert await count_rows(services, table) == 0, table
        assert await count_rows(services, models.AttemptCount, subject=member.id.hex) == 0
        assert (
            await count_rows(services, models.SecurityEvent, company_id=company.id, user_id__isnull=True) == events + 1
        )
        assert [event.note for event in await events_of(services, Event.USER_DELETED)] == [f"user_{member.id.hex}"]

    @pytest.mark.parametrize("change", LAST_ADMIN_CHANGES.values(), ids=LAST_ADMIN_CHANGES)
    async def test_last_admin_stays(
        self, services: Services, admin: models.User, side_effects: SideEffects, change: Callable[..., Awaitable[None]]
    ) -> None:
        """A disabled admin is no other admin. `force` changes the last one too."""
        disabled = await create_user(services, admin.company_id, OTHER_ADMIN)
        await disable_user(services, disabled.id)
        await side_effects.new()

        with pytest.raises(LastAdminError):
            await change(services, admin.id, force=False)

        assert await side_effects.new() == side_effects.expected()
        await change(services, admin.id, force=True)

    async def test_two_admins_cannot_remove_each_other(self, services: Services, admin: models.User) -> None:
        """Simultaneous changes of the last two leave one."""
        other = await create_user(services, admin.company_id, OTHER_ADMIN)

        answers = await asyncio.gather(
            set_role(services, admin.id, Role.MEMBER), disable_user(services, other.id), return_exceptions=True
        )

        assert sum(isinstance(answer, LastAdminError) for answer in answers) == 1

    async def test_rejects_an_unknown_user(self, services: Services) -> None:
        """Every change, and the search by email, raises `UserNotFoundError`."""
        unknown_id = uuid4()
        for attempt in (
            set_role(services, unknown_id, Role.ADMIN),
            set_password(services, unknown_id, NEW),
            disable_user(services, unknown_id),
            enable_user(services, unknown_id),
            unlock_user(services, unknown_id),
            delete_user(services, unknown_id),
            find_user_by_email(services, "unknown@acme.example"),
        ):
            await raises(attempt, UserNotFoundError)
