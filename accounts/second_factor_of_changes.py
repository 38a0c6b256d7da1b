"""The second factor for changes to 2FA and to the security policy, if the company account requires it."""

from typing import Protocol

from accounts.errors import SecondFactorNeededError
from accounts.permissions import Viewer
from accounts.reauthentication import LockedAccount, PasswordProof, hash_requester, reauthenticate_with
from accounts.services import Client, Services
from security.password_form import forms_to_check
from security.password_hashing import Hasher


class EnteredSecondFactor(Protocol):
    """What the viewer entered. `twofactor/entered_second_factor.py` implements it, since it knows the factors."""

    async def prepare(self, services: Services, hasher: Hasher, viewer: Viewer) -> None:
        """Compute what is slow. Call it outside any transaction."""

    async def check(self, services: Services, client: Client, account: LockedAccount) -> None:
        """Use the second factor.

        Raises:
            WrongSecondFactorError: It is wrong, expired, already used or malformed.
            TooManyAttemptsError: The attempt has to wait. The server checked nothing.
            UnauthenticatedError: It is wrong, and so were the nine before in this session, which has ended.
        """


async def reauthenticate_for_change(  # noqa: PLR0913  # each is a part of the request
    services: Services,
    client: Client,
    viewer: Viewer,
    password: str,
    entered: EnteredSecondFactor | None,
    *,
    always: bool = False,
) -> PasswordProof:
    """Check the viewer's password again, and prepare the second factor. It raises what `reauthenticate` raises.

    If `always` is true, the change requires the second factor, whatever the rule of the company account.
    """
    is_required = always or viewer.user.company.second_factor_for_changes
    hashes = len(forms_to_check(password)) + bool(entered and is_required)
    async with services.hashing.admit(hash_requester(viewer), hashes=hashes) as hasher:
        proof = await reauthenticate_with(hasher, services, client, viewer, password)
        if entered is not None and is_required:
            await entered.prepare(services, hasher, viewer)
    return proof


async def prepare_second_factor(
    services: Services, hasher: Hasher, viewer: Viewer, entered: EnteredSecondFactor | None
) -> None:
    """Prepare the second factor if the company account requires it."""
    if entered is not None and viewer.user.company.second_factor_for_changes:
        await entered.prepare(services, hasher, viewer)


async def require_second_factor(
    services: Services,
    client: Client,
    account: LockedAccount,
    entered: EnteredSecondFactor | None,
    *,
    always: bool = False,
) -> None:
    """Require the second factor of the viewer if the company account does, or if `always` is true.

    Call it after all other checks, so that an error of theirs uses no second factor.

    Raises:
        SecondFactorNeededError: The viewer entered none, or their 2FA is not active.
        WrongSecondFactorError: It is wrong, expired, already used or malformed.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        UnauthenticatedError: It is wrong, and so were the nine before in this session, which has ended.
    """
    if not always and not account.company.second_factor_for_changes:
        return
    if entered is None or account.user.two_factor_activated_at is None:
        raise second_factor_needed(account)
    await entered.check(services, client, account)


def second_factor_needed(account: LockedAccount) -> SecondFactorNeededError:
    """Return the error that says which second factors the viewer can enter."""
    two_factor = account.viewer.user.two_factor
    return SecondFactorNeededError(inactive=not two_factor.is_active, only_otp=not two_factor.backup_codes_remaining)
