"""The authenticator apps of the help page, with their app store pages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuthenticatorApp:
    """An app that generates one-time passwords."""

    name: str
    app_store_url: str
    play_store_url: str


AUTHENTICATOR_APPS = (
    AuthenticatorApp(
        "Google Authenticator",
        "https://apps.apple.com/us/app/google-authenticator/id388497605",
        "https://play.google.com/store/apps/details?id=com.google.android.apps.authenticator2",
    ),
    AuthenticatorApp(
        "Microsoft Authenticator",
        "https://apps.apple.com/us/app/microsoft-authenticator/id983156458",
        "https://play.google.com/store/apps/details?id=com.azure.authenticator",
    ),
    AuthenticatorApp(
        "Authy",
        "https://apps.apple.com/us/app/authy/id494168017",
        "https://play.google.com/store/apps/details?id=com.authy.authy",
    ),
)
