"""The things that stand on their own: company accounts, sessions, where 2FA stands, and what is public."""

# Strawberry types its decorators as Any.
# mypy: disable-error-code="untyped-decorator"

from datetime import datetime

import strawberry

from models import SecondFactorMethod
from schema import ids
from schema.enums import TwoFactorState
from schema.twins import twin_of
from twofactor import results


@strawberry.interface(
    description=(
        "A thing with an id of its own, that `node` finds again. Its id is unique over all types, so a cache may key "
        "by it."
    )
)
class Node:
    """Something with an id of its own."""

    @strawberry.field(
        description=(
            "Keep it and hand it back as it is: its form may change, so do not take it apart. It is never given to "
            "anything else, and it opens nothing by itself."
        )
    )
    def id(
        self,
        thing: strawberry.Parent[results.Company | results.Session | results.User | results.SecurityEvent],
    ) -> strawberry.ID:
        """The opaque id."""
        return ids.encode(type(thing), thing.id)


@twin_of(
    results.Company,
    description=(
        "A company account: its users, and the two rules on 2FA that hold for all of them. Admins change the rules by "
        "`updateSecurityPolicy`; nobody sees a company account other than their own."
    ),
)
class Company(Node):
    """A company account."""

    name: str = strawberry.field(description="What the company is called, as people write it. At most 200 characters.")
    two_factor_enforced: bool = strawberry.field(
        description=(
            "True where every user must have 2FA: nobody can deactivate it, and whoever has not activated it yet can "
            "do little else until they have (see `TwoFactor.setupRequired`)."
        )
    )
    backup_codes_enabled: bool = strawberry.field(
        description=(
            "True where backup codes are in use. While false they are neither shown nor issued nor accepted; codes "
            "from before lie dormant, and work again when it turns true."
        )
    )


@twin_of(
    results.FeatureFlags,
    description=(
        "Which optional features the viewer's company account has on. Use it for wording and layout; the answers of "
        "the mutations decide what comes next, for a flag can change at any time."
    ),
)
class FeatureFlags:
    """What is on for a company account."""

    backup_codes: bool = strawberry.field(
        description=(
            "Whether to speak of backup codes at all. While false, `confirmOtp` activates at once, `verifyLogin` "
            "takes no backup code and `regenerateBackupCodes` answers `BackupCodesDisabled`."
        )
    )


@twin_of(
    results.AuthenticatorApp,
    description="An authenticator app that is known to work, for the first step of the activation page.",
)
class AuthenticatorApp:
    """An app that makes one-time passwords."""

    name: str = strawberry.field(description="The app's own name, for example `Google Authenticator`. Not translated.")
    app_store_url: str = strawberry.field(description="Its page in the Apple App Store, for iPhones and iPads.")
    play_store_url: str = strawberry.field(description="Its page in the Google Play Store, for Android devices.")


@twin_of(
    results.TwoFactor,
    description=(
        "How far a user's 2FA has come, and what their company account demands of it. It holds no secret: the key and "
        "the backup codes are shown once, by the mutations that make them."
    ),
)
class TwoFactor:
    """Where a user's 2FA stands."""

    @strawberry.field(
        description="Whether signing in takes a second factor. It turns active only when an activation is finished."
    )
    def state(self, two_factor: strawberry.Parent[results.TwoFactor]) -> TwoFactorState:
        """Whether 2FA is on."""
        return TwoFactorState.ACTIVE if two_factor.is_active else TwoFactorState.INACTIVE

    enforced: bool = strawberry.field(
        description=(
            "Whether the company account demands 2FA. While true, `deactivateTwoFactor` answers "
            "`TwoFactorIsEnforced`, so hide its button."
        )
    )
    setup_required: bool = strawberry.field(
        description=(
            "True where 2FA is demanded and not active: lead the user straight into the activation. Until it is "
            "finished, everything but the activation, `logout`, `featureFlags`, `authenticatorApps` and the viewer's "
            "id, email, name, role, company and twoFactor gives the error `TWO_FACTOR_SETUP_REQUIRED`."
        )
    )
    activated_at: datetime | None = strawberry.field(
        description="When the present activation was finished; null while 2FA is inactive."
    )
    last_used_at: datetime | None = strawberry.field(
        description=(
            "When an OTP or a backup code was last accepted at sign-in; null where none has been since the activation."
        )
    )
    backup_codes_remaining: int | None = strawberry.field(
        description=(
            "How many backup codes are unused, 0 to 10. Suggest `regenerateBackupCodes` when it gets low. Null while "
            "2FA is inactive or the company account has backup codes off."
        )
    )


@twin_of(
    results.Session,
    description=(
        "One device or browser in which the viewer is signed in. It ends by `logout` or `revokeSession`, after 7 days "
        "without use, after 30 days in any case, and by changes to password or 2FA that are made elsewhere."
    ),
)
class Session(Node):
    """A sign-in that is still good."""

    created_at: datetime = strawberry.field(description="When the sign-in was completed, second factor included.")
    last_seen_at: datetime = strawberry.field(
        description="When a request last came in it. It may lag behind by up to a minute."
    )
    expires_at: datetime = strawberry.field(
        description="When it ends however much it is used: 30 days after it began. It is not put off."
    )
    ip_address: str | None = strawberry.field(
        description="The address that the sign-in came from, IPv4 or IPv6; null where it is not known."
    )
    user_agent: str | None = strawberry.field(
        description=(
            "What the browser or app called itself at sign-in, at most 500 characters. Anybody can write anything "
            "there: escape it, and take no decision by it."
        )
    )
    current: bool = strawberry.field(
        description="True for the very session of this request: revoking it signs the viewer out here."
    )
    second_factor: SecondFactorMethod | None = strawberry.field(
        description="Which second factor opened it; null where 2FA was inactive and the password was enough."
    )


@twin_of(
    results.PageInfo,
    description="How a page lies in its list. Lists go forward only: to go back, keep the cursors of earlier pages.",
)
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = strawberry.field(
        description="True where the list goes on: ask again with `endCursor` as `after`."
    )
    has_previous_page: bool = strawberry.field(
        description="True where the page was asked for with a cursor in `after`."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the page's first edge; null where it has none."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the page's last edge, the `after` of the next page; null where it has none."
    )
