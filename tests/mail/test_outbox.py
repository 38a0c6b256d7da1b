"""The outbox: a letter goes in with its change, and is held by one sender at a time until it is sent or given up."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

import models
from mail import outbox
from models import LetterKind, LetterState
from models.database import Database
from tests.mail.conftest import FACTS, NOW, a_waiting_letter, read_again
from tests.mail.test_letters import HOSTILE_NAMES

LEASE = timedelta(minutes=2)


def a_user(**fields: object) -> models.User:
    """A user as the outbox needs one."""
    return models.User(**{"id": uuid4(), "email": "grace@example.org", "name": "Grace", "locale": "de"} | fields)


class TestEnqueue:
    async def test_keeps_what_the_letter_needs(self, database: Database) -> None:
        """Kind, recipient, language and facts are copied, and the letter is due at once."""
        async with database.transaction():
            await outbox.enqueue(LetterKind.PASSWORD_CHANGED, to=a_user(), now=NOW, facts=FACTS)

        async with database.reading():
            [letter] = await outbox.due_letters(NOW, at_most=10)
        assert letter.kind is LetterKind.PASSWORD_CHANGED
        assert (letter.recipient_email, letter.recipient_name, letter.locale) == ("grace@example.org", "Grace", "de")
        assert letter.facts == FACTS
        assert (letter.created_at, letter.state, letter.tries) == (NOW, LetterState.WAITING, 0)

    async def test_writes_english_to_whom_no_language_is_known(self, database: Database) -> None:
        """A user without a language gets English letters."""
        async with database.transaction():
            await outbox.enqueue(LetterKind.PASSWORD_CHANGED, to=a_user(locale=None), now=NOW, facts=FACTS)

        async with database.reading():
            [letter] = await outbox.list_letters()
        assert letter.locale == "en"

    async def test_commits_and_fails_with_its_change(self, database: Database) -> None:
        """A change that is rolled back leaves no letter."""

        async def fail() -> None:
            async with database.transaction():
                await outbox.enqueue(LetterKind.PASSWORD_CHANGED, to=a_user(), now=NOW, facts=FACTS)
                raise LookupError

        with pytest.raises(LookupError):
            await fail()

        async with database.reading():
            assert await outbox.list_letters() == []

    @pytest.mark.parametrize("text", [*HOSTILE_NAMES, "x" * 10_000], ids=lambda text: ascii(text)[:30])
    async def test_takes_any_name_and_any_fact(self, database: Database, text: str) -> None:
        """No text that a client can choose keeps a letter, and with it the change, from being written."""
        async with database.transaction():
            await outbox.enqueue(
                LetterKind.PASSWORD_CHANGED, to=a_user(name=text), now=NOW, facts=FACTS | {"user_agent": text}
            )

        async with database.reading():
            [letter] = await outbox.list_letters()
        assert len(letter.recipient_name) <= 200
        assert "\x00" not in letter.recipient_name + letter.facts["user_agent"]


class TestClaim:
    async def test_is_won_once(self, database: Database) -> None:
        """Of many who claim the same letter at once, one gets it."""
        letter = await a_waiting_letter(database)
        copies = [await read_again(database, letter) for _ in range(8)]

        async def claim(copy: models.Letter) -> bool:
            async with database.transaction():
                return await outbox.claim(copy, NOW, lease=LEASE)

        assert sorted(await asyncio.gather(*map(claim, copies))) == [False] * 7 + [True]
        assert (await read_again(database, letter)).tries == 1

    async def test_holds_until_the_lease_ends(self, database: Database) -> None:
        """A claimed letter is nobody else's before the lease ends, and due again then."""
        letter = await a_waiting_letter(database)
        async with database.transaction():
            assert await outbox.claim(letter, NOW, lease=LEASE)

        async with database.reading():
            assert await outbox.due_letters(NOW + LEASE - timedelta(seconds=1), at_most=10) == []
            assert [due.id for due in await outbox.due_letters(NOW + LEASE, at_most=10)] == [letter.id]

    async def test_lost_undoes_nothing(self, database: Database) -> None:
        """A sender that comes back after its lease does not put back what another has claimed or sent meanwhile."""
        slow = await a_waiting_letter(database)
        quick = await read_again(database, slow)
        async with database.transaction():
            assert await outbox.claim(slow, NOW, lease=LEASE)
        quick = await read_again(database, slow)
        async with database.transaction():
            assert await outbox.claim(quick, NOW + LEASE, lease=LEASE)
            await outbox.mark_unsent(slow, NOW + LEASE, error="TimeoutError", hopeless=True, chance=0)
        assert (await read_again(database, slow)).next_try_at == NOW + 2 * LEASE

        async with database.transaction():
            await outbox.mark_sent(quick, NOW + LEASE)
            await outbox.mark_unsent(slow, NOW + LEASE, error="TimeoutError", hopeless=True, chance=0)
        assert (await read_again(database, slow)).state is LetterState.SENT


class TestWaiting:
    def test_doubles_up_to_four_hours(self) -> None:
        """Waits double from 30 seconds to four hours, and stay there."""
        waits = [outbox.waiting_time(tries, hopeless=False, chance=0) for tries in range(1, 34)]

        assert waits[:4] == [timedelta(seconds=seconds) for seconds in (30, 60, 120, 240)]
        assert waits[9:] == [timedelta(hours=4)] * 24

    def test_goes_on_for_four_days(self) -> None:
        """A letter is tried for at least the four days that RFC 5321 §4.5.4.1 asks for."""
        waits = [outbox.waiting_time(tries, hopeless=False, chance=0) for tries in range(1, outbox.TRIES)]

        assert timedelta(days=4) <= sum(waits, timedelta()) <= timedelta(days=5)

    def test_is_spread(self) -> None:
        """Letters that failed together come back apart, within a quarter of the wait."""
        assert outbox.waiting_time(1, hopeless=False, chance=1) == timedelta(seconds=37.5)

    def test_is_long_where_a_retry_hardly_helps(self) -> None:
        """After a permanent refusal the next try is half an hour away."""
        assert outbox.waiting_time(1, hopeless=True, chance=0) == timedelta(minutes=30)


class TestGivingUp:
    @pytest.mark.parametrize(("hopeless", "tries"), [(False, outbox.TRIES), (True, outbox.HOPELESS_TRIES)])
    async def test_comes_after_so_many_tries_and_not_before(
        self,
        database: Database,
        hopeless: bool,  # noqa: FBT001  # a parameter of the test
        tries: int,
    ) -> None:
        """The last try fails the letter; the one before does not."""
        letter = await a_waiting_letter(database, tries=tries - 1)
        async with database.transaction():
            assert (
                await outbox.mark_unsent(letter, NOW, error="Broken", hopeless=hopeless, chance=0)
                is LetterState.WAITING
            )
            letter.tries += 1
            await letter.save()
            assert (
                await outbox.mark_unsent(letter, NOW, error="Broken", hopeless=hopeless, chance=0) is LetterState.FAILED
            )

        stored = await read_again(database, letter)
        assert (stored.state, stored.last_error) == (LetterState.FAILED, "Broken")
        async with database.reading():
            assert await outbox.due_letters(NOW + timedelta(days=365), at_most=10) == []


class TestTheCommandLine:
    async def test_lists_letters_by_state(self, database: Database) -> None:
        """The newest letters come first, of one state or of all."""
        old = await a_waiting_letter(database, state=LetterState.FAILED, created_at=NOW - timedelta(days=1))
        new = await a_waiting_letter(database)

        async with database.reading():
            assert [letter.id for letter in await outbox.list_letters()] == [new.id, old.id]
            assert [letter.id for letter in await outbox.list_letters(LetterState.FAILED)] == [old.id]
            assert await outbox.list_letters(LetterState.SENT) == []

    async def test_lets_failed_letters_wait_again(self, database: Database) -> None:
        """Named or all failed letters are due again with all their tries; sent and waiting ones are left alone."""
        first, second = [
            await a_waiting_letter(database, state=LetterState.FAILED, tries=33, next_try_at=NOW + timedelta(days=1))
            for _ in range(2)
        ]
        sent = await a_waiting_letter(database, state=LetterState.SENT, tries=1)

        async with database.transaction():
            assert await outbox.retry(NOW, [first.id, sent.id]) == 1
        assert (await read_again(database, second)).state is LetterState.FAILED

        async with database.transaction():
            assert await outbox.retry(NOW) == 1
        for letter in (first, second):
            again = await read_again(database, letter)
            assert (again.state, again.tries, again.next_try_at) == (LetterState.WAITING, 0, NOW)
        assert (await read_again(database, sent)).state is LetterState.SENT
