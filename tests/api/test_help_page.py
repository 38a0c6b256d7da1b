"""The help page for users, sentence by sentence: the life of an account over HTTP, with real emails."""

import models
from tests.api.conftest import ADDRESS, ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, two_factor
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.mail_servers import text_of
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    ADMIN_RESET_TWO_FACTOR,
    AUTHENTICATOR_APPS,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    FEATURE_FLAGS,
    LOGIN,
    LOGOUT,
    START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE,
    UPDATE_SECURITY_POLICY,
    VERIFY_LOGIN,
)
from tests.support.users import PASSWORD, WRONG_PASSWORD


class Browser:
    """A user in a browser. Each method returns what the page shows."""

    def __init__(self, client: Api, email: str) -> None:
        self.client = client
        self.email = email
        self.challenge_token = ""
        self.activation_id = ""

    async def click(self, operation: str, **variables: object) -> dict[str, object]:
        """Execute an operation and return its root field."""
        return await self.client.execute_one(operation, **variables)

    async def log_in(self) -> tuple[object, object]:
        """Enter email and password and click Login. Return the next step and its second factors."""
        shown = await self.click(LOGIN, email=self.email, password=PASSWORD, transport="COOKIE")
        self.challenge_token = str(shown.get("challengeToken"))
        return shown["__typename"], shown.get("methods")

    async def verify_login(self, **second_factor: str) -> object:
        """Enter a second factor and click Verify."""
        entered = {"challengeToken": self.challenge_token, "secondFactor": second_factor}
        return (await self.click(VERIFY_LOGIN, **entered))["__typename"]

    async def log_out(self) -> None:
        """Click Logout."""
        assert (await self.click(LOGOUT))["__typename"] == "LoggedOut"

    async def two_factor(self) -> object:
        """Return the status at the top of the Security tab."""
        state = await two_factor(self.client)
        return {shown: state[shown] for shown in ("state", "enforced", "backupCodesRemaining")}

    async def open_activation_page(self) -> dict[str, object]:
        """Click Activate 2FA, enter the password and click Continue."""
        shown = await self.click(START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE, password=PASSWORD)
        self.activation_id = str(shown.get("activationId"))
        return shown


def scan(page: dict[str, object]) -> Authenticator:
    """Scan the QR code on the activation page with the authenticator."""
    qr_code = page["qrCode"]
    assert isinstance(qr_code, dict)
    app = Authenticator.scan(qr_code["svg"])
    assert app == Authenticator.scan(qr_code["pngDataUri"])
    return app


async def test_behaves_as_the_help_page_says(  # noqa: PLR0915  # it follows the whole page
    member: models.User, logged_in_admin: ApiUser, new_client: ClientFactory, clock: Clock, side_effects: SideEffects
) -> None:
    """Follows the help page from top to bottom."""
    browser = Browser(new_client(), member.email)
    await side_effects()

    # Prerequisite: the authenticator apps with links to both stores.
    assert await browser.log_in() == ("LoggedIn", None)
    apps = (await browser.client.data(AUTHENTICATOR_APPS))["authenticatorApps"]
    assert [app["name"] for app in apps] == [
        "Google Authenticator",
        "Microsoft Authenticator",
        "Authy",
    ]
    for app in apps:
        assert app["appStoreUrl"].startswith("https://apps.apple.com/us/app/")
        assert app["playStoreUrl"].startswith("https://play.google.com/store/apps/details?id=")
    assert await browser.click(FEATURE_FLAGS) == {"backupCodes": True}

    # Activate: the Security tab shows the status, and the password is required before the activation page opens.
    assert await browser.two_factor() == {"state": "INACTIVE", "enforced": False, "backupCodesRemaining": None}
    assert (await browser.click(START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE, password=WRONG_PASSWORD))[
        "__typename"
    ] == "WrongPassword"
    activation = await browser.open_activation_page()

    # Scanning the QR code and entering the key both set up the app, which then generates OTPs.
    phone = scan(activation)
    assert phone.key == activation["key"]
    assert (phone.issuer, phone.account_name) == ("Countersign", member.email)

    # After an OTP, the backup codes appear on the page and as a file. 2FA is inactive and there is no email until the
    # user confirms that they are stored.
    issued = await browser.click(CONFIRM_OTP, activationId=browser.activation_id, otp=phone.otp(clock.now))
    codes, file = issued["codes"], issued["file"]
    assert isinstance(codes, list)
    assert isinstance(file, dict)
    assert len(codes) == len({*codes}) == 10
    assert {len(code) for code in codes} == {10}
    assert set(codes) <= set(file["content"].split())
    assert await side_effects() == (
        ["BACKUP_CODES_ISSUED", "LOGIN_SUCCEEDED", "REAUTHENTICATION_FAILED", "TWO_FACTOR_ACTIVATION_STARTED"],
        [],
    )

    # "I securely stored my backup codes." Activate 2FA: "You will receive an email".
    acknowledged = await browser.click(ACKNOWLEDGE_BACKUP_CODES, activationId=browser.activation_id)
    assert acknowledged["__typename"] == "TwoFactorActivated"
    events, (email,) = await side_effects()
    assert events == ["TWO_FACTOR_ACTIVATED"]
    assert email["To"].addresses[0].addr_spec == member.email
    assert email["Subject"] == "Two-factor authentication is active"
    assert ADDRESS in text_of(email)
    assert await browser.two_factor() == {"state": "ACTIVE", "enforced": False, "backupCodesRemaining": 10}

    # "From now on, you will need both your login credentials and an OTP to log in."
    await browser.log_out()
    assert await browser.log_in() == ("SecondFactorRequired", ["OTP", "BACKUP_CODE"])
    assert not await is_logged_in(browser.client)
    assert await browser.verify_login(otp=phone.otp(clock.now)) == "WrongSecondFactor", "the activation used it"

    # "Each OTP is valid for 30 seconds only, then the app generates a new one." "Simply enter a new OTP."
    old = phone.otp(clock.now + TIME_STEP)
    clock.advance(3 * TIME_STEP)
    assert phone.otp(clock.now) != old
    assert await browser.verify_login(otp=old) == "WrongSecondFactor"
    assert await browser.verify_login(otp=phone.otp(clock.now)) == "LoggedIn"

    # Log in with a backup code in an emergency: "you can use each backup code only once".
    await browser.log_out()
    await browser.log_in()
    await side_effects()
    assert await browser.verify_login(backupCode=codes[0]) == "LoggedIn"
    _, (email,) = await side_effects()
    assert "You have 9 backup codes left." in text_of(email)
    await browser.log_out()
    await browser.log_in()
    assert await browser.verify_login(backupCode=codes[0]) == "WrongSecondFactor"

    # Without the device and codes, an admin deactivates 2FA. "You will then be able to log in to your account without
    # an OTP and reset your 2FA settings."
    reason = "Lost device and codes"
    reset = await Browser(logged_in_admin.client, logged_in_admin.user.email).click(
        ADMIN_RESET_TWO_FACTOR, userId=f"user_{member.id.hex}", password=PASSWORD, reason=reason
    )
    assert reset["__typename"] == "TwoFactorReset"
    _, (email,) = await side_effects()
    assert f"Reason: {reason}" in text_of(email)
    assert await browser.verify_login(backupCode=codes[1]) == "ChallengeExpired"
    assert await browser.log_in() == ("LoggedIn", None)
    lost = phone
    phone = scan(await browser.open_activation_page())
    assert phone.key != lost.key
    await browser.click(CONFIRM_OTP, activationId=browser.activation_id, otp=phone.otp(clock.now))
    await browser.click(ACKNOWLEDGE_BACKUP_CODES, activationId=browser.activation_id)
    await side_effects()

    # A new personal device: deactivate with the password and activate again. "You will receive an email that informs
    # you about the 2FA deactivation. From now on, you can log in again without using an OTP."
    assert (await browser.click(DEACTIVATE_TWO_FACTOR, password=WRONG_PASSWORD))["__typename"] == "WrongPassword"
    assert (await browser.click(DEACTIVATE_TWO_FACTOR, password=PASSWORD))["__typename"] == "TwoFactorDeactivated"
    _, (email,) = await side_effects()
    assert email["Subject"] == "Two-factor authentication is no longer active"
    # "Check your account together with an admin from your company. Consider changing your password."
    text = " ".join(text_of(email).split())
    assert "Check your account together with an admin from your company. Consider changing your password." in text
    await browser.log_out()
    assert await browser.log_in() == ("LoggedIn", None)

    # "If you don't see the backup codes, they have been deactivated for your company account."
    admin = Browser(logged_in_admin.client, logged_in_admin.user.email)
    assert (await admin.click(UPDATE_SECURITY_POLICY, password=PASSWORD, backupCodesEnabled=False))[
        "__typename"
    ] == "SecurityPolicyUpdated"
    phone = scan(await browser.open_activation_page())
    confirmed = await browser.click(CONFIRM_OTP, activationId=browser.activation_id, otp=phone.otp(clock.now))
    assert confirmed["__typename"] == "TwoFactorActivated"
    await side_effects()

    # "If 2FA has been enforced on your account, you cannot deactivate it."
    assert (await admin.click(UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=True))[
        "__typename"
    ] == "SecurityPolicyUpdated"
    assert (await browser.click(DEACTIVATE_TWO_FACTOR, password=PASSWORD))["__typename"] == "TwoFactorIsEnforced"
    assert await browser.two_factor() == {"state": "ACTIVE", "enforced": True, "backupCodesRemaining": None}
    assert await side_effects() == (["SECURITY_POLICY_CHANGED"], [])
