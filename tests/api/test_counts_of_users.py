"""`User.sessionCount` and `deviceCount`: an admin sees how many there are, and never which."""

from datetime import timedelta
from typing import Any

from security.constants import KNOWN_DEVICE_IDLE_LIFETIME, SESSION_IDLE_LIFETIME
from tests.api.conftest import ClientFactory
from tests.support.api_users import ApiUser, log_in
from tests.support.clock import Clock
from tests.support.operations import LOGIN
from tests.support.users import PASSWORD

USERS = "{ users(orderBy: NAME) { nodes { name sessionCount deviceCount sessions { id } devices { id } } } }"
OWN = "{ viewer { sessionCount deviceCount sessions { id } devices { id } } }"


async def counts(admin: ApiUser) -> dict[str, tuple[int, int]]:
    """Return the numbers of sessions and of devices of each user, as an admin sees them."""
    nodes = (await admin.client.execute_one(USERS))["nodes"]
    assert [node["sessions"] + node["devices"] for node in nodes if node["name"] != "Ada"] == [[]]
    return {node["name"]: (node["sessionCount"], node["deviceCount"]) for node in nodes}


async def test_admin_counts_live_sessions_and_known_devices(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, new_client: ClientFactory, clock: Clock
) -> None:
    """What has expired does not count, as in the user's own lists, whether it is deleted or not."""
    assert await counts(logged_in_admin) == {"Ada": (1, 0), "Mia": (1, 0)}
    for _ in range(2):
        browser = new_client()
        answer = await browser.execute_one(
            LOGIN, email=logged_in_member.user.email, password=PASSWORD, transport="COOKIE"
        )
        assert answer["__typename"] == "LoggedIn"
    assert await counts(logged_in_admin) == {"Ada": (1, 0), "Mia": (3, 2)}
    own: dict[str, Any] = await logged_in_member.client.execute_one(OWN)
    assert (own["sessionCount"], own["deviceCount"]) == (len(own["sessions"]), len(own["devices"])) == (3, 2)

    for after, expected in ((SESSION_IDLE_LIFETIME, (0, 2)), (KNOWN_DEVICE_IDLE_LIFETIME, (0, 0))):
        clock.advance(after + timedelta(seconds=1))
        admin = await log_in(new_client(), logged_in_admin.user)
        assert (await counts(admin))["Mia"] == expected
