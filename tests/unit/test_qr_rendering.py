"""QR codes: a reader gets the text back from every format."""

import base64
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from resolvers.qr_rendering import PNG_SCALE_MAX, QrCode
from tests.support.authenticator import read_qr_code

TEXT = "otpauth://totp/Countersign:ada@acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Countersign"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300))
@settings(max_examples=20)
def test_svg_and_png_contain_the_text(text: str) -> None:
    """The text can be any text that a URI can be."""
    assert read_qr_code(QrCode(text).svg()) == text
    assert read_qr_code(QrCode(text).png_data_uri(4)) == text


@pytest.mark.parametrize("scale", [1, 8, PNG_SCALE_MAX])
def test_png_is_readable_at_every_scale(scale: int) -> None:
    """The smallest scale is one pixel for each module."""
    assert read_qr_code(QrCode(TEXT).png_data_uri(scale)) == TEXT


def test_png_has_a_quiet_zone_of_four_white_modules() -> None:
    """ISO/IEC 18004 §6.3.8. A dark page does not affect it."""
    encoded = QrCode(TEXT).png_data_uri(1).partition(",")[2]
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA")
    size = image.width
    dark = [(x, y) for x in range(size) for y in range(size) if image.getpixel((x, y)) != (255, 255, 255, 255)]

    assert min(min(point) for point in dark) == 4
    assert max(max(point) for point in dark) == size - 5


def test_svg_data_uri_has_the_namespace_once() -> None:
    """Without the namespace an image element shows nothing."""
    svg = base64.b64decode(QrCode(TEXT).svg_data_uri().partition(",")[2]).decode()

    assert svg.count('xmlns="http://www.w3.org/2000/svg"') == 1
    assert svg.startswith("<svg ")
