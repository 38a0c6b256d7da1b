"""The audit log, ASVS 16.2.1 and 16.3.1: it shows what an attack did to which user."""

from collections.abc import Sequence

import models
from accounts.services import Services
from tests.support.api import Api
from tests.support.api_users import ApiUser, activate, start_activation, start_login, verify_login
from tests.support.clock import TIME_STEP, Clock
from tests.support.operations import (
    ADMIN_RESET_TWO_FACTOR,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    LOGIN,
    REGENERATE_BACKUP_CODES,
    START_TWO_FACTOR_ACTIVATION,
)
from tests.support.users import PASSWORD, WRONG_PASSWORD
from twofactor import removal

Entry = tuple[str, str | None, str | None, str | None]


async def new_entries(services: Services, after: Sequence[Entry] = ()) -> list[Entry]:
    """Return kind, user, actor and note of each event, oldest first, without the entries in `after`."""
    async with services.database.reading():
        rows = await models.SecurityEvent.filter(ip_address="127.0.0.1").order_by("occurred_at")
        names: dict[object, str] = {row.id: row.name for row in await models.User.all()}
    entries = [(row.kind.value, names.get(row.user_id), names.get(row.actor_id), row.note) for row in rows]
    for entry in after:
        entries.remove(entry)
    return entries


async def test_wrong_passwords_are_recorded(api: Api, logged_in_member: ApiUser, services: Services) -> None:
    """Each failure names the account, and the event of the wait names the factor."""
    name, before = logged_in_member.user.name, await new_entries(services)
    for _ in range(3):
        await api.outcome(LOGIN, email=logged_in_member.user.email, password=WRONG_PASSWORD)
    for _ in range(5):
        await logged_in_member.client.outcome(START_TWO_FACTOR_ACTIVATION, password=WRONG_PASSWORD)

    assert sorted(await new_entries(services, before)) == [
        ("LOCKED", name, None, "REAUTHENTICATION"),
        *[("LOGIN_FAILED", name, None, None)] * 3,
        *[("REAUTHENTICATION_FAILED", name, None, None)] * 5,
    ]


async def test_wait_caused_by_login_is_recorded(api: Api, logged_in_member: ApiUser, services: Services) -> None:
    """A wait that `login` causes is recorded too."""
    name, before = logged_in_member.user.name, await new_entries(services)
    for _ in range(5):
        await api.outcome(LOGIN, email=logged_in_member.user.email, password=WRONG_PASSWORD)

    assert ("LOCKED", name, None, "PASSWORD") in await new_entries(services, before)


async def test_each_step_of_an_enrolment_is_recorded(
    api: Api, logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock, services: Services
) -> None:
    """Each event from the first attempt to the reset names user, factor and actor. So does each email."""
    name, before = logged_in_member.user.name, await new_entries(services)
    activation_id, authenticator = await start_activation(logged_in_member.client)
    await logged_in_member.client.outcome(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.wrong_otp(clock.now)
    )
    clock.advance(TIME_STEP)
    enrolled = await activate(logged_in_member, clock)
    challenge = await start_login(api, enrolled.user)
    for _ in range(5):
        await verify_login(api, challenge, otp=enrolled.authenticator.wrong_otp(clock.now))
    await verify_login(api, challenge, backupCode=enrolled.codes[0])
    renewed = await enrolled.client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD)
    assert enrolled.user.email in renewed["file"]["content"]
    assert await enrolled.client.outcome(DEACTIVATE_TWO_FACTOR, password=PASSWORD) == "TwoFactorDeactivated"
    await activate(logged_in_member, clock)
    await logged_in_admin.client.outcome(
        ADMIN_RESET_TWO_FACTOR, userId=logged_in_member.id, password=PASSWORD, reason="phone lost"
    )

    assert sorted(await new_entries(services, before), key=repr) == sorted(
        [
            *[("TWO_FACTOR_ACTIVATION_STARTED", name, None, None)] * 3,
            ("SECOND_FACTOR_FAILED", name, None, "activation"),
            *[("BACKUP_CODES_ISSUED", name, None, None)] * 3,
            *[("TWO_FACTOR_ACTIVATED", name, None, None)] * 2,
            *[("SECOND_FACTOR_FAILED", name, None, "OTP")] * 5,
            ("SECOND_FACTOR_REQUIRED", name, None, None),
            ("LOCKED", name, None, "OTP"),
            ("BACKUP_CODE_USED", name, None, None),
            ("LOGIN_SUCCEEDED", name, None, "BACKUP_CODE"),
            ("TWO_FACTOR_DEACTIVATED", name, None, None),
            ("TWO_FACTOR_RESET", name, logged_in_admin.user.name, "phone lost"),
        ],
        key=repr,
    )
    async with services.database.reading():
        emails = {email.kind: email.facts for email in await models.OutboxEmail.all()}
    now = clock.now.isoformat(timespec="seconds")
    assert emails["two_factor_reset"] == {
        "at": now,
        "by": logged_in_admin.user.name,
        "reason": "phone lost",
        "backup_codes": True,
        "was_active": True,
        "needs_voucher": False,
        "voucher_expires_at": None,
        "enabled": True,
    }
    assert emails["backup_code_used"]["remaining"] == 9
    assert emails["second_factor_warning"]["factor"] == "OTP"
    for kind in set(emails) - {"two_factor_reset"}:
        assert emails[kind]["ip_address"] == "127.0.0.1"
        assert emails[kind]["at"] <= now


async def test_reset_by_the_operator_is_recorded_without_an_actor(member_with_2fa: ApiUser, services: Services) -> None:
    """A reset by the operator has no actor, and the event and the email have the reason."""
    await removal.reset_by_operator(services, member_with_2fa.user.id, "asked in person")

    async with services.database.reading():
        event = await models.SecurityEvent.get(kind=models.SecurityEventKind.TWO_FACTOR_RESET)
        email = await models.OutboxEmail.get(kind="two_factor_reset")
    assert (event.note, email.facts["reason"], email.facts["by"]) == ("asked in person", "asked in person", None)
