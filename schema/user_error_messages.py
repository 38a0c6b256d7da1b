"""The messages of user errors in English and German. Programs must read `__typename` instead."""

DEFAULT_LANGUAGE = "en"

# By GraphQL type, then by language. A name in braces is a field of this type.
MESSAGES: dict[str, dict[str, str]] = {
    "WrongEmailOrPassword": {
        "en": "This email and password do not match an account.",
        "de": "Zu dieser E-Mail-Adresse und diesem Passwort gibt es kein Konto.",
    },
    "WrongPassword": {
        "en": "This password is wrong. Attempts left before you have to wait: {attempts_remaining}.",
        "de": "Dieses Passwort ist falsch. Verbleibende Versuche bis zu einer Wartezeit: {attempts_remaining}.",
    },
    "WrongSecondFactor": {
        "en": (
            "This code is wrong, expired or already used. Attempts left before you have to wait: {attempts_remaining}."
        ),
        "de": (
            "Dieser Code ist falsch, abgelaufen oder schon benutzt. "
            "Verbleibende Versuche bis zu einer Wartezeit: {attempts_remaining}."
        ),
    },
    "WrongOtp": {
        "en": (
            "This one-time password is wrong, expired or already used. "
            "Attempts left before you have to start again: {attempts_remaining}."
        ),
        "de": (
            "Dieses Einmalpasswort ist falsch, abgelaufen oder schon benutzt. "
            "Verbleibende Versuche bis zu einem Neubeginn: {attempts_remaining}."
        ),
    },
    "ChallengeExpired": {
        "en": "This login took too long or has ended. Please log in again.",
        "de": "Diese Anmeldung hat zu lange gedauert oder ist beendet. Bitte melden Sie sich erneut an.",
    },
    "ActivationExpired": {
        "en": "This activation took too long or has ended. Please start again.",
        "de": "Diese Aktivierung hat zu lange gedauert oder ist beendet. Bitte beginnen Sie von vorn.",
    },
    "SecondFactorLocked": {
        "en": (
            "There were too many wrong codes. Please log in with your other method, or ask an admin to reset your 2FA."
        ),
        "de": (
            "Es gab zu viele falsche Codes. Bitte melden Sie sich mit der anderen Methode an, "
            "oder lassen Sie Ihre 2FA von einem Admin zurücksetzen."
        ),
    },
    "OtpNotConfirmed": {
        "en": "Please enter a one-time password from your authenticator app first.",
        "de": "Bitte geben Sie zuerst ein Einmalpasswort aus Ihrer Authenticator-App ein.",
    },
    "TwoFactorAlreadyActive": {
        "en": "2FA is already active. To use a new device, deactivate it first.",
        "de": "2FA ist bereits aktiv. Um ein neues Gerät zu verwenden, deaktivieren Sie sie zuerst.",
    },
    "TwoFactorNotActive": {
        "en": "2FA is not active.",
        "de": "2FA ist nicht aktiv.",
    },
    "TwoFactorIsEnforced": {
        "en": "Your company requires 2FA, so it cannot be deactivated.",
        "de": "Ihr Unternehmen schreibt 2FA vor, deshalb lässt sie sich nicht deaktivieren.",
    },
    "BackupCodesDisabled": {
        "en": "Backup codes are deactivated for your company.",
        "de": "Backup-Codes sind für Ihr Unternehmen deaktiviert.",
    },
    "UserNotFound": {
        "en": "There is no such user in your company.",
        "de": "In Ihrem Unternehmen gibt es diesen Benutzer nicht.",
    },
    "CannotResetOwnTwoFactor": {
        "en": "You cannot reset your own 2FA. Deactivate it, or ask another admin.",
        "de": (
            "Sie können Ihre eigene 2FA nicht zurücksetzen. Deaktivieren Sie sie, oder bitten Sie einen anderen Admin."
        ),
    },
    "SessionNotFound": {
        "en": "This session has already ended.",
        "de": "Diese Sitzung ist bereits beendet.",
    },
    "PasswordTooWeak": {
        "en": "This password is too easy to guess. Use at least {minimum_length} characters that nobody would expect.",
        "de": (
            "Dieses Passwort ist zu leicht zu erraten. "
            "Verwenden Sie mindestens {minimum_length} Zeichen, mit denen niemand rechnet."
        ),
    },
    "TooManyAttempts": {
        "en": "There were too many attempts. Please wait a moment and try again.",
        "de": "Es gab zu viele Versuche. Bitte warten Sie einen Moment und versuchen Sie es dann erneut.",
    },
}


def message(type_name: str, locale: str, values: dict[str, object]) -> str:
    """Return the message of a user error in the language of a BCP 47 tag, or in English if it is not supported."""
    languages = MESSAGES[type_name]
    language = locale.partition("-")[0].lower()
    return languages.get(language, languages[DEFAULT_LANGUAGE]).format_map(values)
