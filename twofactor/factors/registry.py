"""The kinds of second factor, in the order in which a client offers them."""

from typing import Any

import models
from models.sql.users import company_and_factors_of
from twofactor.factors.authenticator import OtpFactor
from twofactor.factors.backup_codes import BackupCodeFactor
from twofactor.factors.factor import EnrollableFactor, Factor

OTP = OtpFactor()
FACTORS: list[Factor] = [OTP, BackupCodeFactor()]


def factor_of(kind: str) -> Factor:
    """Return the factor of this kind."""
    return next(factor for factor in FACTORS if factor.kind == kind)


async def available_factors(user: models.User) -> tuple[models.Company, list[Factor]]:
    """Return the company account of a user, and the factors that the user can enter at login."""
    tables = {factor.kind: (factor.table, factor.in_force) for factor in FACTORS}
    company, owned = await company_and_factors_of(user, tables)
    return company, [factor for factor in FACTORS if factor.kind in owned and factor.is_available(user, company)]


def enrollable_factor_of(kind: str) -> EnrollableFactor[Any]:
    """Return the factor of this kind, with which 2FA is activated."""
    return next(factor for factor in enrollable_factors() if factor.kind == kind)


def enrollable_factors() -> list[EnrollableFactor[Any]]:
    """Return the factors that activate 2FA."""
    return [factor for factor in FACTORS if isinstance(factor, EnrollableFactor)]
