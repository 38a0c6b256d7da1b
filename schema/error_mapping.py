"""How clients see a domain error: as a user error in the mutation's union, or as a top-level error with a code."""

import dataclasses

from strawberry.types.field import StrawberryField

from models.database import DatabaseUnavailable
from schema import user_errors
from schema.info import Info
from schema.messages import message
from schema.user_errors import UserError
from twofactor import errors
from twofactor.errors import TwoFactorError

# Errors that a correct client has to handle: the mutation returns them as a member of its union.
USER_ERRORS: dict[type[TwoFactorError], type[UserError]] = {
    errors.WrongEmailOrPasswordError: user_errors.WrongEmailOrPassword,
    errors.WrongPasswordError: user_errors.WrongPassword,
    errors.WrongSecondFactorError: user_errors.WrongSecondFactor,
    errors.WrongOtpError: user_errors.WrongOtp,
    errors.ChallengeExpiredError: user_errors.ChallengeExpired,
    errors.ActivationExpiredError: user_errors.ActivationExpired,
    errors.SecondFactorLockedError: user_errors.SecondFactorLocked,
    errors.OtpNotConfirmedError: user_errors.OtpNotConfirmed,
    errors.TwoFactorAlreadyActiveError: user_errors.TwoFactorAlreadyActive,
    errors.TwoFactorNotActiveError: user_errors.TwoFactorNotActive,
    errors.TwoFactorIsEnforcedError: user_errors.TwoFactorIsEnforced,
    errors.BackupCodesDisabledError: user_errors.BackupCodesDisabled,
    errors.UserNotFoundError: user_errors.UserNotFound,
    errors.CannotResetOwnTwoFactorError: user_errors.CannotResetOwnTwoFactor,
    errors.SessionNotFoundError: user_errors.SessionNotFound,
    errors.PasswordTooWeakError: user_errors.PasswordTooWeak,
    errors.TooManyAttemptsError: user_errors.TooManyAttempts,
}

# Errors that a correct client does not cause, or can only retry later: `extensions.code` of a top-level error.
TOP_LEVEL_CODES: dict[type[Exception], str] = {
    errors.UnauthenticatedError: "UNAUTHENTICATED",
    errors.ForbiddenError: "FORBIDDEN",
    errors.TwoFactorSetupRequiredError: "TWO_FACTOR_SETUP_REQUIRED",
    errors.InvalidInputError: "BAD_USER_INPUT",
    errors.OverloadedError: "SERVICE_UNAVAILABLE",
    DatabaseUnavailable: "SERVICE_UNAVAILABLE",
}


class UserErrorHandler:
    """Makes a union member of one kind of domain error, wherever the union of the field has it."""

    def __init__(self, exception_type: type[TwoFactorError], error_type: type[UserError]) -> None:
        self.exception_type = exception_type
        self.error_type = error_type

    def handle(self, exception: TwoFactorError, *, field: StrawberryField, info: Info) -> UserError:  # noqa: ARG002
        """The member, with the facts of the error and a message in the language of the request."""
        names = (each.name for each in dataclasses.fields(self.error_type) if each.name != "message")
        facts = {name: getattr(exception, name) for name in names}
        return self.error_type(message=message(self.error_type.__name__, info.context.client.locale, facts), **facts)


def user_error_handlers() -> list[UserErrorHandler]:
    """One for each row of the table."""
    return [UserErrorHandler(*row) for row in USER_ERRORS.items()]
