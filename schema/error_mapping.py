"""The mapping from domain errors to user errors and to codes of top-level errors."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import strawberry
from strawberry.types.field import StrawberryField

from accounts.errors import ForbiddenError, InvalidInputError, TwoFactorSetupRequiredError, UnauthenticatedError
from models.database import DatabaseUnavailable
from schema.info import Info
from security.errors import DomainError, OverloadedError

DEFAULT_LANGUAGE = "en"

# Errors that a correct client does not cause, or can only retry later. The value is the top-level `extensions.code`.
TOP_LEVEL_CODES: dict[type[Exception], str] = {
    UnauthenticatedError: "UNAUTHENTICATED",
    ForbiddenError: "FORBIDDEN",
    TwoFactorSetupRequiredError: "TWO_FACTOR_SETUP_REQUIRED",
    InvalidInputError: "BAD_USER_INPUT",
    OverloadedError: "SERVICE_UNAVAILABLE",
    DatabaseUnavailable: "SERVICE_UNAVAILABLE",
}

_MESSAGE = (
    "Text to show to the user, in English or German as the request's `Accept-Language` asks. The text may change at "
    "any time, so programs must not read it."
)


@strawberry.interface(
    description=(
        "An expected error that a correct client has to handle. Its `__typename` is its stable code. Handle the types "
        "that you know by name and treat any other type as a failure. A client with a cache matches `... on UserError` "
        "only against the possible types that it was built with."
    )
)
class UserError:
    """An expected error that a client has to handle."""

    message: str = strawberry.field(description=_MESSAGE)


UserErrorT = TypeVar("UserErrorT", bound=UserError)

# The user error of each domain error that a correct client has to handle.
USER_ERRORS: dict[type[DomainError], type[UserError]] = {}
# The messages of each user error by language.
MESSAGES: dict[type[UserError], dict[str, str]] = {}
# Other messages of some user errors, by the attribute of the domain error that selects them if it is true.
OTHER_MESSAGES: dict[type[UserError], dict[str, dict[str, str]]] = {}


def user_error(
    domain_error: type[DomainError], *, description: str, en: str, de: str, **others: dict[str, str]
) -> Callable[[type[UserErrorT]], type[UserErrorT]]:
    """Declare a user error, which a mutation returns as a member of its union if it raises the domain error.

    `en` and `de` are the messages in English and German. A name in braces is a field of the user error. `others` are
    the messages if an attribute of the domain error is true: `malformed={"en": …, "de": …}`.
    """

    def declare(cls: type[UserErrorT]) -> type[UserErrorT]:
        USER_ERRORS[domain_error] = cls
        MESSAGES[cls] = {"en": en, "de": de}
        OTHER_MESSAGES[cls] = others
        return strawberry.type(cls, description=description)

    return declare


def message(languages: dict[str, str], locale: str | None, values: dict[str, object]) -> str:
    """Return the message in the language of a BCP 47 tag, or in English if there is none or it is not supported."""
    language = (locale or DEFAULT_LANGUAGE).partition("-")[0].lower()
    return languages.get(language, languages[DEFAULT_LANGUAGE]).format_map(values)


class UserErrorHandler:
    """Strawberry's exception handler for one domain error.

    Strawberry calls it if the union of the field has `error_type` as a member.
    """

    def __init__(self, exception_type: type[DomainError], error_type: type[UserError]) -> None:
        self.exception_type = exception_type
        self.error_type = error_type

    def handle(
        self,
        exception: DomainError,
        *,
        field: StrawberryField,  # noqa: ARG002  # Strawberry passes it
        info: Info,
    ) -> UserError:
        """Return the user error with the values of the domain error and a message in the language of the request."""
        # Other fields have a resolver.
        names = (each.name for each in dataclasses.fields(self.error_type) if each.init and each.name != "message")
        values = {name: getattr(exception, name) for name in names}
        others = OTHER_MESSAGES[self.error_type].items()
        languages = next((each for name, each in others if getattr(exception, name)), MESSAGES[self.error_type])
        return self.error_type(message=message(languages, info.context.client.locale, values), **values)


def user_error_handlers() -> list[UserErrorHandler]:
    """Return one handler for each declared user error."""
    return [UserErrorHandler(*row) for row in USER_ERRORS.items()]
