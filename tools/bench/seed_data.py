"""Seed data: company accounts of any size, generated inside PostgreSQL, and some users who can sign in."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyotp
from asyncpg import Connection

from security.constants import (
    CHALLENGE_LIFETIME,
    OTP_PERIOD_S,
    SESSION_LIFETIME,
    TOKEN_BYTES,
    TOTP_SECRET_BYTES,
)
from security.key_ring import NONCE_BYTES, KeyRing
from security.tokens import TokenKind, make_token, token_hash
from tests.support.users import password_hash

KEYS = "bench:" + base64.b64encode(secrets.token_bytes(32)).decode()
TABLES = ("company", "user_account", "authenticator", "attempt_count", "session")

COMPANY = """
    INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)
    VALUES ($1, $2, false, true, $3)
"""

# 3 of 5 users have 2FA, and a quarter of these have fewer than 3 backup codes. 1 of 20 users is an admin. 1 of 10 never
# signed in.
USERS = """
    INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash, locale,
        is_enabled, created_at, last_login_at, two_factor_activated_at, two_factor_last_used_at,
        backup_codes_remaining)
    SELECT md5($2 || ' ' || n)::uuid, $1, email, email, name, encode(lower(name)::bytea, 'hex'),
        lower(name) || E'\\n' || email,
        CASE WHEN n % 20 = 19 THEN 'ADMIN' ELSE 'MEMBER' END, $3, 'en', true,
        $5::timestamptz - interval '1 second' * (($4::int - n) * 90.0 + random()),
        CASE WHEN n % 10 = 9 THEN 'epoch' ELSE $5::timestamptz - interval '1 day' * random() * 90 END,
        CASE WHEN n % 5 < 3 THEN $5::timestamptz - interval '1 day' * random() * 300 END,
        NULL, CASE WHEN n % 5 >= 3 THEN 0 WHEN n % 20 < 3 THEN n % 3 ELSE 3 + n % 8 END
    FROM (
        SELECT n, 'user' || n || '@' || $2 || '.example' AS email,
            (ARRAY['Ada', 'Bo', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gus', 'Hana', 'Ida', 'Jo', 'Kim'])[1 + n % 11] || ' ' ||
            initcap(translate(left(md5(n::text), 7), '0123456789', 'ghijklmnop')) AS name
        FROM generate_series(0, $4::int - 1) AS n
    ) AS generated
"""
AUTHENTICATORS = """
    INSERT INTO authenticator (id, user_id, encrypted_secret, key_id, last_step, activation_token_hash,
        activated_by_acknowledgement)
    SELECT gen_random_uuid(), id,
        decode(md5(id::text) || md5(email) || md5(name), 'hex'), 'bench', 0, md5(id::text) || md5(email), true
    FROM user_account WHERE company_id = $1 AND two_factor_activated_at IS NOT NULL
"""
ATTEMPT_COUNTS = """
    INSERT INTO attempt_count (subject, factor, failures, failures_since_sign_in, last_attempt_at)
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
    """Return the surname that `USERS` gives to the user with this number. Any three characters of it are rare."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return digest[:7].translate(str.maketrans("0123456789", "ghijklmnop"))


@dataclass(frozen=True)
class BenchUser:
    """A user who can sign in with a password and an OTP."""

    id: UUID
    email: str
    totp_secret: bytes


@dataclass(frozen=True)
class Company:
    """A company account and those of its users who can sign in."""

    id: UUID
    name: str
    users: int
    enrolled: Sequence[BenchUser]


async def create_company(connection: Connection, name: str, users: int, enrolled: int) -> Company:
    """Create a company account with `users` users, of whom `enrolled` can sign in.

    In a large account the indexes are created after the rows, which is faster.
    """
    company_id = UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())
    now = datetime.now(UTC)
    is_large = users > 50_000  # in a smaller one, creating the indexes again takes longer
    # Skip the checks of foreign keys: the generated rows satisfy them.
    await connection.execute("SET session_replication_role = replica")
    indexes = await connection.fetch(INDEXES, list(TABLES)) if is_large else []
    for index in indexes:
        await connection.execute(f'DROP INDEX "{index["indexname"]}"')
    await connection.execute(COMPANY, company_id, name, now)
    await connection.execute(USERS, company_id, name, password_hash(), users, now)
    await connection.execute(AUTHENTICATORS, company_id)
    await connection.execute(ATTEMPT_COUNTS, company_id)
    await connection.execute(SESSIONS, company_id, now)
    await connection.execute("SET maintenance_work_mem = '1GB'")
    for index in indexes:
        await connection.execute(index["indexdef"])
    await connection.execute("RESET ALL")
    await connection.execute("VACUUM ANALYZE")
    return Company(company_id, name, users, await _enrol(connection, name, users, enrolled))


async def _enrol(connection: Connection, name: str, users: int, count: int) -> list[BenchUser]:
    """Give real TOTP secrets to `count` users, at equal distances in the company account."""
    key_ring = KeyRing.parse(KEYS)
    # Use a multiple of 5: every user whose number is a multiple of 5 has 2FA.
    distance = users // count // 5 * 5
    enrolled = []
    for number in range(0, count * distance, distance):
        user_id = UUID(hashlib.md5(f"{name} {number}".encode(), usedforsecurity=False).hexdigest())
        enrolled.append(BenchUser(user_id, f"user{number}@{name}.example", secrets.token_bytes(TOTP_SECRET_BYTES)))
    ciphertexts = [
        key_ring.encrypt(user.totp_secret, user.id, secrets.token_bytes(NONCE_BYTES)).ciphertext for user in enrolled
    ]
    await connection.execute(
        "UPDATE authenticator SET encrypted_secret = ciphertext "
        "FROM unnest($1::uuid[], $2::bytea[]) AS s(id, ciphertext) WHERE user_id = s.id",
        [user.id for user in enrolled],
        ciphertexts,
    )
    attempt_counts = [(key_ring.keyed_hash("password attempts", user.email), "PASSWORD") for user in enrolled]
    await connection.executemany(
        "INSERT INTO attempt_count (subject, factor, failures, failures_since_sign_in, last_attempt_at) "
        "VALUES ($1, $2, 0, 0, 'epoch')",
        attempt_counts,
    )
    return enrolled


async def create_challenges(connection: Connection, users: Sequence[BenchUser]) -> list[tuple[str, str]]:
    """Create a login challenge for each user. Return its token and an unused OTP for each."""
    now = datetime.now(UTC)
    tokens = [make_token(TokenKind.CHALLENGE, secrets.token_bytes(TOKEN_BYTES)) for _ in users]
    ids = [user.id for user in users]
    await connection.execute("UPDATE authenticator SET last_step = 0 WHERE user_id = ANY($1)", ids)
    await connection.execute(
        "INSERT INTO challenge (id, token_hash, user_id, transport, created_at, expires_at) "
        "SELECT gen_random_uuid(), h, u, 'TOKEN', $3, $4 FROM unnest($1::text[], $2::uuid[]) AS c(h, u)",
        [token_hash(TokenKind.CHALLENGE, token) for token in tokens],
        ids,
        now,
        now + CHALLENGE_LIFETIME,
    )
    otps = [pyotp.TOTP(base64.b32encode(user.totp_secret).decode(), interval=OTP_PERIOD_S).at(now) for user in users]
    return list(zip(tokens, otps, strict=True))


async def create_sessions(connection: Connection, user_ids: Sequence[UUID]) -> list[str]:
    """Create a session for each user and return the session tokens."""
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


async def create_backup_codes(connection: Connection, users: Sequence[BenchUser]) -> float:
    """Create ten backup codes for each user. Return the bytes that they use per user, with all indexes."""
    await connection.execute(
        "WITH issued AS (INSERT INTO backup_code_set (id, user_id, salt, created_at) "
        "SELECT gen_random_uuid(), u, decode(md5(u::text), 'hex'), now() FROM unnest($1::uuid[]) AS u RETURNING id) "
        "INSERT INTO backup_code (id, code_set_id, code_hash) "
        "SELECT gen_random_uuid(), id, md5(id::text || n) || md5(n || id::text) "
        "FROM issued, generate_series(1, 10) AS n",
        [user.id for user in users],
    )
    size = await connection.fetchval(
        "SELECT pg_total_relation_size('backup_code') + pg_total_relation_size('backup_code_set')"
    )
    return float(size) / len(users)
