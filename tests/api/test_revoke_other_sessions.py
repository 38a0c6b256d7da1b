"""`revokeOtherSessions`: ends all sessions of the viewer except the current one."""

from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, log_in
from tests.support.operations import REVOKE_OTHER_SESSIONS

REVOKE = "mutation { revokeOtherSessions { __typename viewer { sessions { current } } } }"


async def test_ends_all_other_sessions(
    logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """This one continues. An event is written, and no email."""
    others = [await log_in(new_client(), logged_in_member.user) for _ in range(2)]
    await side_effects()

    result = await logged_in_member.client.execute_one(REVOKE)

    assert result == {"__typename": "OtherSessionsRevoked", "viewer": {"sessions": [{"current": True}]}}
    assert [await is_logged_in(other.client) for other in others] == [False, False]
    assert await side_effects() == (["SESSIONS_REVOKED"], [])


async def test_requires_a_session(client: Api) -> None:
    """Without a session, the error is `UNAUTHENTICATED`."""
    assert await client.outcome(REVOKE_OTHER_SESSIONS) == "UNAUTHENTICATED"
