"""An authenticator app: reads a QR code or takes a key, and makes OTPs. It shares no code with the product.

The QR codes are read by ZXing, SVG is drawn by resvg, and the OTPs come from oathtool.
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
    """One entry of the app."""

    key: str = field(repr=False)
    issuer: str = ""
    account_name: str = ""

    @classmethod
    def scan(cls, picture: bytes | str) -> Self:
        """Read the QR code in a picture: PNG, an `<svg>` element, or either as a `data:` URI.

        Raises:
            ValueError: There is not exactly one readable code, or it says no TOTP that every app makes.
        """
        return cls.parse(read_qr_code(picture))

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read an otpauth URI (Key URI Format).

        Raises:
            ValueError: It is no TOTP that every app makes.
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
        """What the app shows at an instant."""
        step = int(now.timestamp()) // PERIOD_S
        # oathtool takes 0 for "the present".
        assert step > 0
        return str(oathtool.generate_otp(self.key, step))

    def wrong_otp(self, now: datetime) -> str:
        """Six digits that are right neither at an instant nor in the time steps around it."""
        steps = (int(now.timestamp()) // PERIOD_S + drift for drift in range(-2, 3))
        right = {str(oathtool.generate_otp(self.key, step)) for step in steps}
        return next(otp for otp in (f"{number:06}" for number in range(len(right) + 1)) if otp not in right)


def read_qr_code(picture: bytes | str) -> str:
    """The text of the QR code in a picture: PNG, an `<svg>` element, or either as a `data:` URI.

    Raises:
        ValueError: There is not exactly one readable QR code.
    """
    if isinstance(picture, str) and picture.startswith("data:"):
        media_type, _, encoded = picture.removeprefix("data:").partition(";base64,")
        content = base64.b64decode(encoded, validate=True)
        assert media_type in {"image/png", "image/svg+xml"}
        picture = content if media_type == "image/png" else content.decode()
    if isinstance(picture, str):
        picture = bytes(resvg_py.svg_to_bytes(svg_string=picture, skip_system_fonts=True))
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as image:
        codes = zxingcpp.read_barcodes(
            image.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    (code,) = codes
    return str(code.text)
