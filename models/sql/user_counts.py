"""Fold the changes of the number of users in each state into one row for each state."""

from models.sql.execution import dialect, execute, select

STATE = "company_id, is_enabled, is_active, has_few_codes, role, enforcement, exempt_until"
OLDEST_CHANGES = "SELECT id FROM user_count WHERE NOT is_sum ORDER BY id LIMIT {at_most}"
ADD_TO_SUMS = f"""
    INSERT INTO user_count ({STATE}, users, is_sum)
    SELECT {STATE}, sum(users), TRUE FROM {{changes}} GROUP BY {STATE} HAVING sum(users) <> 0
    ON CONFLICT ({STATE}) WHERE is_sum DO UPDATE SET users = user_count.users + excluded.users
"""  # noqa: S608  # names of columns
# One statement on PostgreSQL: between two, transactions could commit changes with smaller ids. On SQLite nobody else
# writes during the transaction.
FOLD = {
    "sqlite": (
        ADD_TO_SUMS.format(changes=f"user_count WHERE id IN ({OLDEST_CHANGES})"),
        f"DELETE FROM user_count WHERE id IN ({OLDEST_CHANGES})",  # noqa: S608  # ours
    ),
    "postgres": (
        f"""
        WITH changes AS (
            DELETE FROM user_count WHERE id = ANY (ARRAY({OLDEST_CHANGES})) RETURNING {STATE}, users
        ), sums AS ({ADD_TO_SUMS.format(changes="changes")})
        SELECT count(*) AS changes FROM changes
        """,  # noqa: S608  # ours
    ),
}
DELETE_EMPTY = "DELETE FROM user_count WHERE users = 0"


async def fold_oldest_changes(*, at_most: int) -> int:
    """Add the oldest changes to the sums, and delete them. Return their number.

    Call it in a transaction, in one process at a time.
    """
    if dialect() == "sqlite":
        add, delete = (statement.format(at_most=at_most) for statement in FOLD["sqlite"])
        await execute(add)
        changes = await execute(delete)
    else:
        (row,) = await select(FOLD["postgres"][0].format(at_most=at_most))
        changes = row["changes"]
    await execute(DELETE_EMPTY)
    return changes
