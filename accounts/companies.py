"""Company accounts, as the operator creates them."""

import models
from accounts import audit
from accounts.entities import Company
from accounts.errors import InvalidInputError
from accounts.identity import name_sort_key, problem_of_name
from accounts.services import Services
from models import SecurityEventKind


async def create_company(
    services: Services, name: str, *, two_factor_enforced: bool = False, backup_codes_enabled: bool = True
) -> Company:
    """Create a company account.

    Raises:
        InvalidInputError: The name is empty, too long, not plain text, or invisible.
    """
    require_name(name)
    async with services.database.transaction():
        row = await models.Company.create(
            name=name,
            two_factor_enforced=two_factor_enforced,
            backup_codes_enabled=backup_codes_enabled,
            created_at=services.now(),
        )
        await audit.record_by_operator(SecurityEventKind.COMPANY_CREATED, row.id, [None], row.created_at)
    return Company.of(row)


async def list_companies(services: Services) -> list[Company]:
    """Return every company account, ordered by name."""
    async with services.database.reading():
        rows = await models.Company.all()
    return [Company.of(row) for row in sorted(rows, key=lambda row: (name_sort_key(row.name), row.id))]


def require_name(name: str) -> None:
    """Reject an invalid name of a company account or user.

    Raises:
        InvalidInputError: The name is empty, too long, not plain text, or invisible.
    """
    if problem := problem_of_name(name):
        raise InvalidInputError("name", problem)
