"""Confirm an activation, and render its QR code."""

from accounts.errors import InvalidInputError
from accounts.permissions import Viewer
from resolvers.context import Context
from resolvers.qr_rendering import PNG_SCALE_MAX, QrCode
from twofactor import activation, confirmation
from twofactor.activation import TwoFactorActivated
from twofactor.confirmation import BackupCodesIssued, Enrolled
from twofactor.factors.backup_codes import BackupCodesAcknowledged


async def confirm_otp(
    context: Context, viewer: Viewer, activation_token: str, otp: str, *, rotate_session: bool
) -> BackupCodesIssued | Enrolled:
    """Check the first OTP. If it puts the authenticator in force, replace the session token if the client wants it."""
    confirmed = await confirmation.confirm_otp(
        context.services,
        context.client,
        viewer,
        activation_token,
        otp,
        old_token=context.token_to_replace(rotate_session=rotate_session),
    )
    if not isinstance(confirmed, BackupCodesIssued):
        context.keep_new_token(confirmed.new_token)
    return confirmed


async def acknowledge_backup_codes(
    context: Context, viewer: Viewer, activation_token: str, *, rotate_session: bool
) -> TwoFactorActivated | BackupCodesAcknowledged:
    """Activate 2FA, and replace the session token if the client wants it. Or put new backup codes in force."""
    acknowledged = await activation.acknowledge_backup_codes(
        context.services,
        context.client,
        viewer,
        activation_token,
        old_token=context.token_to_replace(rotate_session=rotate_session),
    )
    if isinstance(acknowledged, TwoFactorActivated):
        context.keep_new_token(acknowledged.new_token)
    return acknowledged


async def svg(context: Context, code: QrCode) -> str:
    """Render a QR code as SVG."""
    return await context.qr_renderer.run(code.svg)


async def svg_data_uri(context: Context, code: QrCode) -> str:
    """Render a QR code as SVG in a `data:` URI."""
    return await context.qr_renderer.run(code.svg_data_uri)


async def png_data_uri(context: Context, code: QrCode, scale: int) -> str:
    """Render a QR code as PNG in a `data:` URI. `require_valid_scale` has checked the scale."""
    return await context.qr_renderer.run(code.png_data_uri, scale)


def require_valid_scale(scale: int) -> None:
    """Check the scale of a PNG. Call it before the activation starts: the field cannot be null.

    Raises:
        InvalidInputError: The scale is not from 1 to `PNG_SCALE_MAX`.
    """
    if not 1 <= scale <= PNG_SCALE_MAX:
        raise InvalidInputError("scale", f"from 1 to {PNG_SCALE_MAX}", de=f"1 bis {PNG_SCALE_MAX}")
