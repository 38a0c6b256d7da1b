"""Login in one or two steps, logout, and the logged-in user."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

import accounts.entities
import accounts.sessions
import twofactor.login
from models import SecondFactorMethod, SessionTransport
from resolvers import login, users
from schema import ids
from schema.arguments import SecondFactorInput, kind_and_text, value_or_none
from schema.fields import Access, mutation, query
from schema.info import Info
from schema.sessions import Session
from schema.type_mapping import describe_enum, maps_from
from schema.user_errors import (
    ChallengeExpired,
    SecondFactorLocked,
    TooManyAttempts,
    WrongEmailOrPassword,
    WrongSecondFactor,
)
from schema.users import User

describe_enum(
    SessionTransport,
    "How the client stores its session. The client chooses at `login`, and `verifyLogin` keeps the choice.",
    {
        SessionTransport.TOKEN: (
            "For mobile apps and servers: the response contains `sessionToken`, and the client sends it as "
            "`Authorization: Bearer <sessionToken>`."
        ),
        SessionTransport.COOKIE: (
            "For web pages: the server sets an HttpOnly cookie, which scripts cannot read, and `sessionToken` is null. "
            "A page of another site than the API gets the error `BAD_USER_INPUT`, since its browser stores no cookie."
        ),
    },
)


@maps_from(
    accounts.sessions.LoggedIn,
    description=(
        "The user is logged in, with a new session. Use the fetch policy `no-cache` or an equivalent: the token must "
        "not stay in a cache."
    ),
)
class LoggedIn:
    """A session started."""

    @strawberry.field(
        description=(
            "The session token, which the server returns once. Send it as `Authorization: Bearer …` and store it in "
            "the keychain of the device. Null with the transport `COOKIE`, because the browser stores the cookie."
        )
    )
    def session_token(self, logged_in: strawberry.Parent[accounts.sessions.LoggedIn]) -> str | None:
        """The token, if the client has to store it."""
        return login.session_token(logged_in)

    @strawberry.field(
        description=(
            "The token of this device, if the client asked for one by `rememberDevice` and the device was not known. "
            "Store it in the keychain of the device, apart from the session, and send it to `login` as `deviceToken`. "
            "Null with the transport `COOKIE`, because the browser stores the cookie."
        )
    )
    def device_token(self, logged_in: strawberry.Parent[accounts.sessions.LoggedIn]) -> str | None:
        """The device token, if the client has to store it."""
        return login.device_token(logged_in)

    session: Session = strawberry.field(description="The new session. `User.sessions` includes it from now on.")
    viewer: User = strawberry.field(
        description="The user who logged in. Check `twoFactor.setupRequired` before you show any other page."
    )


@maps_from(
    twofactor.login.SecondFactorRequired,
    description=(
        "Email and password are correct, and the account has active 2FA: ask for the second factor. The user is not "
        "logged in yet: there is no session and no cookie."
    ),
)
class SecondFactorRequired:
    """The login requires a second factor."""

    challenge_token: str = strawberry.field(
        description=(
            "Send it to `verifyLogin`. It grants no access by itself and works for one login. It stays valid after "
            "wrong attempts and waits. Store it only until `expiresAt`, in memory or in the session storage of a tab."
        )
    )
    expires_at: datetime = strawberry.field(
        description="When the challenge expires, 5 minutes after `login`. After that, log in again."
    )
    methods: list[SecondFactorMethod] = strawberry.field(
        description=(
            "The second factors that the user can enter, OTP first. Show the backup code link only if the list has "
            "`BACKUP_CODE`: it is missing if backup codes are off or all used. Waits and locks do not change the list."
        )
    )


@maps_from(
    accounts.sessions.LoggedOut,
    description=(
        "Nobody is logged in any more. Clear the caches, delete the stored token and show the login page. The server "
        "deletes the session cookie if there was one."
    ),
)
class LoggedOut:
    """The session, if there was one, ended."""

    @strawberry.field(description="The id of the session that ended; null if the request had no valid session.")
    def session_id(self, logged_out: strawberry.Parent[accounts.sessions.LoggedOut]) -> strawberry.ID | None:
        """The session that ended."""
        return ids.encode(accounts.entities.Session, logged_out.session_id) if logged_out.session_id else None


LoginResult: TypeAlias = Annotated[
    LoggedIn | SecondFactorRequired | WrongEmailOrPassword | TooManyAttempts,
    strawberry.union(
        "LoginResult",
        description=(
            "The first step of a login. With `LoggedIn` the login is complete; with `SecondFactorRequired` the second "
            "step follows. With any other member the user is not logged in."
        ),
    ),
]

VerifyLoginResult: TypeAlias = Annotated[
    LoggedIn | WrongSecondFactor | ChallengeExpired | SecondFactorLocked | TooManyAttempts,
    strawberry.union(
        "VerifyLoginResult",
        description=(
            "The second step of a login. On `WrongSecondFactor` and `TooManyAttempts`, stay on the page. On "
            "`SecondFactorLocked`, offer the other method. On `ChallengeExpired`, go back to the first step."
        ),
    ),
]

Email = Annotated[
    str,
    strawberry.argument(
        description=(
            "The email that the user typed, without surrounding spaces. Upper and lower case are equal. An "
            "internationalised domain may have either form: `bücher.example` or `xn--bcher-kva.example`, as browsers "
            "send it."
        )
    ),
]
LoginPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            "The password as the user typed it: do not trim it and do not change its case. The server normalises it to "
            "Unicode NFC, so that one password typed on two systems is the same."
        )
    ),
]
Transport = Annotated[
    SessionTransport,
    strawberry.argument(description="How this client stores its session: `COOKIE` in a browser, otherwise `TOKEN`."),
]
DeviceToken = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "A `deviceToken` of an earlier login on this device. The attempts of a known device have a count of their "
            "own, so that strangers cannot make it wait. The second factor is required all the same. A token that is "
            "not known has no effect. A browser sends its cookie instead."
        )
    ),
]
RememberDevice = Annotated[
    bool,
    strawberry.argument(
        description=(
            "For the transport `TOKEN`: whether `LoggedIn.deviceToken` shall return a token if this device is not "
            "known. With `COOKIE`, the browser always gets one in a cookie."
        )
    ),
]
ChallengeToken = Annotated[
    str, strawberry.argument(description="The `challengeToken` that `login` returned, at most 5 minutes old.")
]
SecondFactor = Annotated[
    SecondFactorInput,
    strawberry.argument(description="What the user entered: either an OTP or a backup code, never both."),
]


@strawberry.type
class LoginQuery:
    """Read the logged-in user."""

    @query(
        Access.ANYONE,
        description=(
            "The logged-in user; null without an error if nobody is logged in. If the request has a token of a session "
            "that has ended, `extensions.session` of the answer is `ENDED`. Query it first when the app starts. A "
            "user who has to set up 2FA can read all fields that cannot be null; the others are null, with the error "
            "`TWO_FACTOR_SETUP_REQUIRED`."
        ),
    )
    def viewer(self, info: Info) -> User | None:
        """The logged-in user."""
        return users.viewer(info.context)


@strawberry.type
class LoginMutation:
    """Log in and out."""

    @mutation(
        Access.ANYONE,
        uses_attempt=True,
        description=(
            "Logs in with email and password. Returns a session, or a challenge for `verifyLogin` if 2FA is active. "
            "A wrong pair uses one attempt. After 5 wrong ones in a row the email has to wait, whether it exists or "
            "not; a correct pair resets the count. A known device has a count of its own, and is forgotten when 5 "
            "attempts in a row fail on it, passwords and second factors together. If a challenge that was opened on an "
            "unknown device expires unused, the server sends the user an email, at most one email a day. Requires no "
            "session. A completed login with the transport `COOKIE` ends the session that was in the cookie."
        ),
    )
    def login(  # noqa: PLR0913, PLR0917  # the arguments of the mutation
        self,
        info: Info,
        email: Email,
        password: LoginPassword,
        transport: Transport = SessionTransport.TOKEN,
        device_token: DeviceToken = strawberry.UNSET,
        remember_device: RememberDevice = False,  # noqa: FBT002  # an argument of GraphQL
    ) -> LoginResult | None:
        """The first step of a login."""
        return login.log_in(
            info.context,
            email,
            password,
            transport,
            device_token=value_or_none(device_token),
            remember_device=remember_device,
        )

    @mutation(
        Access.ANYONE,
        uses_attempt=True,
        description=(
            "Completes a login with an OTP or, in an emergency, a backup code. A wrong one uses one attempt of its "
            "kind, and the challenge stays valid. After 5 wrong ones in a row this kind has to wait; at 100 it is "
            "locked. Sends an email for each used backup code, another email if two or fewer are left, and at most one "
            "email a day about a series of failures."
        ),
    )
    def verify_login(
        self, info: Info, challenge_token: ChallengeToken, second_factor: SecondFactor
    ) -> VerifyLoginResult | None:
        """The second step of a login."""
        kind, text = kind_and_text(second_factor)
        return login.verify_login(info.context, challenge_token, kind=kind, text=text)

    @mutation(
        Access.ANYONE,
        uses_attempt=False,
        description=(
            "Logs out: ends the session of the request and deletes its cookie. It never returns a user error. It also "
            "works without a session, with an expired one, and while the user has to set up 2FA."
        ),
    )
    def logout(self, info: Info) -> LoggedOut | None:
        """End the session of the request."""
        return login.log_out(info.context)
