"""`removeAuthenticator`: a user removes the authenticator of a device that they no longer have."""

from tests.api.conftest import SideEffects
from tests.support.api_users import ApiUser, confirm_otp
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.operations import ADD_AUTHENTICATOR, REMOVE_AUTHENTICATOR
from tests.support.users import PASSWORD

IDS = "{ viewer { authenticators { id } } }"


async def test_removes_one_while_another_is_left(
    member_with_2fa: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """The last one stays: without it there would be no 2FA."""
    api = member_with_2fa.client
    (first,) = (await api.execute_one(IDS))["authenticators"]
    assert await api.outcome(REMOVE_AUTHENTICATOR, id=first["id"], password=PASSWORD) == "LastAuthenticator"
    factor = {"otp": member_with_2fa.authenticator.otp(clock.now)}
    started = await api.execute_one(ADD_AUTHENTICATOR, password=PASSWORD, secondFactor=factor, name="Tablet")
    tablet = Authenticator.parse(started["otpauthUri"])
    await confirm_otp(api, started["activationId"], tablet.otp(clock.now))
    await side_effects()

    result = await api.execute_one(REMOVE_AUTHENTICATOR, id=first["id"], password=PASSWORD)

    assert result == {
        "__typename": "AuthenticatorRemoved",
        "authenticatorId": first["id"],
        "viewer": {"id": member_with_2fa.id},
    }
    events, emails = await side_effects()
    assert (events, [email["Subject"] for email in emails]) == (
        ["AUTHENTICATOR_REMOVED"],
        ["An authenticator app was removed"],
    )
    for gone in (first["id"], "authenticator_x", member_with_2fa.id):
        assert await api.outcome(REMOVE_AUTHENTICATOR, id=gone, password=PASSWORD) == "AuthenticatorNotFound"
