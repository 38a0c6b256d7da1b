"""Find the users who have to be reminded to set up 2FA, and record the reminder, in one statement.

The conditions follow `accounts.enforcement.required_from`; a test compares them for every rule. Each statement reads
its users from one index, so that a look costs the same whatever the number of users. On PostgreSQL it skips users whose
rows another transaction has locked. The next look finds them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from models.sql.execution import FOR_UPDATE, dialect, execute_returning
from models.user import Role

MARK = {
    "sqlite": """
        UPDATE user_account SET setup_reminded_at = $3
        WHERE id IN (SELECT user_account.id FROM {due} LIMIT {at_most})
        RETURNING id
    """,
    # An array, because PostgreSQL may run a subquery of IN several times, and then lock other rows each time.
    "postgres": """
        UPDATE user_account SET setup_reminded_at = $3
        WHERE id = ANY (ARRAY(
            SELECT user_account.id FROM {due} LIMIT {at_most} {for_update} OF user_account SKIP LOCKED
        ))
        RETURNING id
    """,
}
# The date of the company account, for users without a later exemption. On both databases, CROSS JOIN allows an order of
# the tables, and SQLite keeps the one that is written.
BY_DATE_OF_COMPANY = """
    company CROSS JOIN user_account
    WHERE company.enforce_from > $1 AND company.enforce_from <= $2 AND {by_rule}
        AND user_account.company_id = company.id AND user_account.role = '{role}'
        AND user_account.setup_reminded_at < {due_since}
        AND user_account.two_factor_activated_at IS NULL AND user_account.is_enabled = true
        AND user_account.enforcement <> 'ENFORCED'
        AND (
            user_account.enforcement = 'AS_COMPANY' OR user_account.exempt_until IS NULL
            OR user_account.exempt_until <= company.enforce_from
        )
"""
BY_END_OF_EXEMPTION = """
    user_account CROSS JOIN company
    WHERE user_account.exempt_until > $1 AND user_account.exempt_until <= $2 AND user_account.enforcement = 'EXEMPT'
        AND user_account.setup_reminded_at < {due_since}
        AND user_account.two_factor_activated_at IS NULL AND user_account.is_enabled = true
        AND company.id = user_account.company_id AND {by_rule}
        AND (company.enforce_from IS NULL OR company.enforce_from < user_account.exempt_until)
"""
BY_RULE = """(
    company.two_factor_enforced = true
    OR company.two_factor_enforced_for_admins = true AND user_account.role = 'ADMIN'
)"""
# The time of a date, some days before it. The fraction of a second and the offset stay, so that SQLite can compare the
# text. Days of PostgreSQL could have 23 hours.
DAYS_BEFORE = {
    "sqlite": "date({date}, '-{days} days') || substr({date}, 11)",
    "postgres": "{date} - {days} * interval '24 hours'",
}


async def mark_reminded(now: datetime, stages: Sequence[timedelta], *, at_most: int) -> list[UUID]:
    """Mark the users whose reminder is due as reminded now, the nearest dates first. Return their ids.

    A reminder is due at each stage before the date from which the user has to use 2FA. Of several that are due, the
    user gets one.
    """
    marked: list[UUID] = []
    until = now
    for stage in sorted(stages):
        since, until = until, now + stage
        for due in _due(stage):
            if len(marked) == at_most:
                return marked
            statement = MARK[dialect()].format(due=due, at_most=at_most - len(marked), for_update=FOR_UPDATE)
            marked += [UUID(str(row["id"])) for row in await execute_returning(statement, since, until, now)]
    return marked


def _due(stage: timedelta) -> Sequence[str]:
    """Return the tables and the condition of the users who are due, for each index."""

    def due_since(date: str) -> str:
        return DAYS_BEFORE[dialect()].format(date=date, days=stage.days)

    of_company, of_exemption = due_since("company.enforce_from"), due_since("user_account.exempt_until")
    return [
        *(BY_DATE_OF_COMPANY.format(by_rule=BY_RULE, role=role.value, due_since=of_company) for role in Role),
        BY_END_OF_EXEMPTION.format(by_rule=BY_RULE, due_since=of_exemption),
    ]
