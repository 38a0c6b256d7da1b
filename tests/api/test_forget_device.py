"""`forgetDevice`: forgets one of the viewer's own known devices."""

import models
from tests.api.conftest import ClientFactory, SideEffects
from tests.api.test_known_devices import DEVICES, log_in_on_device
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in

FORGET = """
    mutation Forget($id: ID!) {
        forgetDevice(id: $id) {
            __typename
            ... on DeviceForgotten { deviceId viewer { email devices { id } } }
            ... on UserError { message }
        }
    }"""


async def test_forget_device(
    member: models.User, client: Api, new_client: ClientFactory, logged_in_admin: ApiUser, side_effects: SideEffects
) -> None:
    """Its session continues. Nobody else sees it or can forget it."""
    await log_in_on_device(client, member)
    device_id = (await client.execute_one(DEVICES))["devices"][0]["id"]
    assert (await client.execute_one("query N($id: ID!) { node(id: $id) { id } }", id=device_id))["id"] == device_id
    others = await logged_in_admin.client.data("{ users(first: 5) { nodes { email devices { id } } } }")
    assert {tuple(user["devices"]) for user in others["users"]["nodes"]} == {()}
    german = new_client(language="de", session_token=logged_in_admin.session_token)
    await side_effects()
    for wrong in (device_id, "device_x", logged_in_admin.id):
        assert await german.execute_one(FORGET, id=wrong) == {
            "__typename": "DeviceNotFound",
            "message": "Dieses Gerät ist bereits entfernt.",
        }
    assert await side_effects() == ([], [])

    assert await client.execute_one(FORGET, id=device_id) == {
        "__typename": "DeviceForgotten",
        "deviceId": device_id,
        "viewer": {"email": member.email, "devices": []},
    }
    assert await side_effects() == (["DEVICE_FORGOTTEN"], [])
    assert await is_logged_in(client)
    assert await client.outcome(FORGET, id=device_id) == "DeviceNotFound"
