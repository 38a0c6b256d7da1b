"""Logging in and out, and the signed-in user."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from models import SecondFactorMethod, SessionTransport
from resolvers import login, users
from schema import ids
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
from twofactor import results

describe_enum(
    SessionTransport,
    "Where the client keeps its session. Chosen at `login`, and kept through `verifyLogin`.",
    {
        SessionTransport.TOKEN: (
            "For mobile apps and servers: `sessionToken` is in the answer, and the client sends it as "
            "`Authorization: Bearer <sessionToken>`."
        ),
        SessionTransport.COOKIE: (
            "For web pages: the session comes in an HttpOnly cookie that no script can read, and `sessionToken` is "
            "null."
        ),
    },
)


@strawberry.input(
    one_of=True,
    description=(
        "The proof that `verifyLogin` asks for. Give exactly one of the two; both, none or null is refused before the "
        "operation runs."
    ),
)
class SecondFactorInput:
    """The second factor: exactly one of the two."""

    otp: strawberry.Maybe[str] = strawberry.field(
        description=(
            "What the authenticator app shows: six ASCII digits, no spaces. Keep the leading zeros. Good for its own "
            "30 seconds and one step either way, and only once."
        )
    )
    backup_code: strawberry.Maybe[str] = strawberry.field(
        description=(
            "A stored backup code of ten characters, as the user types it: case, spaces and dashes do not matter, and "
            "O, I and L are read as 0, 1 and 1. Good only once."
        )
    )


@maps_from(
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
        return login.session_token(logged_in)

    session: Session = strawberry.field(description="The new session, as `User.sessions` lists it from now on.")
    viewer: User = strawberry.field(
        description="Who signed in. Look at `twoFactor.setupRequired` before anything else is shown."
    )


@maps_from(
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


@maps_from(
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


LoginResult: TypeAlias = Annotated[
    LoggedIn | SecondFactorRequired | WrongEmailOrPassword | TooManyAttempts,
    strawberry.union(
        "LoginResult",
        description=(
            "The first step of signing in: done with `LoggedIn`, on to the second factor with `SecondFactorRequired`. "
            "With any other name the user is still outside."
        ),
    ),
]


VerifyLoginResult: TypeAlias = Annotated[
    LoggedIn | WrongSecondFactor | ChallengeExpired | SecondFactorLocked | TooManyAttempts,
    strawberry.union(
        "VerifyLoginResult",
        description=(
            "The second step of signing in. Stay on the page with `WrongSecondFactor` and `TooManyAttempts`, offer the "
            "other method with `SecondFactorLocked`, and go back to the first step with `ChallengeExpired`."
        ),
    ),
]


Email = Annotated[
    str,
    strawberry.argument(
        description="What the user typed as their email, without spaces around it. Capitals do not matter."
    ),
]


LoginPassword = Annotated[
    str,
    strawberry.argument(
        description="What the user typed as their password, character for character: trim nothing, change no case."
    ),
]


Transport = Annotated[
    SessionTransport,
    strawberry.argument(
        description="How this client will carry its session: `COOKIE` in a browser, `TOKEN` anywhere else."
    ),
]


ChallengeToken = Annotated[
    str, strawberry.argument(description="The `challengeToken` that `login` answered with, not older than 5 minutes.")
]


SecondFactor = Annotated[
    SecondFactorInput,
    strawberry.argument(description="What the user entered: an OTP, or instead of it a backup code, never both."),
]


@strawberry.type
class LoginQuery:
    """Read who is signed in."""

    @strawberry.field(
        description=(
            "Who is signed in; null, without an error, where nobody is. Ask for it first when the app starts. A user "
            "who has to set up 2FA sees `id`, `email`, `name`, `role`, `company` and `twoFactor` here, and the other "
            "fields give the error `TWO_FACTOR_SETUP_REQUIRED`."
        )
    )
    def viewer(self, info: Info) -> User | None:
        """The signed-in user."""
        return users.viewer(info.context)


@strawberry.type
class LoginMutation:
    """Log in and out."""

    @strawberry.field(
        description=(
            "Signs in by email and password. Answers with a session, or with a challenge for `verifyLogin` where 2FA "
            "is active. A wrong pair costs an attempt; after 5 in a row the email has to wait, whether it exists or "
            "not. A right one starts the count over. Needs no session, and ends none that the client had."
        )
    )
    def login(
        self,
        info: Info,
        email: Email,
        password: LoginPassword,
        transport: Transport = SessionTransport.TOKEN,
    ) -> LoginResult | None:
        """The first step of signing in."""
        return login.log_in(info.context, email, password, transport)

    @strawberry.field(
        description=(
            "Finishes a sign-in by an OTP, or in an emergency by a backup code. A wrong one costs an attempt of that "
            "kind and leaves the challenge good; after 5 in a row that kind has to wait, and at 100 it stops. A used "
            "backup code is told by letter, as are the last two left and, once a day at most, a row of failures."
        )
    )
    def verify_login(
        self, info: Info, challenge_token: ChallengeToken, second_factor: SecondFactor
    ) -> VerifyLoginResult | None:
        """The second step of signing in."""
        return login.verify_login(
            info.context,
            challenge_token,
            otp=_value_or_none(second_factor.otp),
            backup_code=_value_or_none(second_factor.backup_code),
        )

    @strawberry.field(
        description=(
            "Signs out: the session of the request ends, and its cookie is taken back. It cannot be refused, also "
            "without a session, with one that is over, or while 2FA has to be set up."
        )
    )
    def logout(self, info: Info) -> LoggedOut | None:
        """The end of the session."""
        return login.log_out(info.context)


def _value_or_none(value: strawberry.Maybe[str]) -> str | None:
    """The one of a one-of that the client gave; None for the other."""
    return value.value if value else None
