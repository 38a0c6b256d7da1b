"""The mapping from domain errors to user errors and to codes of top-level errors."""

import dataclasses

from strawberry.types.field import StrawberryField

from accounts.errors import (
    ForbiddenError,
    InvalidInputError,
    PasswordTooWeakError,
    SecondFactorLockedError,
    SessionNotFoundError,
    TwoFactorSetupRequiredError,
    UnauthenticatedError,
    UserNotFoundError,
    WrongEmailOrPasswordError,
    WrongPasswordError,
)
from models.database import DatabaseUnavailable
from schema import user_errors
from schema.info import Info
from schema.user_error_messages import message
from security.errors import DomainError, OverloadedError, TooManyAttemptsError
from twofactor.errors import (
    ActivationExpiredError,
    BackupCodesDisabledError,
    CannotResetOwnTwoFactorError,
    ChallengeExpiredError,
    OtpNotConfirmedError,
    TwoFactorAlreadyActiveError,
    TwoFactorIsEnforcedError,
    TwoFactorNotActiveError,
    WrongOtpError,
    WrongSecondFactorError,
)

# Errors that a correct client has to handle. The mutation returns them as a member of its union.
USER_ERRORS: dict[type[DomainError], type[user_errors.UserError]] = {
    WrongEmailOrPasswordError: user_errors.WrongEmailOrPassword,
    WrongPasswordError: user_errors.WrongPassword,
    WrongSecondFactorError: user_errors.WrongSecondFactor,
    WrongOtpError: user_errors.WrongOtp,
    ChallengeExpiredError: user_errors.ChallengeExpired,
    ActivationExpiredError: user_errors.ActivationExpired,
    SecondFactorLockedError: user_errors.SecondFactorLocked,
    OtpNotConfirmedError: user_errors.OtpNotConfirmed,
    TwoFactorAlreadyActiveError: user_errors.TwoFactorAlreadyActive,
    TwoFactorNotActiveError: user_errors.TwoFactorNotActive,
    TwoFactorIsEnforcedError: user_errors.TwoFactorIsEnforced,
    BackupCodesDisabledError: user_errors.BackupCodesDisabled,
    UserNotFoundError: user_errors.UserNotFound,
    CannotResetOwnTwoFactorError: user_errors.CannotResetOwnTwoFactor,
    SessionNotFoundError: user_errors.SessionNotFound,
    PasswordTooWeakError: user_errors.PasswordTooWeak,
    TooManyAttemptsError: user_errors.TooManyAttempts,
}

# Errors that a correct client does not cause, or can only retry later. The value is the top-level `extensions.code`.
TOP_LEVEL_CODES: dict[type[Exception], str] = {
    UnauthenticatedError: "UNAUTHENTICATED",
    ForbiddenError: "FORBIDDEN",
    TwoFactorSetupRequiredError: "TWO_FACTOR_SETUP_REQUIRED",
    InvalidInputError: "BAD_USER_INPUT",
    OverloadedError: "SERVICE_UNAVAILABLE",
    DatabaseUnavailable: "SERVICE_UNAVAILABLE",
}


class UserErrorHandler:
    """Strawberry's exception handler for one domain error.

    Strawberry calls it if the union of the field has `error_type` as a member.
    """

    def __init__(self, exception_type: type[DomainError], error_type: type[user_errors.UserError]) -> None:
        self.exception_type = exception_type
        self.error_type = error_type

    def handle(
        self,
        exception: DomainError,
        *,
        field: StrawberryField,  # noqa: ARG002  # Strawberry passes it
        info: Info,
    ) -> user_errors.UserError:
        """Return the user error with the values of the domain error and a message in the language of the request."""
        names = (field.name for field in dataclasses.fields(self.error_type) if field.name != "message")
        values = {name: getattr(exception, name) for name in names}
        return self.error_type(message=message(self.error_type.__name__, info.context.client.locale, values), **values)


def user_error_handlers() -> list[UserErrorHandler]:
    """Return one handler for each row of `USER_ERRORS`."""
    return [UserErrorHandler(*row) for row in USER_ERRORS.items()]
