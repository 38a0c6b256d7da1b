"""People to measure with: company accounts of any size, made inside PostgreSQL, and some who sign in."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyotp
from argon2 import PasswordHasher
from asyncpg import Connection

from twofactor.rules.policy import (
    ARGON2_LANES,
    ARGON2_MEMORY_KIB,
    ARGON2_PASSES,
    CHALLENGE_LIFETIME,
    OTP_PERIOD_S,
    SEED_BYTES,
    SESSION_LIFETIME,
    TOKEN_BYTES,
)
from twofactor.rules.sealing import NONCE_BYTES, KeyRing
from twofactor.rules.tokens import TokenKind, make_token, token_hash

PASSWORD = "correct horse battery staple"  # noqa: S105  # of people who do not exist
KEYS = "bench:" + base64.b64encode(secrets.token_bytes(32)).decode()
TABLES = ("company", "user_account", "authenticator", "attempt_budget", "session")

COMPANY = """
    INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)
    VALUES ($1, $2, false, true, $3)
"""

# Three of five have 2FA, a quarter of them few backup codes; one of twenty is an admin; one of ten never signed in.
USERS = """
    INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash, locale,
        is_enabled, created_at, last_login_at, two_factor_activated_at, two_factor_last_used_at,
        backup_codes_remaining, second_factor_warned_at)
    SELECT md5($2 || ' ' || n)::uuid, $1, email, email, name, lower(name), lower(name) || E'\\n' || email,
        CASE WHEN n % 20 = 19 THEN 'ADMIN' ELSE 'MEMBER' END, $3, 'en', true,
        $5::timestamptz - interval '1 second' * (($4::int - n) * 90.0 + random()),
        CASE WHEN n % 10 = 9 THEN 'epoch' ELSE $5::timestamptz - interval '1 day' * random() * 90 END,
        CASE WHEN n % 5 < 3 THEN $5::timestamptz - interval '1 day' * random() * 300 END,
        NULL, CASE WHEN n % 5 >= 3 THEN 0 WHEN n % 20 < 3 THEN n % 3 ELSE 3 + n % 8 END, NULL
    FROM (
        SELECT n, 'user' || n || '@' || $2 || '.example' AS email,
            (ARRAY['Ada', 'Bo', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gus', 'Hana', 'Ida', 'Jo', 'Kim'])[1 + n % 11] || ' ' ||
            initcap(translate(left(md5(n::text), 7), '0123456789', 'ghijklmnop')) AS name
        FROM generate_series(0, $4::int - 1) AS n
    ) AS people
"""
AUTHENTICATORS = """
    INSERT INTO authenticator (user_id, sealed_seed, key_id, last_step, activation_token_hash,
        activated_by_acknowledgement)
    SELECT id, decode(md5(id::text) || md5(email) || md5(name), 'hex'), 'bench', 0, md5(id::text) || md5(email), true
    FROM user_account WHERE company_id = $1 AND two_factor_activated_at IS NOT NULL
"""
BUDGETS = """
    INSERT INTO attempt_budget (subject, factor, failures, failures_since_sign_in, last_attempt_at)
    SELECT replace(id::text, '-', ''), 'OTP', 0, 0, 'epoch'
    FROM user_account WHERE company_id = $1 AND two_factor_activated_at IS NOT NULL
"""
SESSIONS = """
    INSERT INTO session (id, token_hash, user_id, created_at, last_seen_at, expires_at, ip_address, user_agent,
        second_factor)
    SELECT md5(email)::uuid, md5(name) || md5(email), id, $2::timestamptz, $2, $2::timestamptz + interval '30 days',
        '192.0.2.1', 'bench', 'OTP'
    FROM user_account WHERE company_id = $1 AND two_factor_activated_at IS NOT NULL
"""
INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename = ANY($1)
        AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u'))
"""


def surname(number: int) -> str:
    """The surname of the user of this number, as `USERS` makes it: letters in which each three are rare."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return digest[:7].translate(str.maketrans("0123456789", "ghijklmnop"))


@dataclass(frozen=True)
class Person:
    """Somebody who signs in."""

    id: UUID
    email: str
    seed: bytes


@dataclass(frozen=True)
class Company:
    """A company account, some of its people, and one of its admins' session."""

    id: UUID
    name: str
    users: int
    people: Sequence[Person]


async def make_company(connection: Connection, name: str, users: int, people: int) -> Company:
    """Make a company account, some of whose users sign in. Indexes are made after the rows, which is faster."""
    company_id = UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())
    now = datetime.now(UTC)
    password_hash = PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES).hash(PASSWORD)
    is_large = users > 50_000  # noqa: PLR2004  # below it, making the indexes anew takes longer
    # Foreign keys hold by construction.
    await connection.execute("SET session_replication_role = replica")
    indexes = await connection.fetch(INDEXES, list(TABLES)) if is_large else []
    for index in indexes:
        await connection.execute(f'DROP INDEX "{index["indexname"]}"')
    await connection.execute(COMPANY, company_id, name, now)
    await connection.execute(USERS, company_id, name, password_hash, users, now)
    await connection.execute(AUTHENTICATORS, company_id)
    await connection.execute(BUDGETS, company_id)
    await connection.execute(SESSIONS, company_id, now)
    await connection.execute("SET maintenance_work_mem = '1GB'")
    for index in indexes:
        await connection.execute(index["indexdef"])
    await connection.execute("RESET ALL")
    await connection.execute("VACUUM ANALYZE")
    return Company(company_id, name, users, await _enrol(connection, name, users, people))


async def _enrol(connection: Connection, name: str, users: int, people: int) -> list[Person]:
    """Give real seeds to people all over the company account."""
    key_ring = KeyRing.parse(KEYS)
    # Every fifth has 2FA.
    apart = users // people // 5 * 5
    enrolled = []
    for number in range(0, people * apart, apart):
        user_id = UUID(hashlib.md5(f"{name} {number}".encode(), usedforsecurity=False).hexdigest())
        enrolled.append(Person(user_id, f"user{number}@{name}.example", secrets.token_bytes(SEED_BYTES)))
    boxes = [key_ring.seal(person.seed, person.id, secrets.token_bytes(NONCE_BYTES)).box for person in enrolled]
    await connection.execute(
        "UPDATE authenticator SET sealed_seed = box FROM unnest($1::uuid[], $2::bytea[]) AS s(id, box) "
        "WHERE user_id = s.id",
        [person.id for person in enrolled],
        boxes,
    )
    budgets = [(key_ring.keyed_hash("password budget", person.email), "PASSWORD") for person in enrolled]
    await connection.executemany(
        "INSERT INTO attempt_budget (subject, factor, failures, failures_since_sign_in, last_attempt_at) "
        "VALUES ($1, $2, 0, 0, 'epoch')",
        budgets,
    )
    return enrolled


async def challenge(connection: Connection, people: Sequence[Person]) -> list[tuple[str, str]]:
    """Let people take the first step of signing in anew: for each a challenge, and an OTP that was not used yet."""
    now = datetime.now(UTC)
    tokens = [make_token(TokenKind.CHALLENGE, secrets.token_bytes(TOKEN_BYTES)) for _ in people]
    ids = [person.id for person in people]
    await connection.execute("UPDATE authenticator SET last_step = 0 WHERE user_id = ANY($1)", ids)
    await connection.execute(
        "INSERT INTO challenge (id, token_hash, user_id, transport, created_at, expires_at) "
        "SELECT gen_random_uuid(), h, u, 'TOKEN', $3, $4 FROM unnest($1::text[], $2::uuid[]) AS c(h, u)",
        [token_hash(TokenKind.CHALLENGE, token) for token in tokens],
        ids,
        now,
        now + CHALLENGE_LIFETIME,
    )
    otps = [pyotp.TOTP(base64.b32encode(person.seed).decode(), interval=OTP_PERIOD_S).at(now) for person in people]
    return list(zip(tokens, otps, strict=True))


async def sign_in(connection: Connection, user_ids: Sequence[UUID]) -> list[str]:
    """Begin a session for each user. Their tokens."""
    now = datetime.now(UTC) + timedelta(minutes=5)
    tokens = [make_token(TokenKind.SESSION, secrets.token_bytes(TOKEN_BYTES)) for _ in user_ids]
    await connection.execute(
        "INSERT INTO session (id, token_hash, user_id, created_at, last_seen_at, expires_at, second_factor) "
        "SELECT gen_random_uuid(), h, u, $3, $3, $4, 'OTP' FROM unnest($1::text[], $2::uuid[]) AS c(h, u)",
        [token_hash(TokenKind.SESSION, token) for token in tokens],
        list(user_ids),
        now,
        now + SESSION_LIFETIME,
    )
    return tokens


async def issue_backup_codes(connection: Connection, of: Sequence[Person]) -> float:
    """Give each of these people ten backup codes. The bytes that they take for each, with all indexes."""
    await connection.execute(
        "WITH issued AS (INSERT INTO backup_code_set (id, user_id, salt, created_at) "
        "SELECT gen_random_uuid(), u, decode(md5(u::text), 'hex'), now() FROM unnest($1::uuid[]) AS u RETURNING id) "
        "INSERT INTO backup_code (id, code_set_id, code_hash) "
        "SELECT gen_random_uuid(), id, md5(id::text || n) || md5(n || id::text) "
        "FROM issued, generate_series(1, 10) AS n",
        [person.id for person in of],
    )
    taken = await connection.fetchval(
        "SELECT pg_total_relation_size('backup_code') + pg_total_relation_size('backup_code_set')"
    )
    return float(taken) / len(of)
