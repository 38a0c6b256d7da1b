"""Whether another user of the company account is an admin, whom a user can ask for help."""

import models
from models import Role


async def has_other_admin(user: models.User) -> bool:
    """Return whether another enabled user of the company account is an admin."""
    admins = models.User.filter(company_id=user.company_id, role=Role.ADMIN, is_enabled=True)
    return await admins.exclude(id=user.id).exists()
