"""What the operator does with company accounts and users."""

import asyncio
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

import models
from models import LetterKind, Role, SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import CLIENT, TOKEN, Enrolled, Trail, count, events_of, refused, sign_in, told
from twofactor.access import Viewer
from twofactor.accounts import (
    NewUser,
    create_company,
    create_user,
    delete_user,
    disable_user,
    enable_user,
    find_user_by_email,
    import_users,
    list_companies,
    list_users,
    set_password,
    set_role,
)
from twofactor.environment import Environment
from twofactor.errors import InvalidInputError, UserNotFoundError, WrongEmailOrPasswordError
from twofactor.login import log_in
from twofactor.results import User

Event = SecurityEventKind
Letter = LetterKind
NEW = "tr0ub4dor and three more words"
# Sound in all but its length, which is one character more than there is room for.
LONG_HASH = PasswordHasher(1, 8, 1, hash_len=154).hash(NEW)


class TestCreate:
    async def test_a_company_and_a_user_who_signs_in(self, env: Environment, trail: Trail) -> None:
        """What was made is there, listed, and signs in with its password in its language."""
        company = await create_company(env, "Initech", two_factor_enforced=True, backup_codes_enabled=False)
        new = NewUser("Grace@Initech.example", "Grace", Role.ADMIN, "fr", password=NEW)

        user = await create_user(env, company.id, new)

        assert await list_companies(env) == [company]
        assert await list_users(env, company.id) == [user]
        assert await find_user_by_email(env, "gRACE@initech.EXAMPLE") == user
        assert (user.role, user.locale, user.two_factor.setup_required) == (Role.ADMIN, "fr", True)
        assert await trail.news() == told(Event.COMPANY_CREATED, Event.USER_CREATED)
        assert (await sign_in(env, user.email, NEW)).user.locale == "fr"

    async def test_a_user_with_the_hash_of_a_password(self, env: Environment, company: models.Company) -> None:
        """A hash that another system made with argon2 is taken over, and the password signs in."""
        new = NewUser("grace@acme.example", "Grace", password_hash=PasswordHasher(1, 8, 1).hash(NEW))

        await create_user(env, company.id, new)

        await sign_in(env, new.email, NEW)

    @pytest.mark.parametrize(
        ("new", "argument"),
        [
            (NewUser("no address", "Grace", password=NEW), "email"),
            (NewUser("MIA@acme.example", "Mia", password=NEW), "email"),
            (NewUser("g@acme.example", " ", password=NEW), "name"),
            (NewUser("g@acme.example", "G\r\nBcc: x@y.example", password=NEW), "name"),
            (NewUser("g@acme.example", "Grace", locale="no tag", password=NEW), "locale"),
            (NewUser("g@acme.example", "Grace", password="password1234"), "password"),
            (NewUser("g@acme.example", "Grace"), "password"),
            (NewUser("g@acme.example", "Grace", password=NEW, password_hash="x"), "password"),
            (NewUser("g@acme.example", "Grace", password_hash="x"), "password_hash"),
            (NewUser("g@acme.example", "Grace", password_hash=LONG_HASH), "password_hash"),
        ],
    )
    async def test_what_is_out_of_bounds_is_named_and_not_made(
        self,
        env: Environment,
        company: models.Company,
        member: models.User,
        trail: Trail,
        *,
        new: NewUser,
        argument: str,
    ) -> None:
        """Nothing comes into being, and the error names what is wrong."""
        assert (await refused(create_user(env, company.id, new), InvalidInputError)).argument == argument

        assert await count(env, models.User) == 1
        assert await trail.news() == []

    async def test_two_at_once_for_one_email_make_one(
        self, env: Environment, company: models.Company, trail: Trail
    ) -> None:
        """Whoever comes second learns that the email is taken, also where both found it free."""
        password_hash = PasswordHasher(1, 8, 1).hash(NEW)
        # With a connection for each, for the first to get one would be done before the other had its own.
        await asyncio.gather(*[count(env, models.User) for _ in range(2)])
        for number in range(5):
            new = NewUser(f"grace{number}@acme.example", "Grace", password_hash=password_hash)

            answers = await asyncio.gather(
                *[create_user(env, company.id, new) for _ in range(2)], return_exceptions=True
            )

            [user] = [answer for answer in answers if isinstance(answer, User)]
            [refusal] = [answer for answer in answers if isinstance(answer, InvalidInputError)]
            assert (refusal.argument, refusal.reason) == ("email", "taken")
            assert await find_user_by_email(env, new.email) == user
            assert await trail.news() == told(Event.USER_CREATED)
        assert await count(env, models.User) == 5

    async def test_needs_a_company_and_a_company_a_name(self, env: Environment) -> None:
        """Nobody is made in no company account, and none without a name."""
        new = NewUser("g@acme.example", "Grace", password=NEW)
        assert (await refused(create_user(env, uuid4(), new), InvalidInputError)).argument == "company"
        assert (await refused(create_company(env, ""), InvalidInputError)).argument == "name"


class TestImportUsers:
    async def test_two_imports_at_once_of_one_email_make_one(self, env: Environment, company: models.Company) -> None:
        """Whoever comes second learns that the email is taken, and imports nothing."""
        password_hash = PasswordHasher(1, 8, 1).hash(NEW)
        await asyncio.gather(*[count(env, models.User) for _ in range(2)])
        for number in range(5):
            rows = [NewUser(f"{name}{number}@acme.example", name, password_hash=password_hash) for name in ("g", "h")]

            answers = await asyncio.gather(
                *[import_users(env, company.id, rows) for _ in range(2)], return_exceptions=True
            )

            assert [answer for answer in answers if answer == (2, [])] == [(2, [])]
            (late,) = (answer for answer in answers if answer != (2, []))
            assert isinstance(late, InvalidInputError) or (isinstance(late, tuple) and late[0] == 0)
        assert await count(env, models.User) == 10

    async def test_all_or_nothing_unless_bad_ones_are_skipped(
        self, env: Environment, company: models.Company, member: models.User, trail: Trail
    ) -> None:
        """Where one is bad none is made; skipped on request, all others are. Each bad one is named."""
        password_hash = PasswordHasher(1, 8, 1).hash(NEW)
        rows = [
            NewUser("a@acme.example", "A", password_hash=password_hash),
            NewUser("A@acme.example", "A again", password_hash=password_hash),
            NewUser(member.email, "taken", password_hash=password_hash),
            NewUser("b@acme.example", "B", password_hash=password_hash),
        ]

        made, bad = await import_users(env, company.id, rows)
        assert (made, [(row.number, row.argument) for row in bad]) == (0, [(2, "email"), (3, "email")])
        assert await count(env, models.User) == 1
        assert await trail.news() == []

        made, bad = await import_users(env, company.id, rows, skip_bad=True)
        assert (made, [row.number for row in bad]) == (2, [2, 3])
        assert await count(env, models.User) == 3
        assert await trail.news() == told(*[Event.USER_CREATED] * 2)


class TestChanges:
    async def test_a_role_changes_and_sessions_go_on(
        self, env: Environment, member: models.User, viewer: Viewer, trail: Trail
    ) -> None:
        """A new role ends no session, and holds from the next sign-in or request (rule 6)."""
        await trail.news()
        await set_role(env, member.id, Role.ADMIN)

        assert await count(env, models.Session, id=viewer.session.id) == 1
        assert (await sign_in(env, member.email)).user.role is Role.ADMIN
        assert await trail.news() == told(Event.ROLE_CHANGED, Event.LOGIN_SUCCEEDED)

    async def test_a_password_that_the_operator_sets_signs_the_user_out(
        self, env: Environment, member: models.User, viewer: Viewer, trail: Trail
    ) -> None:
        """Every session ends, the user is told by letter, and the new password is in force."""
        await trail.news()

        await set_password(env, member.id, NEW)

        assert await count(env, models.Session) == 0
        assert await trail.news() == told(Event.PASSWORD_CHANGED, Letter.PASSWORD_CHANGED)
        await refused(log_in(env, CLIENT, member.email, PASSWORD, TOKEN), WrongEmailOrPasswordError)
        await sign_in(env, member.email, NEW)
        assert (await refused(set_password(env, member.id, "short"), InvalidInputError)).argument == "password"

    async def test_disabling_ends_sessions_and_keeps_2fa(
        self, env: Environment, member: models.User, enrolled: Enrolled, trail: Trail
    ) -> None:
        """A disabled user is signed out; enabled again, they still need their second factor."""
        await trail.news()
        await disable_user(env, member.id)
        assert await count(env, models.Session, user_id=member.id) == 0
        await enable_user(env, member.id)

        assert await trail.news() == told(Event.USER_DISABLED, Event.USER_ENABLED)
        assert (await find_user_by_email(env, member.email)).two_factor.is_active

    async def test_deleting_removes_all_but_what_happened(
        self, env: Environment, company: models.Company, member: models.User, enrolled: Enrolled
    ) -> None:
        """Nothing of the user is left but the events of their company account, which name nobody any more."""
        events = await count(env, models.SecurityEvent)

        await delete_user(env, member.id)

        tables = (models.User, models.Session, models.Authenticator, models.BackupCodeSet, models.BackupCode)
        for table in tables:
            assert await count(env, table) == 0, table
        assert await count(env, models.AttemptBudget, subject=member.id.hex) == 0
        assert await count(env, models.SecurityEvent, company_id=company.id, user_id__isnull=True) == events + 1
        assert [event.note for event in await events_of(env, Event.USER_DELETED)] == [f"user_{member.id.hex}"]

    async def test_of_nobody_are_refused(self, env: Environment) -> None:
        """Who is not there cannot be changed."""
        nobody = uuid4()
        for attempt in (
            set_role(env, nobody, Role.ADMIN),
            set_password(env, nobody, NEW),
            disable_user(env, nobody),
            enable_user(env, nobody),
            delete_user(env, nobody),
            find_user_by_email(env, "nobody@acme.example"),
        ):
            await refused(attempt, UserNotFoundError)
