"""Letters, J1, J6 and J7: names that forge them, and floods. `tests/mail` attacks the sender itself."""

import asyncio

import pytest
from starlette.applications import Starlette

import models
from app import create_app
from models import LetterKind
from settings import Settings
from tests.attacks.steps import Person, enrol, outcome
from tests.conftest import PASSWORD
from tests.mail.servers import MailServer, Received
from tests.support.clock import Clock
from twofactor.environment import Environment

HOSTILE_NAMES = [
    "Eve\r\nBcc: all@x.example", "Eve\u2028Bcc: x@x.example", '"Eve" <root@x.example>,', "Eve, Bob; Carol",
    "<script>alert(1)</script>", "{{ 7 * 7 }}", "\u202eevE", "=?utf-8?q?Eve?=", "E" * 200, "%s%n%x",
]  # fmt: skip


@pytest.fixture
def app(database_url: str, clock: Clock, smtp_server: MailServer) -> Starlette:
    """The application, whose letters go to the mail server of the test."""
    settings = Settings(
        database_url=database_url, smtp_host="127.0.0.1", smtp_port=smtp_server.port, smtp_security="none"
    )
    return create_app(settings, clock=clock)


async def first_letter(server: MailServer) -> Received:
    """The first letter, when the application has sent it of itself."""
    arrived = asyncio.Event()
    server.on_message = arrived.set
    if not server.received:
        await asyncio.wait_for(arrived.wait(), 30)
    return server.received[0]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_name_forges_a_letter(
    env: Environment, mia: Person, clock: Clock, name: str, smtp_server: MailServer
) -> None:
    """J1, J6, R22: whatever the name, 2FA is activated, and its letter has one recipient, our headers and no secret."""
    async with env.database.transaction():
        await models.User.filter(id=mia.user.id).update(name=name)

    person = await enrol(mia, clock)

    received = await first_letter(smtp_server)
    message = received.message
    assert received.recipients == [mia.user.email]
    assert [address.addr_spec for address in message["To"].addresses] == [mia.user.email]
    assert message["Bcc"] is None
    assert len(message.get_all("Subject", [])) == len(message.get_all("From", [])) == 1
    parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    assert "<script" not in parts["text/html"]
    assert "49" not in parts["text/html"].partition(mia.user.email)[0].rpartition("<body")[2]
    secrets = [person.app.key, *person.codes, person.token, PASSWORD]
    assert [secret for secret in secrets if any(secret in text for text in parts.values())] == []


async def test_letters_are_made_in_a_loop(mia: Person, clock: Clock, env: Environment) -> None:
    """J7: activating and deactivating in turns takes the password each time, and tells of each change once, no more."""
    person = mia
    for _ in range(3):
        person = await enrol(person, clock)
        assert await outcome(person.api, "deactivateTwoFactor", password=PASSWORD) == "TwoFactorDeactivated"

    async with env.database.reading():
        kinds = [letter.kind for letter in await models.Letter.all()]
    assert sorted(kinds) == sorted([LetterKind.TWO_FACTOR_ACTIVATED, LetterKind.TWO_FACTOR_DEACTIVATED] * 3)


async def test_refusals_make_letters(mia: Person, enrolled: Person, env: Environment) -> None:
    """J7: nothing that is refused sends a letter, so that nobody floods a mailbox without the password."""
    async with env.database.reading():
        before = await models.Letter.all().count()
    for _ in range(8):
        await outcome(mia.api, "login", email=enrolled.user.email, password="wrong horse battery staple")
        await outcome(mia.api, "deactivateTwoFactor", password="wrong horse battery staple")

    async with env.database.reading():
        assert await models.Letter.all().count() == before
