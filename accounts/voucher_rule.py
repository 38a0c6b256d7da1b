"""Whether a user needs a voucher to activate 2FA: since a reset, if the company account has the rule."""

import models


def is_voucher_needed(user: models.User, company: models.Company) -> bool:
    """Return whether no activation of the user starts without a voucher, valid or not.

    An expired voucher is needed too: then somebody has to reset the user again. Users whom nobody has reset need none.
    """
    return company.resets_need_voucher and user.two_factor_activated_at is None and user.voucher_hash is not None
