"""Index the users of a company account who are enabled, and those who are disabled, in each order of the list.

Without them, a page of enabled users by their last login would first read all users who have left the company. One
index of each order serves both values of the filter.
"""

from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

# The orders of the list of users, with their columns.
ORDERS = {"age": "created_at", "name": "name_key", "last_login": "last_login_at"}


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0012_facts_of_events")]

    initial = False

    operations = [
        ops.AddIndex(
            model_name="User",
            index=Index(fields=["company_id", "is_enabled", column, "id"], name=f"user_by_enabled_and_{name}"),
        )
        for name, column in ORDERS.items()
    ]
