"""Challenges that expire unused: the cleanup warns the user, because somebody may have the password."""

import asyncio
from datetime import timedelta

import pytest

import models
from accounts import cleanup, lapsed_challenges
from accounts.services import Client, Services
from accounts.sessions import log_out
from mail.emails import RequestDetails
from models.sql.users import lock_user
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    Enrolled,
    clean_up,
    count_rows,
    emails_of,
    new_challenge,
    verify_otp,
    viewer_of,
)
from tests.support.clock import Clock
from tests.support.users import PASSWORD, make_user
from twofactor.login import SecondFactorRequired, log_in
from twofactor.removal import deactivate
from twofactor.second_factor import verify_login

MICROSECOND = timedelta(microseconds=1)
LIFETIME = timedelta(minutes=5)
THIEF = Client("203.0.113.66", "curl/8.0")


async def lapses(services: Services) -> list[models.OutboxEmail]:
    """Return the emails about lapsed challenges."""
    return await emails_of(services, "login_not_completed")


async def open_challenge(services: Services, email: str, client: Client) -> str:
    """Log in with the right password only."""
    answer = await log_in(services, client, email, PASSWORD, TOKEN)
    assert isinstance(answer, SecondFactorRequired)
    return answer.challenge_token


@pytest.mark.usefixtures("enrolled")
class TestEmail:
    @pytest.mark.attack("C12")
    async def test_shows_the_client_that_opened_the_challenge(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """The cleanup sends it as soon as the challenge has expired."""
        opened_at = clock.now
        await open_challenge(services, member.email, THIEF)
        clock.advance(LIFETIME - MICROSECOND)
        await clean_up(services)
        assert await lapses(services) == []
        clock.advance(MICROSECOND)

        await clean_up(services)

        (email,) = await lapses(services)
        assert email.recipient_email == member.email
        assert email.facts == RequestDetails(opened_at, THIEF.ip_address, THIEF.user_agent).facts

    @pytest.mark.attack("J7")
    async def test_is_sent_at_most_once_a_day(self, services: Services, clock: Clock, member: models.User) -> None:
        """The number of challenges does not matter."""
        for _ in range(2):
            await open_challenge(services, member.email, THIEF)
            await open_challenge(services, member.email, CLIENT)
            clock.advance(LIFETIME)
            assert await clean_up(services) == 2
        assert len(await lapses(services)) == 1
        clock.advance(timedelta(days=1) - LIFETIME)
        await open_challenge(services, member.email, THIEF)
        clock.advance(LIFETIME)

        await clean_up(services)

        assert len(await lapses(services)) == 2

    async def test_is_not_sent_after_a_change_that_ends_the_challenge(
        self, services: Services, clock: Clock, enrolled: Enrolled
    ) -> None:
        """The change has an email of its own."""
        await open_challenge(services, enrolled.viewer.user.email, THIEF)
        await deactivate(services, CLIENT, enrolled.viewer, PASSWORD)
        clock.advance(LIFETIME)

        await clean_up(services)

        assert await lapses(services) == []


class TestCompletedLogin:
    async def test_of_a_page_that_was_loaded_again_prevents_the_email(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """The client logs in with its second challenge, and logs out. Its first challenge expires unused."""
        await new_challenge(services, member.email)
        second = await new_challenge(services, member.email)
        logged_in = await verify_otp(services, second, enrolled.authenticator.otp(clock.now))
        await log_out(services, CLIENT, await viewer_of(services, logged_in))
        clock.advance(LIFETIME)

        assert await clean_up(services) == 1

        assert await lapses(services) == []

    @pytest.mark.parametrize(
        "client",
        [
            Client(THIEF.ip_address, CLIENT.user_agent),
            Client(CLIENT.ip_address, THIEF.user_agent),
            Client(CLIENT.ip_address, None),
            Client(None, CLIENT.user_agent),
        ],
    )
    async def test_of_another_client_does_not_prevent_the_email(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, client: Client
    ) -> None:
        """Another address or another user agent is another client."""
        await open_challenge(services, member.email, client)
        own = await new_challenge(services, member.email)
        await verify_otp(services, own, enrolled.authenticator.otp(clock.now))
        clock.advance(LIFETIME)

        await clean_up(services)

        assert len(await lapses(services)) == 1

    async def test_before_the_challenge_does_not_prevent_the_email(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Somebody at the user's device logs in later and does not complete the login."""
        own = await new_challenge(services, member.email)
        await verify_otp(services, own, enrolled.authenticator.otp(clock.now))
        clock.advance(MICROSECOND)
        await new_challenge(services, member.email)
        clock.advance(LIFETIME)

        await clean_up(services)

        assert len(await lapses(services)) == 1

    async def test_of_a_client_without_address_and_user_agent_prevents_the_email(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Both are NULL in the database."""
        await open_challenge(services, member.email, Client())
        second = await open_challenge(services, member.email, Client())
        otp = enrolled.authenticator.otp(clock.now)
        await verify_login(services, Client(), second, kind="OTP", text=otp)
        clock.advance(LIFETIME)

        assert await clean_up(services) == 1

        assert await lapses(services) == []


async def users_with_lapsed_challenges(
    services: Services, company: models.Company, clock: Clock, number: int
) -> list[models.User]:
    """Create users, each with two expired challenges: first one for each user, then the others."""
    users = [await make_user(services.database, company, "", clock, name=f"User{each}") for each in range(number)]
    async with services.database.transaction():
        await models.Challenge.bulk_create(
            models.Challenge(
                token_hash=f"{each:064}",
                user_id=users[each % number].id,
                transport=TOKEN,
                created_at=clock.now - LIFETIME,
                expires_at=clock.now + each * MICROSECOND,
            )
            for each in range(2 * number)
        )
    clock.advance(2 * number * MICROSECOND)
    return users


async def warned(services: Services) -> set[str]:
    """Return the recipients of the emails about lapsed challenges. Nobody gets two."""
    recipients = [email.recipient_email for email in await lapses(services)]
    assert len(set(recipients)) == len(recipients)
    return set(recipients)


class TestBatches:
    async def test_one_transaction_sends_few_warnings_and_one_run_sends_all(
        self, services: Services, company: models.Company, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next transaction begins with the first challenge whose user has to wait for a warning."""
        monkeypatch.setattr(cleanup, "BATCHES", {"sqlite": 10, "postgres": 10})
        monkeypatch.setattr(lapsed_challenges, "WARNING_COST", 5)
        users = await users_with_lapsed_challenges(services, company, clock, 7)
        kind = cleanup.KINDS["expired challenges"]
        passes = [
            (deleted, len(await warned(services))) async for deleted in cleanup.delete_expired_rows_of(services, kind)
        ]

        # The fourth batch contains the second challenges of four users who have got their warning.
        assert passes == [(1, 1), (1, 2), (1, 3), (5, 4), (4, 6), (2, 7), (0, 7)]
        assert await warned(services) == {user.email for user in users}

    @pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
    async def test_user_whom_another_transaction_locks_is_warned_by_the_next_cleanup(
        self, services: Services, database_url: str, company: models.Company, clock: Clock
    ) -> None:
        """The cleanup does not wait. The challenges stay until then."""
        first, second = await users_with_lapsed_challenges(services, company, clock, 2)
        locked, done = asyncio.Event(), asyncio.Event()

        async def lock_first_user() -> None:
            async with services.database.transaction():
                await lock_user(first.id)
                locked.set()
                await done.wait()

        lock = asyncio.create_task(lock_first_user())
        await locked.wait()
        async with asyncio.timeout(5):
            assert await clean_up(services) == 2
        assert await warned(services) == {second.email}
        assert await count_rows(services, models.Challenge, user_id=first.id) == 2
        done.set()
        await lock

        assert await clean_up(services) == 2

        assert await warned(services) == {first.email, second.email}
