"""An authenticator app that reads a QR code or a key and computes OTPs. It shares no code with the product.

ZXing reads the QR codes, resvg renders SVG, and oathtool computes the OTPs.
"""

import base64
import io
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import oathtool
import resvg_py
import zxingcpp
from PIL import Image

PERIOD_S = 30


@dataclass(frozen=True)
class Authenticator:
    """One account in the app."""

    key: str = field(repr=False)
    issuer: str = ""
    account_name: str = ""

    @classmethod
    def scan(cls, image_data: bytes | str) -> Self:
        """Read the QR code in an image: PNG, an `<svg>` element, or one of them as a `data:` URI.

        Raises:
            ValueError: The image does not have exactly one readable code, or not all apps support its parameters.
        """
        return cls.parse(read_qr_code(image_data))

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read an otpauth URI (Key URI Format).

        Raises:
            ValueError: It is not the URI of a TOTP secret, or not all apps support its parameters.
        """
        parts = urlsplit(uri)
        parameters = parse_qs(parts.query, strict_parsing=True)
        issuer, _, account_name = unquote(parts.path.removeprefix("/")).partition(":")
        expected = {"algorithm": ["SHA1"], "digits": ["6"], "period": [str(PERIOD_S)], "issuer": [issuer]}
        if (parts.scheme, parts.netloc) != ("otpauth", "totp") or parts.fragment:
            message = "not an otpauth URI of a TOTP"
            raise ValueError(message)
        if len(parameters.pop("secret")) != 1 or parameters != expected:
            message = f"unusual parameters: {parameters}"
            raise ValueError(message)
        return cls(parse_qs(parts.query)["secret"][0], issuer, account_name)

    def otp(self, now: datetime) -> str:
        """Return the OTP at this time."""
        step = int(now.timestamp()) // PERIOD_S
        # oathtool uses the system time if the step is 0.
        assert step > 0
        return str(oathtool.generate_otp(self.key, step))

    def wrong_otp(self, now: datetime) -> str:
        """Return six digits that are wrong at this time and in the three time steps before and after it."""
        steps = (int(now.timestamp()) // PERIOD_S + drift for drift in range(-3, 4))
        right_otps = {str(oathtool.generate_otp(self.key, step)) for step in steps}
        return next(otp for otp in (f"{number:06}" for number in range(len(right_otps) + 1)) if otp not in right_otps)


NO_AUTHENTICATOR = Authenticator("")


def read_qr_code(image_data: bytes | str) -> str:
    """Return the text of the QR code in an image: PNG, an `<svg>` element, or one of them as a `data:` URI.

    Raises:
        ValueError: The image does not have exactly one readable QR code.
    """
    if isinstance(image_data, str) and image_data.startswith("data:"):
        media_type, _, encoded = image_data.removeprefix("data:").partition(";base64,")
        content = base64.b64decode(encoded, validate=True)
        assert media_type in {"image/png", "image/svg+xml"}
        image_data = content if media_type == "image/png" else content.decode()
    if isinstance(image_data, str):
        image_data = bytes(resvg_py.svg_to_bytes(svg_string=image_data, skip_system_fonts=True))
    with Image.open(io.BytesIO(image_data), formats=["PNG"]) as image:
        codes = zxingcpp.read_barcodes(
            image.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    (code,) = codes
    return str(code.text)
