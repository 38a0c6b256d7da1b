"""One password in two Unicode forms: `ü` as one code point (NFC), and as `u` with a combining mark (NFD)."""

import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import pytest
from argon2 import PasswordHasher
from typing_extensions import override

import models
from accounts.errors import WrongEmailOrPasswordError
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.reauthentication import locked_account, reauthenticate
from accounts.services import Services
from accounts.users import NewUser, import_users, set_password
from security.constants import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES, RESPONSE_PADDING_S
from security.fair_queue import Requester
from security.password_hashing import Hasher, HashingPool
from tests.integration.use_cases.helpers import CLIENT, TOKEN, before_hashing, raises, sign_in
from tests.integration.use_cases.test_login_padding import seconds_of_failed_login
from tests.support.users import NEW_PASSWORD, PASSWORD
from twofactor.login import log_in

ResultT = TypeVar("ResultT")

NFC = unicodedata.normalize("NFC", "Grüße-Zürich-Käse-9")
NFD = unicodedata.normalize("NFD", NFC)
BOTH_WAYS = pytest.mark.parametrize(("stored", "entered"), [(NFC, NFD), (NFD, NFC)], ids=["NFC, NFD", "NFD, NFC"])


class CountingPool(HashingPool):
    """Counts the hashes that were declared, and those that were computed."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.declared = self.computed = 0

    @override
    @asynccontextmanager
    async def admit(self, requester: Requester, *, hashes: int = 1) -> AsyncIterator[Hasher]:
        self.declared += hashes
        async with super().admit(requester, hashes=hashes) as hasher:
            yield hasher

    @override
    async def run_in_thread(self, slow: Callable[..., ResultT], *arguments: object) -> ResultT:
        self.computed += 1
        return await super().run_in_thread(slow, *arguments)


def hash_of_entered_form(password: str) -> str:
    """Return the hash that a server computed before passwords were normalised."""
    return PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES).hash(password)


async def store_hash(services: Services, user: models.User, password_hash: str) -> None:
    """Store another hash for the user."""
    async with services.database.transaction():
        await models.User.filter(id=user.id).update(password_hash=password_hash)


async def stored_hash(services: Services, user: models.User) -> str:
    """Return the hash of the user."""
    async with services.database.reading():
        return (await models.User.get(id=user.id)).password_hash


class TestNewPassword:
    @BOTH_WAYS
    async def test_changed_password_works_in_the_other_form(
        self, services: Services, member: models.User, viewer: Viewer, stored: str, entered: str
    ) -> None:
        """The user signs in, and enters the password again for a change."""
        await change_password(services, CLIENT, viewer, PASSWORD, stored)

        await sign_in(services, member.email, entered)
        await change_password(services, CLIENT, viewer, entered, NEW_PASSWORD)

    @BOTH_WAYS
    async def test_password_of_the_operator_works_in_the_other_form(
        self, services: Services, company: models.Company, member: models.User, stored: str, entered: str
    ) -> None:
        """The operator sets it, or imports it."""
        await set_password(services, member.id, stored)
        new = NewUser("ida@acme.example", "Ida", password=stored)
        assert await import_users(services, company.id, [new]) == (1, [])

        for email in (member.email, new.email):
            await sign_in(services, email, entered)


class TestHashOfTheEnteredForm:
    async def test_sign_in_replaces_it(self, services: Services, member: models.User) -> None:
        """It is right in the form that was hashed. From then on, each form is right."""
        old = hash_of_entered_form(NFD)
        await store_hash(services, member, old)
        await raises(log_in(services, CLIENT, member.email, NFC, TOKEN), WrongEmailOrPasswordError)
        assert await stored_hash(services, member) == old

        await sign_in(services, member.email, NFD)

        new = await stored_hash(services, member)
        assert PasswordHasher().verify(new, NFC)
        for form in (NFC, NFD):
            await sign_in(services, member.email, form)
        assert await stored_hash(services, member) == new

    async def test_imported_one_gets_the_same_try(self, services: Services, company: models.Company) -> None:
        """The other system hashed what the user entered, with other parameters."""
        new = NewUser("ida@acme.example", "Ida", password_hash=PasswordHasher(1, 8, 1).hash(NFD))
        assert await import_users(services, company.id, [new]) == (1, [])

        for form in (NFD, NFC):
            await sign_in(services, new.email, form)

    async def test_re_authentication_replaces_it(self, services: Services, member: models.User, viewer: Viewer) -> None:
        """A session that is older than the normalisation continues."""
        await store_hash(services, member, hash_of_entered_form(NFD))

        async with locked_account(services, await reauthenticate(services, CLIENT, viewer, NFD)):
            pass

        assert PasswordHasher().verify(await stored_hash(services, member), NFC)
        await reauthenticate(services, CLIENT, viewer, NFC)

    async def test_simultaneous_attempts_are_right(self, services: Services, member: models.User) -> None:
        """The other attempt replaces the hash while this one is checked."""
        await store_hash(services, member, hash_of_entered_form(NFD))

        async def other() -> None:
            await sign_in(services, member.email, NFD)

        with before_hashing(services, other) as hooked:
            await sign_in(hooked, member.email, NFD)

        assert PasswordHasher().verify(await stored_hash(services, member), NFC)

    async def test_new_password_is_never_replaced(self, services: Services, member: models.User) -> None:
        """The operator sets another password while the old one is checked."""
        await store_hash(services, member, hash_of_entered_form(NFD))

        with before_hashing(services, lambda: set_password(services, member.id, NEW_PASSWORD)) as hooked:
            await raises(log_in(hooked, CLIENT, member.email, NFD, TOKEN), WrongEmailOrPasswordError)

        assert PasswordHasher().verify(await stored_hash(services, member), NEW_PASSWORD)


@pytest.mark.attack("G1")
class TestCost:
    @pytest.mark.parametrize(("password", "hashes"), [(NFC, 1), (NFD, 2)], ids=["NFC", "NFD"])
    async def test_depends_on_the_password_alone(
        self, services: Services, member: models.User, password: str, hashes: int
    ) -> None:
        """Whether the email is known makes no difference. The price in the queue is the number of hashes."""
        for email in (member.email, "unknown@acme.example"):
            pool = CountingPool()
            counted = replace(services, hashing=pool)
            await raises(log_in(counted, CLIENT, email, password, TOKEN), WrongEmailOrPasswordError)
            pool.close()
            assert (pool.declared, pool.computed) == (hashes, hashes)

    async def test_right_password_costs_no_more(self, services: Services, member: models.User) -> None:
        """If the first form matches, the server checks the second one too."""
        await set_password(services, member.id, NFC)
        pool = CountingPool()
        await sign_in(replace(services, hashing=pool), member.email, NFD)
        pool.close()

        assert (pool.declared, pool.computed) == (2, 2)

    async def test_padding_covers_both_hashes(self, services: Services, member: models.User) -> None:
        """The response to a failed login waits for twice the interval."""
        for email in (member.email, "unknown@acme.example"):
            assert await seconds_of_failed_login(services, email, NFD) >= 2 * RESPONSE_PADDING_S
