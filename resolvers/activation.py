"""Activate 2FA step by step."""

from accounts.errors import InvalidInputError
from resolvers.context import Context
from resolvers.qr_rendering import PNG_SCALE_MAX, QrCode
from twofactor import activation
from twofactor.activation import BackupCodesIssued, TwoFactorActivated, TwoFactorActivation


async def start(context: Context, password: str) -> TwoFactorActivation:
    """Start an activation, also if the viewer has to set up 2FA first."""
    viewer = await context.fresh_viewer()
    return await activation.start_activation(context.services, context.client, viewer, password)


async def confirm_otp(context: Context, activation_id: str, otp: str) -> BackupCodesIssued | TwoFactorActivated:
    """Confirm with an OTP that the authenticator app is set up."""
    viewer = await context.fresh_viewer()
    return await activation.confirm_otp(context.services, context.client, viewer, activation_id, otp)


async def acknowledge_backup_codes(context: Context, activation_id: str) -> TwoFactorActivated:
    """Confirm that the user stored the backup codes."""
    viewer = await context.fresh_viewer()
    return await activation.acknowledge_backup_codes(context.services, context.client, viewer, activation_id)


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
