"""The help page for users, sentence by sentence: one whole life of an account, over HTTP, with real letters."""

import models
from tests.api.conftest import Aftermath
from tests.api.steps import ADDRESS, STEP, WRONG_PASSWORD, Connect, Person, text_of
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock

LOGIN = """
    mutation Login($email: String!, $password: String!) {
        login(email: $email, password: $password, transport: COOKIE) {
            __typename ... on SecondFactorRequired { challengeToken methods }
        }
    }"""
VERIFY = """
    mutation Verify($challengeToken: String!, $secondFactor: SecondFactorInput!) {
        verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) { __typename }
    }"""
LOGOUT = "mutation Logout { logout { __typename } }"
SECURITY_TAB = "query SecurityTab { viewer { twoFactor { state enforced backupCodesRemaining } } }"
APPS = "query Apps { authenticatorApps { name appStoreUrl playStoreUrl } featureFlags { backupCodes } }"
START = """
    mutation Start($password: String!) {
        startTwoFactorActivation(password: $password) {
            __typename ... on TwoFactorActivation { activationId key qrCode { svg pngDataUri } }
        }
    }"""
CONFIRM = """
    mutation Confirm($activationId: ID!, $otp: String!) {
        confirmOtp(activationId: $activationId, otp: $otp) {
            __typename ... on BackupCodesIssued { codes file { name content } }
        }
    }"""
ACKNOWLEDGE = """
    mutation Acknowledge($activationId: ID!) {
        acknowledgeBackupCodes(activationId: $activationId) { __typename }
    }"""
DEACTIVATE = "mutation Deactivate($password: String!) { deactivateTwoFactor(password: $password) { __typename } }"
RESET = """
    mutation Reset($userId: ID!, $password: String!, $reason: String) {
        adminResetTwoFactor(userId: $userId, password: $password, reason: $reason) { __typename }
    }"""
POLICY = """
    mutation Policy($password: String!, $enforced: Boolean, $codes: Boolean) {
        updateSecurityPolicy(password: $password, twoFactorEnforced: $enforced, backupCodesEnabled: $codes) {
            __typename
        }
    }"""


class Browser:
    """A person at a browser: what they see after each click."""

    def __init__(self, device: Api, email: str) -> None:
        self.device = device
        self.email = email
        self.challenge_token = ""
        self.activation_id = ""

    async def click(self, operation: str, **variables: object) -> dict[str, object]:
        """What a click brings."""
        (shown,) = (await self.device.data(operation, variables)).values()
        assert isinstance(shown, dict)
        return shown

    async def log_in(self) -> tuple[object, object]:
        """Enter email and password and click Login: what comes next, and which ways there are."""
        shown = await self.click(LOGIN, email=self.email, password=PASSWORD)
        self.challenge_token = str(shown.get("challengeToken"))
        return shown["__typename"], shown.get("methods")

    async def verify(self, **second_factor: str) -> object:
        """Enter a second factor and click Verify."""
        entered = {"challengeToken": self.challenge_token, "secondFactor": second_factor}
        return (await self.click(VERIFY, **entered))["__typename"]

    async def log_out(self) -> None:
        """Click Logout."""
        assert (await self.click(LOGOUT))["__typename"] == "LoggedOut"

    async def two_factor(self) -> object:
        """The status at the top of the Security tab."""
        return (await self.click(SECURITY_TAB))["twoFactor"]

    async def open_activation_page(self) -> dict[str, object]:
        """Click Activate 2FA, enter the password, click Continue."""
        shown = await self.click(START, password=PASSWORD)
        self.activation_id = str(shown.get("activationId"))
        return shown


def scan(page: dict[str, object]) -> Authenticator:
    """Point the app at the QR code on the activation page."""
    qr_code = page["qrCode"]
    assert isinstance(qr_code, dict)
    app = Authenticator.scan(qr_code["svg"])
    assert app == Authenticator.scan(qr_code["pngDataUri"])
    return app


async def test_the_life_of_a_user(  # noqa: PLR0915  # a life is long
    member: models.User, ada: Person, connect: Connect, clock: Clock, aftermath: Aftermath
) -> None:
    """What the help page says the system does, in its order."""
    browser = Browser(connect(), member.email)
    await aftermath()

    # Prerequisite: the authenticator apps with their links to both stores.
    assert await browser.log_in() == ("LoggedIn", None)
    page = await browser.device.data(APPS)
    assert [app["name"] for app in page["authenticatorApps"]] == [
        "Google Authenticator",
        "Microsoft Authenticator",
        "Authy",
    ]
    for app in page["authenticatorApps"]:
        assert app["appStoreUrl"].startswith("https://apps.apple.com/us/app/")
        assert app["playStoreUrl"].startswith("https://play.google.com/store/apps/details?id=")
    assert page["featureFlags"] == {"backupCodes": True}

    # Activate: the Security tab shows the status; the password is asked for before the activation page opens.
    assert await browser.two_factor() == {"state": "INACTIVE", "enforced": False, "backupCodesRemaining": None}
    assert (await browser.click(START, password=WRONG_PASSWORD))["__typename"] == "WrongPassword"
    activation = await browser.open_activation_page()

    # The app scans the QR code, or takes the key: either sets it up, and it starts generating OTPs.
    phone = scan(activation)
    assert phone.key == activation["key"]
    assert (phone.issuer, phone.account_name) == ("Countersign", member.email)

    # An OTP, and then the backup codes, shown and as a file; nothing is active and no email sent until they are stored.
    issued = await browser.click(CONFIRM, activationId=browser.activation_id, otp=phone.otp(clock.now))
    codes, file = issued["codes"], issued["file"]
    assert isinstance(codes, list)
    assert isinstance(file, dict)
    assert len(codes) == len({*codes}) == 10
    assert {len(code) for code in codes} == {10}
    assert set(codes) <= set(file["content"].split())
    assert await aftermath() == (
        ["BACKUP_CODES_ISSUED", "LOGIN_SUCCEEDED", "REAUTHENTICATION_FAILED", "TWO_FACTOR_ACTIVATION_STARTED"],
        [],
    )

    # "I securely stored my backup codes." Activate 2FA: "You will receive an email".
    acknowledged = await browser.click(ACKNOWLEDGE, activationId=browser.activation_id)
    assert acknowledged["__typename"] == "TwoFactorActivated"
    events, (letter,) = await aftermath()
    assert events == ["TWO_FACTOR_ACTIVATED"]
    assert letter["To"].addresses[0].addr_spec == member.email
    assert letter["Subject"] == "Two-factor authentication is active"
    assert ADDRESS in text_of(letter)
    assert await browser.two_factor() == {"state": "ACTIVE", "enforced": False, "backupCodesRemaining": 10}

    # "From now on, you will need both your login credentials and an OTP to log in."
    await browser.log_out()
    assert await browser.log_in() == ("SecondFactorRequired", ["OTP", "BACKUP_CODE"])
    assert (await browser.device.data("{ viewer { id } }"))["viewer"] is None
    assert await browser.verify(otp=phone.otp(clock.now)) == "WrongSecondFactor", "used for the activation"

    # "Each OTP is valid for 30 seconds only, then the app generates a new one." "Simply enter a new OTP."
    old = phone.otp(clock.now + STEP)
    clock.advance(3 * STEP)
    assert phone.otp(clock.now) != old
    assert await browser.verify(otp=old) == "WrongSecondFactor"
    assert await browser.verify(otp=phone.otp(clock.now)) == "LoggedIn"

    # Log in with a backup code, in an emergency; "you can use each backup code only once".
    await browser.log_out()
    await browser.log_in()
    await aftermath()
    assert await browser.verify(backupCode=codes[0]) == "LoggedIn"
    _, (letter,) = await aftermath()
    assert "You have 9 backup codes left." in text_of(letter)
    await browser.log_out()
    await browser.log_in()
    assert await browser.verify(backupCode=codes[0]) == "WrongSecondFactor"

    # Without device and codes, an admin deactivates 2FA: "You will then be able to log in to your account without an
    # OTP and reset your 2FA settings."
    reason = "Lost device and codes"
    reset = await Browser(ada.device, ada.user.email).click(
        RESET, userId=f"user_{member.id.hex}", password=PASSWORD, reason=reason
    )
    assert reset["__typename"] == "TwoFactorReset"
    _, (letter,) = await aftermath()
    assert f"Reason: {reason}" in text_of(letter)
    assert await browser.verify(backupCode=codes[1]) == "ChallengeExpired"
    assert await browser.log_in() == ("LoggedIn", None)
    lost = phone
    phone = scan(await browser.open_activation_page())
    assert phone.key != lost.key
    await browser.click(CONFIRM, activationId=browser.activation_id, otp=phone.otp(clock.now))
    await browser.click(ACKNOWLEDGE, activationId=browser.activation_id)
    await aftermath()

    # A new personal device: deactivate, with the password, and activate again. "You will receive an email that informs
    # you about the 2FA deactivation. From now on, you can log in again without using an OTP."
    assert (await browser.click(DEACTIVATE, password=WRONG_PASSWORD))["__typename"] == "WrongPassword"
    assert (await browser.click(DEACTIVATE, password=PASSWORD))["__typename"] == "TwoFactorDeactivated"
    _, (letter,) = await aftermath()
    assert letter["Subject"] == "Two-factor authentication is no longer active"
    # "Check your account together with an admin from your company. Consider changing your password."
    text = " ".join(text_of(letter).split())
    assert "Check your account together with an admin from your company. Consider changing your password." in text
    await browser.log_out()
    assert await browser.log_in() == ("LoggedIn", None)

    # "If you don't see the backup codes, they have been deactivated for your company account."
    admin = Browser(ada.device, ada.user.email)
    assert (await admin.click(POLICY, password=PASSWORD, codes=False))["__typename"] == "SecurityPolicyUpdated"
    phone = scan(await browser.open_activation_page())
    confirmed = await browser.click(CONFIRM, activationId=browser.activation_id, otp=phone.otp(clock.now))
    assert confirmed == {"__typename": "TwoFactorActivated"}
    await aftermath()

    # "If 2FA has been enforced on your account, you cannot deactivate it."
    assert (await admin.click(POLICY, password=PASSWORD, enforced=True))["__typename"] == "SecurityPolicyUpdated"
    assert (await browser.click(DEACTIVATE, password=PASSWORD))["__typename"] == "TwoFactorIsEnforced"
    assert await browser.two_factor() == {"state": "ACTIVE", "enforced": True, "backupCodesRemaining": None}
    assert await aftermath() == (["SECURITY_POLICY_CHANGED"], [])
