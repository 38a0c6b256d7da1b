"""Emails: hostile names and floods of emails. `tests/integration/mail` tests the email worker itself."""

import asyncio

import pytest
from starlette.applications import Starlette

import models
from accounts.services import Services
from app import create_app
from settings import Settings
from tests.support.api_users import ApiUser, activate
from tests.support.clock import Clock
from tests.support.mail_servers import MailServer, Received
from tests.support.operations import DEACTIVATE_TWO_FACTOR, LOGIN
from tests.support.users import PASSWORD, WRONG_PASSWORD

HOSTILE_NAMES = [
    "Eve\r\nBcc: all@x.example", "Eve\u2028Bcc: x@x.example", '"Eve" <root@x.example>,', "Eve, Bob; Carol",
    "<script>alert(1)</script>", "{{ 7 * 7 }}", "\u202eevE", "=?utf-8?q?Eve?=", "E" * 200, "%s%n%x",
]  # fmt: skip


@pytest.fixture
def app(database_url: str, clock: Clock, smtp_server: MailServer) -> Starlette:
    """Return the application with the mail server of the test."""
    settings = Settings(
        database_url=database_url, smtp_host="127.0.0.1", smtp_port=smtp_server.port, smtp_security="none"
    )
    return create_app(settings, clock=clock)


async def first_email(server: MailServer) -> Received:
    """Wait for the first email that the application sends."""
    arrived = asyncio.Event()
    server.on_message = arrived.set
    if not server.received:
        await asyncio.wait_for(arrived.wait(), 30)
    return server.received[0]


@pytest.mark.attack("J1", "J6")
@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_hostile_name_does_not_change_the_email(
    services: Services, logged_in_member: ApiUser, clock: Clock, name: str, smtp_server: MailServer
) -> None:
    """For any name, 2FA is activated. The email has one recipient, the expected headers and no secret."""
    async with services.database.transaction():
        await models.User.filter(id=logged_in_member.user.id).update(name=name)

    activated = await activate(logged_in_member, clock)

    received = await first_email(smtp_server)
    message = received.message
    assert received.recipients == [logged_in_member.user.email]
    assert [address.addr_spec for address in message["To"].addresses] == [logged_in_member.user.email]
    assert message["Bcc"] is None
    assert len(message.get_all("Subject", [])) == len(message.get_all("From", [])) == 1
    parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    assert "<script" not in parts["text/html"]
    assert "49" not in parts["text/html"].partition(logged_in_member.user.email)[0].rpartition("<body")[2]
    secrets = [activated.authenticator.key, *activated.codes, activated.session_token, PASSWORD]
    assert [secret for secret in secrets if any(secret in text for text in parts.values())] == []


@pytest.mark.attack("J7")
async def test_each_change_sends_one_email(logged_in_member: ApiUser, clock: Clock, services: Services) -> None:
    """Each activation and deactivation requires the password and sends exactly one email."""
    api_user = logged_in_member
    for _ in range(3):
        api_user = await activate(api_user, clock)
        assert await api_user.client.outcome(DEACTIVATE_TWO_FACTOR, password=PASSWORD) == "TwoFactorDeactivated"

    async with services.database.reading():
        kinds = [email.kind for email in await models.OutboxEmail.all()]
    assert sorted(kinds) == sorted(["two_factor_activated", "two_factor_deactivated"] * 3)


@pytest.mark.attack("J7")
async def test_rejected_mutations_send_no_email(
    logged_in_member: ApiUser, member_with_2fa: ApiUser, services: Services
) -> None:
    """Rejected mutations send no email, so nobody can flood a mailbox without the password."""
    async with services.database.reading():
        before = await models.OutboxEmail.all().count()
    for _ in range(8):
        await logged_in_member.client.outcome(LOGIN, email=member_with_2fa.user.email, password=WRONG_PASSWORD)
        await logged_in_member.client.outcome(DEACTIVATE_TWO_FACTOR, password=WRONG_PASSWORD)

    async with services.database.reading():
        assert await models.OutboxEmail.all().count() == before
