"""QR codes: black on a white quiet zone of their own, so that a dark page does not spoil them."""

import base64

import segno

# ISO/IEC 18004 §6.3.8: four modules of quiet zone.
QUIET_ZONE = 4
SVG_SCALE = 4
# Above it a picture is larger than any screen wants, and drawing it takes long.
PNG_SCALE_MAX = 20


def qr_code(text: str) -> segno.QRCode:
    """The modules that say `text`. Choosing the best of eight masks, as ISO/IEC 18004 §7.8 wants it, takes long."""
    return segno.make_qr(text, error="m")


def svg(code: segno.QRCode) -> str:
    """A whole `<svg>` element."""
    return code.svg_inline(scale=SVG_SCALE, border=QUIET_ZONE, dark="#000", light="#fff")


def svg_data_uri(svg: str) -> str:
    """An `<svg>` element as a `data:` URI; an image wants the namespace that an inline element may leave out."""
    if "xmlns=" not in svg:
        svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def png_data_uri(code: segno.QRCode, scale: int) -> str:
    """A PNG as a `data:` URI, `scale` pixels a module (1 to 20)."""
    return code.png_data_uri(scale=scale, border=QUIET_ZONE, dark="#000", light="#fff")
