"""The condition that strangers have to wait at the login of a user, or that a second factor is locked for them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from tortoise.expressions import Q, RawSQL, ResolveContext
from tortoise.query_utils import QueryModifier
from typing_extensions import override

from models.attempt_count import PASSWORD_FACTOR
from models.sql.execution import dialect

# The subject of a password is a hash. Of other factors it is the id of the user in hexadecimal digits.
USER = {
    "sqlite": f"""
        CASE WHEN factor = '{PASSWORD_FACTOR}' THEN user_id ELSE
            substr(subject, 1, 8) || '-' || substr(subject, 9, 4) || '-' || substr(subject, 13, 4) || '-'
            || substr(subject, 17, 4) || '-' || substr(subject, 21)
        END
    """,
    "postgres": f"""
        CASE WHEN factor = '{PASSWORD_FACTOR}' THEN user_id WHEN subject ~ '^[0-9a-f]{{32}}$' THEN subject::uuid END
    """,
}
# Each part reads an index of its own.
SELECT_USERS = """
    SELECT user_id FROM (
        SELECT {user} AS user_id, factor FROM attempt_count
        WHERE failures >= {first_wait} AND ({waits}) AND last_attempt_at <= '{trusted_until}'
        UNION ALL
        SELECT {user} AS user_id, factor FROM attempt_count
        WHERE failures_since_sign_in >= {locked_at} AND factor <> '{password}'
    ) AS locks
    WHERE user_id IS NOT NULL AND {factors}
"""


class LockedUsers(Q):
    """Match the users who have an attempt count with a wait, or one of a locked second factor.

    The condition starts from the attempt counts, of which few have a wait.
    """

    def __init__(
        self,
        attempts_since: Mapping[int, datetime],
        *,
        trusted_until: datetime,
        locked_at: int,
        ignored_factor: str | None,
    ) -> None:
        """Match these users.

        Args:
            attempts_since: For each number of failures with its own wait, the time after which the last attempt has to
                be, so that the next one has to wait. The last one applies to higher numbers too.
            trusted_until: A later `last_attempt_at` comes from a wrong clock, and the wait does not apply.
            locked_at: The number of failures since the last sign-in at which a second factor is locked.
            ignored_factor: A factor whose counts do not matter.

        """
        super().__init__()
        first_wait, last_wait = min(attempts_since), max(attempts_since)
        self._parts = {
            "first_wait": first_wait,
            "waits": " OR ".join(
                f"failures {'>=' if failures == last_wait else '='} {failures} AND last_attempt_at > '{_text(since)}'"
                for failures, since in attempts_since.items()
            ),
            "trusted_until": _text(trusted_until),
            "locked_at": locked_at,
            "password": PASSWORD_FACTOR,
            "factors": f"factor <> '{ignored_factor}'" if ignored_factor else "true",
        }

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        select = SELECT_USERS.format(user=USER[dialect()], **self._parts)
        user_id = resolve_context.table["id"]
        if dialect() == "sqlite":
            return QueryModifier(user_id.isin(RawSQL(f"({select})")))
        # An array, because PostgreSQL may otherwise run the subquery again for each user, if its statistics are old.
        return QueryModifier(user_id == RawSQL(f"ANY (ARRAY({select}))"))


def _text(instant: datetime) -> str:
    """Return an instant as both databases compare it with a column."""
    return instant.astimezone(UTC).isoformat(" ")
