"""Render the QR code of an activation."""

from accounts.errors import InvalidInputError
from resolvers.context import Context
from resolvers.qr_rendering import PNG_SCALE_MAX, QrCode


async def svg(context: Context, code: QrCode) -> str:
    """Render a QR code as SVG."""
    return await context.qr_renderer.run(code.svg)


async def svg_data_uri(context: Context, code: QrCode) -> str:
    """Render a QR code as SVG in a `data:` URI."""
    return await context.qr_renderer.run(code.svg_data_uri)


async def png_data_uri(context: Context, code: QrCode, scale: int) -> str:
    """Render a QR code as PNG in a `data:` URI.

    Raises:
        InvalidInputError: The scale is not from 1 to `PNG_SCALE_MAX`.
    """
    if not 1 <= scale <= PNG_SCALE_MAX:
        raise InvalidInputError("scale", f"from 1 to {PNG_SCALE_MAX}")
    return await context.qr_renderer.run(code.png_data_uri, scale)
