"""Time-based one-time passwords (RFC 6238)."""

import base64
import re
from datetime import datetime
from urllib.parse import quote, urlencode

import pyotp

from security.constants import EMAIL_MAX_LENGTH, OTP_DIGITS, OTP_DRIFT_STEPS, OTP_PERIOD_S
from twofactor.factors.entered_code import without_separators

WELL_FORMED_OTP = re.compile(rf"[0-9]{{{OTP_DIGITS}}}", re.ASCII)


def normalise_otp(text: str) -> str | None:
    """Return the digits of the OTP that a user entered, or None if the text cannot be an OTP. Ignore separators."""
    otp = without_separators(text)
    return otp if otp is not None and is_well_formed_otp(otp) else None


def is_well_formed_otp(otp: str) -> bool:
    """Return whether the text is six ASCII digits.

    Call it before `matching_step`: pyotp accepts full-width digits and fails on a lone surrogate.
    """
    return WELL_FORMED_OTP.fullmatch(otp) is not None


def matching_step(secret: bytes, otp: str, now: datetime) -> int | None:
    """Return the time step that matches the OTP, or None. The step is at most one before or after that of `now`.

    Time steps count intervals of 30 seconds since the Unix epoch (RFC 6238 §4.2). If two steps have the same OTP,
    return the newer one, so that its use also uses the older one.
    """
    totp = pyotp.TOTP(key(secret), digits=OTP_DIGITS, interval=OTP_PERIOD_S)
    current_step = step_at(now)
    newest_first = range(current_step + OTP_DRIFT_STEPS, current_step - OTP_DRIFT_STEPS - 1, -1)
    # Compare every step, so that the response time does not reveal which one matches, or whether any does.
    matching = [step for step in newest_first if step >= 0 and pyotp.utils.strings_equal(totp.generate_otp(step), otp)]
    return matching[0] if matching else None


def is_otp_of_step(secret: bytes, otp: str, step: int) -> bool:
    """Return whether this is the OTP of a time step, whenever that is."""
    totp = pyotp.TOTP(key(secret), digits=OTP_DIGITS, interval=OTP_PERIOD_S)
    return pyotp.utils.strings_equal(totp.generate_otp(step), otp)


def step_at(now: datetime) -> int:
    """Return the time step of `now`."""
    return int(now.timestamp()) // OTP_PERIOD_S


def key(secret: bytes) -> str:
    """Return the TOTP secret as users type it into an authenticator app: base32 (RFC 4648 §6) without padding."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def otpauth_uri(secret: bytes, *, issuer: str, account_name: str) -> str:
    """Return the `otpauth://` URI that an authenticator app reads from a QR code (Key URI Format).

    The issuer is both a prefix of the label and a parameter, since some apps read only one of them. A space is `%20`,
    since some apps show a `+` as it is. A colon would end the issuer, so it becomes a space.

    The URI fits into a QR code. Users from before the limit of emails in bytes can have a longer email: it is cut off.
    """
    issuer = issuer.replace(":", " ").strip()
    account_name = account_name.encode()[:EMAIL_MAX_LENGTH].decode(errors="ignore")
    label = f"{quote(issuer, safe='')}:{quote(account_name.replace(':', ' '), safe='@')}"
    parameters = {
        "secret": key(secret),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": OTP_DIGITS,
        "period": OTP_PERIOD_S,
    }
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote, safe='')}"
