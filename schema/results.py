"""What became of a mutation when it did what was asked."""

# A field is declared with its GraphQL type, and its resolver gives the facts that this type claims (`schema.twins`).
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated

import strawberry

from models import SecondFactorMethod
from resolvers import activation, sign_in
from schema import ids, types
from schema.info import Info
from schema.twins import twin_of
from schema.users import User
from twofactor import results

_VIEWER = "The viewer as they are now. Select its `id` and what your screens show, so that a cache updates them."
_CODES = (
    "A set of 10 codes of 10 characters each, in capitals and digits. Show them once, and keep them in no cache, "
    "store or log. Each replaces an OTP at one sign-in."
)
_FILE = "The codes as a file, for a Download button. It holds the same secrets as `codes`."


@twin_of(
    results.LoggedIn,
    description=(
        "The user is signed in, with a session that did not exist before. Use the fetch policy `no-cache` or its "
        "like: the token must not stay in a cache."
    ),
)
class LoggedIn:
    """A session began."""

    @strawberry.field(
        description=(
            "The key to the session, given this once: send it as `Authorization: Bearer …` and keep it in the "
            "keychain of the device. Null with the transport `COOKIE`, where the browser holds it."
        )
    )
    def session_token(self, logged_in: strawberry.Parent[results.LoggedIn]) -> str | None:
        """The token, where the client has to carry it."""
        return sign_in.session_token(logged_in)

    session: types.Session = strawberry.field(description="The new session, as `User.sessions` lists it from now on.")
    viewer: User = strawberry.field(
        description="Who signed in. Look at `twoFactor.setupRequired` before anything else is shown."
    )


@twin_of(
    results.SecondFactorRequired,
    description=(
        "Email and password were right, and the account has 2FA: ask for the second factor next. Nothing is open yet; "
        "no session, no cookie."
    ),
)
class SecondFactorRequired:
    """The second factor is missing."""

    challenge_token: str = strawberry.field(
        description=(
            "Hand it to `verifyLogin`. It opens nothing by itself, works for one sign-in, and survives wrong entries "
            "and waits. Keep it in memory alone."
        )
    )
    expires_at: datetime = strawberry.field(
        description="When it is too late to finish, 5 minutes after `login`; then log in anew."
    )
    methods: list[SecondFactorMethod] = strawberry.field(
        description=(
            "What the account can be opened with, OTP first. Offer the link for backup codes only where it lists "
            "`BACKUP_CODE`: it is missing where they are off or all used. Waits and locks do not show here."
        )
    )


@twin_of(
    results.LoggedOut,
    description=(
        "Nobody is signed in any more: drop caches and the stored token, and show the login screen. The cookie, if "
        "there was one, is taken back."
    ),
)
class LoggedOut:
    """The session is over, if there was one."""

    @strawberry.field(
        description="The id of the session that ended; null where the request carried none that was good."
    )
    def session_id(self, logged_out: strawberry.Parent[results.LoggedOut]) -> strawberry.ID | None:
        """The session that ended."""
        return ids.encode(results.Session, logged_out.session_id) if logged_out.session_id else None


@twin_of(
    results.SessionRevoked,
    description=(
        "The session is over, wherever it was in use: its next request is anonymous. If it was the current one, this "
        "client is signed out."
    ),
)
class SessionRevoked:
    """A session was ended."""

    @strawberry.field(description="The id that was asked for: evict it from the cache.")
    def session_id(self, revoked: strawberry.Parent[results.SessionRevoked]) -> strawberry.ID:
        """The session that ended."""
        return ids.encode(results.Session, revoked.session_id)

    viewer: User = strawberry.field(description="The viewer, whose `sessions` are those that are left.")


@twin_of(
    results.QrCode,
    description=(
        "The key of an activation as a picture for the authenticator app to scan, black on white with its quiet zone. "
        "Show it on light ground, and never log or cache it: whoever scans it can make the user's OTPs."
    ),
)
class QrCode:
    """A QR code."""

    @strawberry.field(description="A complete `<svg>` element, to be put into a page as markup. Scales freely.")
    async def svg(self, info: Info, code: strawberry.Parent[results.QrCode]) -> str:
        """A drawing."""
        return await activation.svg(info.context, code)

    @strawberry.field(description="The same drawing as a `data:image/svg+xml` URI, for the source of an image.")
    async def svg_data_uri(self, info: Info, code: strawberry.Parent[results.QrCode]) -> str:
        """A drawing that is a URI."""
        return await activation.svg_data_uri(info.context, code)

    @strawberry.field(
        description=(
            "A bitmap as a `data:image/png` URI, for native apps that cannot draw SVG. Drawn only when selected."
        )
    )
    async def png_data_uri(
        self,
        info: Info,
        code: strawberry.Parent[results.QrCode],
        scale: Annotated[
            int,
            strawberry.argument(
                description=(
                    "How many pixels wide each little square is, from 1 to 20. Any other number gives the error "
                    "`BAD_USER_INPUT`, and the whole answer with it is lost."
                )
            ),
        ] = 8,
    ) -> str:
        """A PNG."""
        return await activation.png_data_uri(info.context, code, scale)


@twin_of(
    results.TwoFactorActivation,
    description=(
        "An activation that waits for the first OTP. The secret is shown this once and never again; a client that "
        "lost it starts over. It has no field `id`, so that a normalising cache drops it with the answer."
    ),
)
class TwoFactorActivation:
    """An activation that is under way."""

    activation_id: strawberry.ID = strawberry.field(
        description="Hand it to `confirmOtp`. It is good for this viewer alone, and no id for `node`."
    )
    key: str = strawberry.field(
        description=(
            "The secret as base32 without padding, for users who cannot scan. Show it in groups of four; the apps "
            "ignore spaces."
        )
    )
    otpauth_uri: str = strawberry.field(
        description=(
            "The `otpauth://totp/…` link that the QR code says: SHA-1, 6 digits, 30 seconds. On a phone, make it a "
            "link that opens the app."
        )
    )
    issuer: str = strawberry.field(
        description="The product's name, under which the app files the entry. Show it as a hint."
    )
    account_name: str = strawberry.field(description="The email of the user, by which the app tells entries apart.")
    qr_code: QrCode = strawberry.field(
        description="The same link to scan with another device, drawn in the form that you select."
    )
    expires_at: datetime = strawberry.field(
        description=(
            "When the activation ends unless it is finished, acknowledgement included: 10 minutes after it began."
        )
    )


@twin_of(
    results.TextFile,
    description=(
        "A small text for the client to save as a file. It holds secrets: offer it for download, store it nowhere else."
    ),
)
class TextFile:
    """A small text file."""

    name: str = strawberry.field(description="The file name to suggest, plain ASCII with its extension.")
    mime_type: str = strawberry.field(
        description="Always `text/plain; charset=utf-8`, for the Blob or the save dialogue."
    )
    content: str = strawberry.field(description="What stands in the file, line breaks included.")


@twin_of(
    results.BackupCodesIssued,
    description=(
        "The OTP was right. Let the user store these codes, and only then call `acknowledgeBackupCodes`: 2FA stays "
        "inactive until that. They are shown this once."
    ),
)
class BackupCodesIssued:
    """The backup codes of an activation, this once."""

    activation_id: strawberry.ID = strawberry.field(
        description="Hand it to `acknowledgeBackupCodes`; it is the one that `startTwoFactorActivation` gave."
    )
    codes: list[str] = strawberry.field(description=_CODES)
    file: TextFile = strawberry.field(description=_FILE)
    expires_at: datetime = strawberry.field(
        description="Until when the acknowledgement has to come, else the codes are void: 10 minutes after the start."
    )


@twin_of(
    results.BackupCodesRegenerated,
    description=(
        "A fresh set of backup codes in place of the old one, of which none works any more. A letter tells the user; "
        "their sessions go on."
    ),
)
class BackupCodesRegenerated:
    """New backup codes, this once."""

    codes: list[str] = strawberry.field(description=_CODES)
    file: TextFile = strawberry.field(description=_FILE)
    viewer: User = strawberry.field(description=_VIEWER)


@twin_of(
    results.TwoFactorActivated,
    description=(
        "From now on signing in takes a second factor. A letter tells the user, and every session of theirs but this "
        "one has ended."
    ),
)
class TwoFactorActivated:
    """2FA is active."""

    viewer: User = strawberry.field(description=_VIEWER)
    two_factor: types.TwoFactor = strawberry.field(
        description="The viewer's 2FA with `state` ACTIVE. To update a cached viewer, select `viewer { id twoFactor }`."
    )


@twin_of(
    results.TwoFactorDeactivated,
    description=(
        "Email and password are enough again. Key and backup codes are deleted, a letter tells the user, and every "
        "session of theirs but this one has ended."
    ),
)
class TwoFactorDeactivated:
    """2FA is inactive."""

    viewer: User = strawberry.field(description=_VIEWER)
    two_factor: types.TwoFactor = strawberry.field(
        description=(
            "The viewer's 2FA with `state` INACTIVE. To update a cached viewer, select `viewer { id twoFactor }`."
        )
    )


@twin_of(
    results.TwoFactorReset,
    description=(
        "The user can sign in with email and password alone, and all their sessions have ended. A letter tells them "
        "who did it. Where 2FA is enforced, they have to activate it again first thing."
    ),
)
class TwoFactorReset:
    """2FA of another user is inactive."""

    user: User = strawberry.field(description="The user who was helped, with `twoFactor.state` INACTIVE.")


@twin_of(
    results.SecurityPolicyUpdated,
    description=(
        "The rules hold from the next request of every user on. Nobody is signed out, and what was begun may be "
        "finished. The answer is the same where nothing had to change."
    ),
)
class SecurityPolicyUpdated:
    """The rules are in force."""

    company: types.Company = strawberry.field(description="The company account with the rules as they are now.")


@twin_of(
    results.PasswordChanged,
    description=(
        "Only the new password works. A letter tells the user, and every session of theirs but this one has ended, as "
        "has any sign-in or activation that was half done."
    ),
)
class PasswordChanged:
    """The new password is in force."""

    viewer: User = strawberry.field(description=_VIEWER)
