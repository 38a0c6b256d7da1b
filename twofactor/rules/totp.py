"""Time-based one-time passwords (RFC 6238)."""

import base64
import re
from datetime import datetime
from urllib.parse import quote, urlencode

import pyotp

from twofactor.rules.policy import OTP_DIGITS, OTP_DRIFT_STEPS, OTP_PERIOD_S

WELL_FORMED_OTP = re.compile(rf"[0-9]{{{OTP_DIGITS}}}", re.ASCII)


def is_well_formed_otp(otp: str) -> bool:
    """Whether `otp` is six ASCII digits.

    Checked before anything else: pyotp itself would fold full-width digits, and fail on a lone surrogate.
    """
    return WELL_FORMED_OTP.fullmatch(otp) is not None


def matching_step(seed: bytes, otp: str, now: datetime) -> int | None:
    """The newest time step, at most one from that of `now`, whose OTP is `otp`; None where there is none.

    Steps count 30 seconds each from the Unix epoch (RFC 6238 §4.2). The newest is taken where two steps share their
    digits, so that using it up uses up the older one as well.
    """
    totp = pyotp.TOTP(key(seed), digits=OTP_DIGITS, interval=OTP_PERIOD_S)
    present_step = step_at(now)
    newest_first = range(present_step + OTP_DRIFT_STEPS, present_step - OTP_DRIFT_STEPS - 1, -1)
    # Each is compared, so that the time does not tell which it was, or whether it was any.
    matching = [step for step in newest_first if step >= 0 and pyotp.utils.strings_equal(totp.generate_otp(step), otp)]
    return matching[0] if matching else None


def step_at(now: datetime) -> int:
    """The time step that `now` falls into."""
    return int(now.timestamp()) // OTP_PERIOD_S


def key(seed: bytes) -> str:
    """The seed as authenticator apps take it from a keyboard: base32 (RFC 4648 §6) without padding."""
    return base64.b32encode(seed).decode("ascii").rstrip("=")


def otpauth_uri(seed: bytes, *, issuer: str, account_name: str) -> str:
    """The seed as authenticator apps take it from a QR code (Key URI Format).

    The issuer stands twice, as prefix of the label and as parameter, because the apps disagree on which they read.
    Every space is `%20`: some apps show a `+` as it is. A colon would end the issuer early, so it becomes a space.
    """
    issuer = issuer.replace(":", " ").strip()
    label = f"{quote(issuer, safe='')}:{quote(account_name.replace(':', ' '), safe='@')}"
    parameters = {
        "secret": key(seed),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": OTP_DIGITS,
        "period": OTP_PERIOD_S,
    }
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote, safe='')}"
