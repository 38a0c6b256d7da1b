"""`addAuthenticator`: a user sets up a second authenticator app beside the first one."""

from tests.api.conftest import SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, confirm_otp, start_login, verify_outcome
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.mail_servers import text_of
from tests.support.operations import ADD_AUTHENTICATOR
from tests.support.users import PASSWORD


async def test_both_authenticators_work(
    member_with_2fa: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """The email names the new one."""
    api = member_with_2fa.client
    started = await api.execute_one(
        ADD_AUTHENTICATOR,
        password=PASSWORD,
        secondFactor={"otp": member_with_2fa.authenticator.otp(clock.now)},
        name=" Mia's tablet ",
    )
    tablet = Authenticator.parse(started["otpauthUri"])
    await side_effects()

    result = await confirm_otp(api, started["activationId"], tablet.otp(clock.now))

    assert result == {"__typename": "AuthenticatorAdded", "viewer": {"id": member_with_2fa.id}, "sessionToken": None}
    events, (email,) = await side_effects()
    assert events == ["AUTHENTICATOR_ADDED"]
    assert "(Mia's tablet)" in text_of(email)
    names = await api.execute_one("{ viewer { authenticators { name } } }")
    assert names == {"authenticators": [{"name": None}, {"name": "Mia's tablet"}]}
    clock.advance(TIME_STEP)
    for authenticator in (tablet, member_with_2fa.authenticator):
        challenge = await start_login(client, member_with_2fa.user)
        assert await verify_outcome(client, challenge, otp=authenticator.otp(clock.now)) == "LoggedIn"
