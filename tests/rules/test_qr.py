"""QR codes: what a reader reads is what was written, on a white ground of their own."""

import base64
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.authenticator import read_qr_code
from twofactor.rules import qr

TEXT = "otpauth://totp/Countersign:ada@acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Countersign"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300))
@settings(max_examples=20)
def test_is_read_back(text: str) -> None:
    """Any text that a URI can be, as SVG and as PNG."""
    assert read_qr_code(qr.svg(qr.qr_code(text))) == text
    assert read_qr_code(qr.png_data_uri(qr.qr_code(text), 4)) == text


@pytest.mark.parametrize("scale", [1, 8, qr.PNG_SCALE_MAX])
def test_is_read_at_every_scale(scale: int) -> None:
    """From one pixel a module on."""
    assert read_qr_code(qr.png_data_uri(qr.qr_code(TEXT), scale)) == TEXT


def test_has_a_quiet_zone_of_four_white_modules() -> None:
    """ISO/IEC 18004 §6.3.8, also where the page around it is dark."""
    encoded = qr.png_data_uri(qr.qr_code(TEXT), 1).partition(",")[2]
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA")
    size = image.width
    dark = [(x, y) for x in range(size) for y in range(size) if image.getpixel((x, y)) != (255, 255, 255, 255)]

    assert min(min(place) for place in dark) == 4
    assert max(max(place) for place in dark) == size - 5


def test_data_uri_names_the_namespace_once() -> None:
    """An image element draws no SVG without it."""
    svg = base64.b64decode(qr.svg_data_uri(qr.svg(qr.qr_code(TEXT))).partition(",")[2]).decode()

    assert svg.count('xmlns="http://www.w3.org/2000/svg"') == 1
    assert svg.startswith("<svg ")
