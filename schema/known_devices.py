"""Known devices, and the mutation that forgets one."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

import accounts.entities
import accounts.known_devices
from accounts.permissions import Viewer
from schema import ids
from schema.account_errors import DeviceNotFound
from schema.fields import Access, mutation
from schema.info import Info
from schema.nodes import Node
from schema.type_mapping import maps_from
from schema.users import User


@maps_from(
    accounts.entities.KnownDevice,
    description=(
        "A browser or app on which the viewer completed a login. Attempts to log in on it have a count of their own, "
        "so that strangers who guess cannot make it wait. The second factor is required all the same. It is forgotten "
        "by `forgetDevice`, 90 days after the last login, when 5 attempts in a row fail on it, and, except for the "
        "device in use, when the password changes or 2FA is activated."
    ),
)
class KnownDevice(Node):
    """A known device."""

    name: str | None = strawberry.field(
        description=(
            "The browser and the operating system of the last login, for example `Firefox, Linux`, as "
            "`Session.deviceName` has them. Null if the server recognises neither."
        )
    )
    first_seen_at: datetime = strawberry.field(description="When the first login on the device was completed.")
    last_seen_at: datetime = strawberry.field(description="When the last login on the device was completed.")
    current: bool = strawberry.field(description="True if the session of this request started on the device.")


@maps_from(
    accounts.known_devices.DeviceForgotten,
    description=(
        "The device is no longer known: its next attempts count as those of a stranger. Its sessions continue; end "
        "them with `revokeSession`."
    ),
)
class DeviceForgotten:
    """A device is forgotten."""

    @strawberry.field(description="The id that the client sent: evict it from the cache.")
    def device_id(self, forgotten: strawberry.Parent[accounts.known_devices.DeviceForgotten]) -> strawberry.ID:
        """The device that was forgotten."""
        return ids.encode(accounts.entities.KnownDevice, forgotten.device_id)

    viewer: User = strawberry.field(description="The viewer. `devices` lists the remaining devices.")


ForgetDeviceResult: TypeAlias = Annotated[
    DeviceForgotten | DeviceNotFound,
    strawberry.union(
        "ForgetDeviceResult",
        description="With both members, the device is no longer known. Remove it from the screen.",
    ),
]

DeviceId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of one of the viewer's `devices`, which may be the current one."),
]


@strawberry.type
class KnownDevicesMutation:
    """Forget a known device."""

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=False,
        description=(
            "Forgets one of the viewer's known devices, for example a lost one. Uses no attempt, sends no email and "
            "ends no session."
        ),
    )
    def forget_device(
        self,
        info: Info,
        viewer: Viewer,
        id: DeviceId,  # noqa: A002  # the name in the contract
    ) -> ForgetDeviceResult | None:
        """Forget one of the viewer's known devices."""
        return accounts.known_devices.forget_device(
            info.context.services, info.context.client, viewer, ids.decode_as(accounts.entities.KnownDevice, id)
        )
