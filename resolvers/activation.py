"""Activating 2FA, step by step."""

from resolvers.context import Context
from twofactor import activation
from twofactor.errors import InvalidInputError
from twofactor.results import BackupCodesIssued, QrCode, TwoFactorActivated, TwoFactorActivation
from twofactor.rules.qr import PNG_SCALE_MAX


async def start(context: Context, password: str) -> TwoFactorActivation:
    """Begin an activation."""
    viewer = await context.acting_viewer()
    return await activation.start_activation(context.env, context.client, viewer, password)


async def confirm_otp(context: Context, activation_id: str, otp: str) -> BackupCodesIssued | TwoFactorActivated:
    """Prove that the authenticator app is set up."""
    viewer = await context.acting_viewer()
    return await activation.confirm_otp(context.env, context.client, viewer, activation_id, otp)


async def acknowledge_backup_codes(context: Context, activation_id: str) -> TwoFactorActivated:
    """Say that the backup codes are stored."""
    viewer = await context.acting_viewer()
    return await activation.acknowledge_backup_codes(context.env, context.client, viewer, activation_id)


async def svg(context: Context, code: QrCode) -> str:
    """Draw a QR code as SVG."""
    return await context.env.drawing.run(code.svg)


async def svg_data_uri(context: Context, code: QrCode) -> str:
    """Draw a QR code as SVG, as the source of an image."""
    return await context.env.drawing.run(code.svg_data_uri)


async def png_data_uri(context: Context, code: QrCode, scale: int) -> str:
    """Draw a QR code as a PNG.

    Raises:
        InvalidInputError: The scale is out of bounds.
    """
    if not 1 <= scale <= PNG_SCALE_MAX:
        raise InvalidInputError("scale", f"from 1 to {PNG_SCALE_MAX}")
    return await context.env.drawing.run(code.png_data_uri, scale)
