"""The authenticators of a user: replace one on a new phone, add one, remove one."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

import twofactor.authenticators
from accounts.permissions import Viewer
from schema import ids
from schema.activation import TwoFactorActivation
from schema.arguments import (
    OwnPassword,
    SecondFactorInput,
    SecondFactorOfChange,
    entered_second_factor,
    kind_and_text,
    value_or_none,
)
from schema.authenticator_errors import AuthenticatorNotFound, LastAuthenticator, TooManyAuthenticators
from schema.fields import Access, mutation
from schema.info import Info
from schema.nodes import Node
from schema.qr_codes import require_valid_scales
from schema.two_factor_errors import TwoFactorNotActive
from schema.type_mapping import maps_from
from schema.user_errors import SecondFactorNeeded, TooManyAttempts, WrongPassword, WrongSecondFactor
from schema.users import VIEWER_DESCRIPTION, User
from security.constants import AUTHENTICATOR_NAME_MAX_LENGTH
from twofactor.authenticators import Authenticator as EnrolledAuthenticator
from twofactor.entered_second_factor import EnteredSecondFactor


@maps_from(
    EnrolledAuthenticator,
    description=(
        "An authenticator app whose OTPs are accepted. It contains no secret. Each authenticator accepts each of its "
        "OTPs once. The attempt limit is that of the user, whatever their number of authenticators."
    ),
)
class Authenticator(Node):
    """An authenticator of a user."""

    name: str | None = strawberry.field(
        description="The name that the user gave it; null for the one of the activation or of a replacement."
    )
    created_at: datetime = strawberry.field(description="When its first OTP was confirmed.")
    last_used_at: datetime = strawberry.field(
        description=(
            "The start of the time step of the newest OTP that was accepted. The OTP that confirmed the "
            "authenticator counts."
        )
    )


@maps_from(
    twofactor.authenticators.AuthenticatorRemoved,
    description=(
        "OTPs of this authenticator are no longer accepted. The user gets an email, and all their sessions except this "
        "one ended. Ask the user to delete the entry in the app."
    ),
)
class AuthenticatorRemoved:
    """An authenticator is removed."""

    @strawberry.field(description="The id that the client sent: evict it from the cache.")
    def authenticator_id(
        self, removed: strawberry.Parent[twofactor.authenticators.AuthenticatorRemoved]
    ) -> strawberry.ID:
        """The authenticator that was removed."""
        return ids.encode(EnrolledAuthenticator, removed.authenticator_id)

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


StartAuthenticatorReplacementResult: TypeAlias = Annotated[
    TwoFactorActivation
    | WrongPassword
    | WrongSecondFactor
    | TwoFactorNotActive
    | AuthenticatorNotFound
    | TooManyAttempts,
    strawberry.union(
        "StartAuthenticatorReplacementResult",
        description=(
            "The first step of a replacement. Continue with `confirmOtp`. Until it returns `AuthenticatorReplaced`, "
            "the old authenticator is in force."
        ),
    ),
]

AddAuthenticatorResult: TypeAlias = Annotated[
    TwoFactorActivation
    | WrongPassword
    | WrongSecondFactor
    | TwoFactorNotActive
    | TooManyAuthenticators
    | TooManyAttempts,
    strawberry.union(
        "AddAuthenticatorResult",
        description="The first step. Continue with `confirmOtp`, which returns `AuthenticatorAdded`.",
    ),
]

RemoveAuthenticatorResult: TypeAlias = Annotated[
    AuthenticatorRemoved
    | WrongPassword
    | AuthenticatorNotFound
    | LastAuthenticator
    | TwoFactorNotActive
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "RemoveAuthenticatorResult",
        description="The viewer without the authenticator, or a user error. After a user error, nothing has changed.",
    ),
]

RequiredSecondFactor = Annotated[
    SecondFactorInput,
    strawberry.argument(
        description=(
            "An OTP of an authenticator in force, or a backup code, whatever the rule of the company account. It is "
            "used up if it is right."
        )
    ),
]
ReplacedAuthenticator = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description=(
            "The `id` of the authenticator to replace. If it is omitted or null, the new one replaces all, which is "
            "right for users with one."
        )
    ),
]
AuthenticatorId = Annotated[
    strawberry.ID, strawberry.argument(description="The `id` of one of the viewer's `authenticators`.")
]
AuthenticatorName = Annotated[
    str,
    strawberry.argument(
        description=(
            f"How the user calls it, for example by its device, at most {AUTHENTICATOR_NAME_MAX_LENGTH} characters. "
            "White space around it is removed. An empty text gives no name. A longer one, and control characters, give "
            "the error `BAD_USER_INPUT`."
        )
    ),
]


@strawberry.type
class AuthenticatorsMutation:
    """Change the authenticators of a user whose 2FA is active."""

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=True,
        description=(
            "Starts to move the viewer's 2FA to a new device, also while 2FA is enforced. 2FA stays active, and the "
            "old authenticator works until `confirmOtp` with an OTP of the new one returns `AuthenticatorReplaced`. "
            "Backup codes stay valid. Replaces an unfinished activation of the viewer."
        ),
    )
    def start_authenticator_replacement(
        self,
        info: Info,
        viewer: Viewer,
        password: OwnPassword,
        second_factor: RequiredSecondFactor,
        authenticator_id: ReplacedAuthenticator = strawberry.UNSET,
    ) -> StartAuthenticatorReplacementResult | None:
        """The first step of a replacement."""
        require_valid_scales(info.selected_fields)
        sent_id = value_or_none(authenticator_id)
        return twofactor.authenticators.start_replacement(
            info.context.services,
            info.context.client,
            viewer,
            password,
            EnteredSecondFactor(*kind_and_text(second_factor)),
            None if sent_id is None else ids.decode_as(EnrolledAuthenticator, sent_id) or ids.UNKNOWN,
        )

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=True,
        description=(
            "Starts to add another authenticator, for example on a tablet. The others stay in force. A user has at "
            "most 5 authenticators. Replaces an unfinished activation of the viewer."
        ),
    )
    def add_authenticator(
        self,
        info: Info,
        viewer: Viewer,
        password: OwnPassword,
        second_factor: RequiredSecondFactor,
        name: AuthenticatorName,
    ) -> AddAuthenticatorResult | None:
        """The first step of an addition."""
        require_valid_scales(info.selected_fields)
        return twofactor.authenticators.start_addition(
            info.context.services,
            info.context.client,
            viewer,
            password,
            EnteredSecondFactor(*kind_and_text(second_factor)),
            name,
        )

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=True,
        description=(
            "Removes one of the viewer's authenticators, for example that of a lost device, while another one is left. "
            "Ends the user's other sessions and sends an email."
        ),
    )
    def remove_authenticator(
        self,
        info: Info,
        viewer: Viewer,
        id: AuthenticatorId,  # noqa: A002  # the name in the contract
        password: OwnPassword,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> RemoveAuthenticatorResult | None:
        """Remove one of the viewer's authenticators."""
        return twofactor.authenticators.remove_authenticator(
            info.context.services,
            info.context.client,
            viewer,
            ids.decode_as(EnrolledAuthenticator, id),
            password,
            second_factor=entered_second_factor(second_factor),
        )
