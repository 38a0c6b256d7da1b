"""The baseline: the same operations, written by hand with Starlette and asyncpg only.

Each handler reads JSON, runs the SQL statements of the operation in the same transactions with the same checks, and
returns the same data. The baseline has no GraphQL, no ORM, no middleware and no log. Do not use it as an example of a
service.
"""

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import asyncpg
import segno
import uvicorn
from argon2 import PasswordHasher
from asyncpg import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from accounts.identity import email_key
from security.constants import (
    ACTIVATION_LIFETIME,
    CHALLENGE_LIFETIME,
    CLOCK_SLACK,
    SALT_BYTES,
    SESSION_IDLE_LIFETIME,
    SESSION_LIFETIME,
    TOKEN_BYTES,
    TOTP_SECRET_BYTES,
)
from security.key_ring import NONCE_BYTES, EncryptedValue, KeyRing
from security.tokens import TokenKind, make_token, token_hash
from twofactor.factors.backup_code_file import backup_codes_file
from twofactor.factors.backup_code_format import backup_code_hash, generate_backup_codes
from twofactor.factors.totp import is_well_formed_otp, key, matching_step, otpauth_uri

USER = """
    u.id AS user_id, u.email, u.name, u.role, u.locale, u.created_at AS user_created_at, u.last_login_at,
    u.two_factor_activated_at, u.two_factor_last_used_at, u.backup_codes_remaining, u.is_enabled,
    c.id AS company_id, c.name AS company_name, c.two_factor_enforced, c.backup_codes_enabled
"""

LOCK_CHALLENGE_USER = """
    SELECT id FROM user_account WHERE id = (SELECT user_id FROM challenge WHERE token_hash = $1) FOR NO KEY UPDATE
"""
OPEN_CHALLENGE = f"""
    SELECT h.id, h.transport, a.encrypted_secret, a.key_id, {USER}
    FROM challenge h JOIN user_account u ON u.id = h.user_id JOIN company c ON c.id = u.company_id
    JOIN authenticator a ON a.user_id = u.id WHERE h.token_hash = $1 AND h.expires_at > $2
"""  # noqa: S608  # only fixed column names
RESERVE_ATTEMPT = """
    INSERT INTO attempt_count AS c (subject, factor, failures, failures_since_sign_in, last_attempt_at)
    VALUES ($1, $2, 1, 1, $3)
    ON CONFLICT (subject, factor) DO UPDATE
    SET failures = c.failures + 1, failures_since_sign_in = c.failures_since_sign_in + 1, last_attempt_at = $3
    WHERE c.failures_since_sign_in < $13
        AND (c.failures < 5 OR (c.failures >= 12 AND c.last_attempt_at <= $4)
            OR (c.failures = 5 AND c.last_attempt_at <= $5) OR (c.failures = 6 AND c.last_attempt_at <= $6)
            OR (c.failures = 7 AND c.last_attempt_at <= $7) OR (c.failures = 8 AND c.last_attempt_at <= $8)
            OR (c.failures = 9 AND c.last_attempt_at <= $9) OR (c.failures = 10 AND c.last_attempt_at <= $10)
            OR (c.failures = 11 AND c.last_attempt_at <= $11) OR c.last_attempt_at > $12)
    RETURNING id
"""
# Wrong passwords cause waits but never a lock. No count reaches this number.
NEVER_LOCKED = 2**31 - 1
WAITS = [timedelta(seconds=wait) for wait in (3600, 30, 60, 120, 240, 480, 960, 1920)]
USER_BY_EMAIL = "SELECT * FROM user_account WHERE email_key = $1"
USER_BY_ID = "SELECT * FROM user_account WHERE id = $1"
LOCK_USER = "SELECT * FROM user_account WHERE id = $1 FOR NO KEY UPDATE"
COMPANY = "SELECT * FROM company WHERE id = $1"
RESET_WAIT = "UPDATE attempt_count SET failures = 0 WHERE subject = $1 AND factor = $2"
DELETE_SURPLUS_CHALLENGES = """
    DELETE FROM challenge
    WHERE id IN (SELECT id FROM challenge WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1000000 OFFSET 99)
"""
INSERT_CHALLENGE = """
    INSERT INTO challenge (id, token_hash, user_id, transport, created_at, expires_at, ip_address, user_agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
USE_STEP = "UPDATE authenticator SET last_step = $2 WHERE user_id = $1 AND last_step < $2"
USE_CHALLENGE = "DELETE FROM challenge WHERE id = $1"
RELEASE_ATTEMPTS = """
    UPDATE attempt_count SET failures = 0, failures_since_sign_in = 0
    WHERE subject = $1 AND (factor = $2 OR failures_since_sign_in < 100)
"""
INSERT_SESSION = """
    INSERT INTO session (id, token_hash, user_id, created_at, last_seen_at, expires_at, ip_address, user_agent,
        second_factor)
    VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)
"""
UPDATE_LAST_LOGIN = (
    "UPDATE user_account SET last_login_at = $2, two_factor_last_used_at = $2, locale = $3 WHERE id = $1"
)
INSERT_EVENT = """
    INSERT INTO security_event (id, company_id, user_id, actor_id, kind, occurred_at, ip_address, user_agent, note)
    VALUES ($1, $2, $3, NULL, $4, $5, $6, $7, $8)
"""
SESSION = f"""
    SELECT s.id, s.created_at, s.last_seen_at, s.expires_at, s.ip_address, s.user_agent, s.second_factor, {USER}
    FROM session s JOIN user_account u ON u.id = s.user_id JOIN company c ON c.id = u.company_id WHERE s.token_hash = $1
"""  # noqa: S608  # only fixed column names
USERS = f"""
    SELECT {USER} FROM user_account u JOIN company c ON c.id = u.company_id WHERE u.company_id = $1
    ORDER BY u.created_at DESC, u.id DESC LIMIT 26
"""  # noqa: S608  # only fixed column names
OWN_SESSION = f"""
    SELECT s.id, {USER} FROM session s JOIN user_account u ON u.id = s.user_id JOIN company c ON c.id = u.company_id
    WHERE s.id = $1 AND s.user_id = $2
"""  # noqa: S608  # only fixed column names
DELETE_ACTIVATION = "DELETE FROM activation WHERE user_id = $1"
INSERT_ACTIVATION = """
    INSERT INTO activation
        (id, token_hash, user_id, encrypted_secret, key_id, last_step, attempts, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, 0, 0, $6, $7)
"""
OPEN_ACTIVATION = """
    SELECT * FROM activation
    WHERE token_hash = $1 AND user_id = $2 AND created_at <= $3 AND expires_at > $4 AND attempts < 5
"""
RESERVE_OTP_ATTEMPT = "UPDATE activation SET attempts = attempts + 1 WHERE id = $1 AND attempts < 5"
CONFIRM_ACTIVATION = "UPDATE activation SET last_step = $2, attempts = attempts - 1 WHERE id = $1 AND last_step < $2"
DELETE_CODE_SET = "DELETE FROM backup_code_set WHERE user_id = $1"
INSERT_CODE_SET = (
    "INSERT INTO backup_code_set (id, user_id, activation_id, salt, created_at) VALUES ($1, $2, $3, $4, $5)"
)
INSERT_CODE = "INSERT INTO backup_code (id, code_set_id, code_hash) VALUES ($1, $2, $3)"
UPDATE_LAST_SEEN = "UPDATE session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2"


async def login(request: Request) -> JSONResponse:
    """Check the password and create a login challenge."""
    body = json.loads(await request.body())
    now = datetime.now(UTC)
    email = email_key(body["email"])
    subject = request.state.key_ring.keyed_hash("password attempts", email)
    async with request.state.pool.acquire() as connection, connection.transaction():
        if not await _reserve_attempt(connection, subject, "PASSWORD", now, NEVER_LOCKED):
            return JSONResponse({"error": "TooManyAttempts"})
        account = await connection.fetchrow(USER_BY_EMAIL, email)
    hashed = account["password_hash"]
    await asyncio.get_running_loop().run_in_executor(
        request.state.threads, PasswordHasher().verify, hashed, body["password"]
    )
    async with request.state.pool.acquire() as connection, connection.transaction():
        user = await connection.fetchrow(LOCK_USER, account["id"])
        if user["password_hash"] != hashed or not user["is_enabled"]:
            return JSONResponse({"error": "WrongEmailOrPassword"})
        await connection.execute(RESET_WAIT, subject, "PASSWORD")
        company = await connection.fetchrow(COMPANY, user["company_id"])
        await connection.execute(DELETE_SURPLUS_CHALLENGES, user["id"])
        token = make_token(TokenKind.CHALLENGE, secrets.token_bytes(TOKEN_BYTES))
        challenge, expires_at = token_hash(TokenKind.CHALLENGE, token), now + CHALLENGE_LIFETIME
        address, agent = _client(request)
        await connection.execute(
            INSERT_CHALLENGE, uuid4(), challenge, user["id"], "TOKEN", now, expires_at, address, agent
        )
        kind = "SECOND_FACTOR_REQUIRED"
        await connection.execute(INSERT_EVENT, uuid4(), user["company_id"], user["id"], kind, now, address, agent, None)
    methods = ["OTP", *["BACKUP_CODE"] * (company["backup_codes_enabled"] and user["backup_codes_remaining"] > 0)]
    return JSONResponse({"challengeToken": token, "expiresAt": expires_at.isoformat(), "methods": methods})


async def verify_login(request: Request) -> JSONResponse:
    """Check an OTP for a challenge and create a session."""
    body = json.loads(await request.body())
    challenge = token_hash(TokenKind.CHALLENGE, body["challengeToken"])
    now = datetime.now(UTC)
    address, agent = _client(request)
    async with request.state.pool.acquire() as connection, connection.transaction():
        await connection.fetchrow(LOCK_CHALLENGE_USER, challenge)
        opened = await connection.fetchrow(OPEN_CHALLENGE, challenge, now)
        if opened is None or not is_well_formed_otp(body["otp"]):
            return JSONResponse({"error": "ChallengeExpired"})
        user_id: UUID = opened["user_id"]
        if not await _reserve_attempt(connection, user_id.hex, "OTP", now, 100):
            return JSONResponse({"error": "TooManyAttempts"})
        secret = request.state.key_ring.decrypt(EncryptedValue(opened["key_id"], opened["encrypted_secret"]), user_id)
        step = matching_step(secret, body["otp"], now)
        if step is None or await connection.execute(USE_STEP, user_id, step) != "UPDATE 1":
            return JSONResponse({"error": "WrongSecondFactor"})
        if await connection.execute(USE_CHALLENGE, opened["id"]) != "DELETE 1":
            return JSONResponse({"error": "ChallengeExpired"})
        await connection.execute(RELEASE_ATTEMPTS, user_id.hex, "OTP")
        token = make_token(TokenKind.SESSION, secrets.token_bytes(TOKEN_BYTES))
        session_id, hashed = uuid4(), token_hash(TokenKind.SESSION, token)
        await connection.execute(
            INSERT_SESSION, session_id, hashed, user_id, now, now + SESSION_LIFETIME, address, agent, "OTP"
        )
        await connection.execute(UPDATE_LAST_LOGIN, user_id, now, opened["locale"])
        await connection.execute(
            INSERT_EVENT, uuid4(), opened["company_id"], user_id, "LOGIN_SUCCEEDED", now, address, agent, "OTP"
        )
    return JSONResponse({"sessionToken": token, "session": str(session_id), "viewer": str(user_id)})


async def viewer(request: Request) -> JSONResponse:
    """Return the 2FA state of the viewer."""
    await request.body()
    hashed = _session_hash(request)
    now = datetime.now(UTC)
    async with request.state.pool.acquire() as connection:
        row = await connection.fetchrow(SESSION, hashed)
        if row is None or not row["is_enabled"] or not now < row["expires_at"]:
            return JSONResponse({"viewer": None})
        if now - row["last_seen_at"] >= SESSION_IDLE_LIFETIME:
            return JSONResponse({"viewer": None})
        if now - row["last_seen_at"] >= timedelta(minutes=1):
            await connection.execute(UPDATE_LAST_SEEN, row["id"], now)
    return JSONResponse(
        {"viewer": {"twoFactor": {"state": "ACTIVE" if row["two_factor_activated_at"] else "INACTIVE"}}}
    )


async def users(request: Request) -> JSONResponse:
    """Return the newest 25 users of the viewer's company account."""
    await request.body()
    hashed = _session_hash(request)
    async with request.state.pool.acquire() as connection:
        viewer = await connection.fetchrow(SESSION, hashed)
        if viewer is None or viewer["role"] != "ADMIN":
            return JSONResponse({"users": None})
        *rows, _ = await connection.fetch(USERS, viewer["company_id"])
    nodes = [
        {
            "id": str(row["user_id"]), "name": row["name"], "email": row["email"], "role": row["role"],
            "twoFactor": {
                "state": "ACTIVE" if row["two_factor_activated_at"] else "INACTIVE",
                "backupCodesRemaining": row["backup_codes_remaining"],
            },
            "lastLoginAt": row["last_login_at"].isoformat(),
        }
        for row in rows
    ]  # fmt: skip
    cursor = f"{rows[-1]['user_created_at'].isoformat()} {rows[-1]['user_id']}"
    return JSONResponse({"users": {"nodes": nodes, "endCursor": cursor}})


async def start(request: Request) -> JSONResponse:
    """Start an activation after a password check, and render its QR code if the request asks for one."""
    body = json.loads(await request.body())
    pool, ring = request.state.pool, request.state.key_ring
    hashed = _session_hash(request)
    now = datetime.now(UTC)
    address, agent = _client(request)
    async with pool.acquire() as connection:
        viewer = await connection.fetchrow(SESSION, hashed)
    user_id = viewer["user_id"]
    subject = ring.keyed_hash("password attempts", email_key(viewer["email"]))
    async with pool.acquire() as connection, connection.transaction():
        if not await _reserve_attempt(connection, subject, "PASSWORD", now, NEVER_LOCKED):
            return JSONResponse({"error": "TooManyAttempts"})
        account = await connection.fetchrow(USER_BY_ID, user_id)
    password_hash = account["password_hash"]
    await asyncio.get_running_loop().run_in_executor(
        request.state.threads, PasswordHasher().verify, password_hash, body["password"]
    )
    async with pool.acquire() as connection, connection.transaction():
        user = await connection.fetchrow(LOCK_USER, user_id)
        own = await connection.fetchrow(OWN_SESSION, viewer["id"], user_id)
        if own is None or not user["is_enabled"] or user["password_hash"] != password_hash:
            return JSONResponse({"error": "WrongPassword"})
        await connection.execute(RESET_WAIT, subject, "PASSWORD")
        if user["two_factor_activated_at"] is not None:
            return JSONResponse({"error": "TwoFactorAlreadyActive"})
        token = make_token(TokenKind.ACTIVATION, secrets.token_bytes(TOKEN_BYTES))
        expires_at = now + ACTIVATION_LIFETIME
        secret = secrets.token_bytes(TOTP_SECRET_BYTES)
        encrypted = ring.encrypt(secret, user_id, secrets.token_bytes(NONCE_BYTES))
        await connection.execute(DELETE_ACTIVATION, user_id)
        await connection.execute(
            INSERT_ACTIVATION, uuid4(), token_hash(TokenKind.ACTIVATION, token), user_id, encrypted.ciphertext,
            encrypted.key_id, now,
            expires_at,
        )  # fmt: skip
        kind = "TWO_FACTOR_ACTIVATION_STARTED"
        await connection.execute(INSERT_EVENT, uuid4(), user["company_id"], user_id, kind, now, address, agent, None)
    uri = otpauth_uri(secret, issuer="Countersign", account_name=user["email"])
    response = {"activationId": token, "key": key(secret), "uri": uri, "expiresAt": expires_at.isoformat()}
    if qr_format := body.get("qrFormat"):
        code = segno.make_qr(uri, error="m")
        response[qr_format] = code.svg_inline(scale=4) if qr_format == "svg" else code.png_data_uri(scale=8)
    return JSONResponse(response)


async def confirm(request: Request) -> JSONResponse:
    """Confirm an activation with an OTP and issue backup codes."""
    body = json.loads(await request.body())
    pool = request.state.pool
    hashed = _session_hash(request)
    activation_hash = token_hash(TokenKind.ACTIVATION, body["activationId"])
    now = datetime.now(UTC)
    address, agent = _client(request)
    async with pool.acquire() as connection:
        viewer = await connection.fetchrow(SESSION, hashed)
    user_id = viewer["user_id"]
    activation_filter = (activation_hash, user_id, now + CLOCK_SLACK, now)
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchrow(LOCK_USER, user_id)
        own = await connection.fetchrow(OWN_SESSION, viewer["id"], user_id)
        activation = await connection.fetchrow(OPEN_ACTIVATION, *activation_filter)
        if own is None or activation is None:
            return JSONResponse({"error": "ActivationExpired"})
        if await connection.execute(RESERVE_OTP_ATTEMPT, activation["id"]) != "UPDATE 1":
            return JSONResponse({"error": "ActivationExpired"})
        secret = request.state.key_ring.decrypt(
            EncryptedValue(activation["key_id"], activation["encrypted_secret"]), user_id
        )
        step = matching_step(secret, body["otp"], now)
        if step is None or await connection.execute(CONFIRM_ACTIVATION, activation["id"], step) != "UPDATE 1":
            return JSONResponse({"error": "WrongOtp"})
    codes, salt = generate_backup_codes(secrets.choice), secrets.token_bytes(SALT_BYTES)
    hashes = await asyncio.get_running_loop().run_in_executor(
        request.state.threads, lambda: [backup_code_hash(code, salt) for code in codes]
    )
    async with pool.acquire() as connection, connection.transaction():
        user = await connection.fetchrow(LOCK_USER, user_id)
        own = await connection.fetchrow(OWN_SESSION, viewer["id"], user_id)
        activation = await connection.fetchrow(OPEN_ACTIVATION, *activation_filter)
        if own is None or activation is None or activation["last_step"] != step:
            return JSONResponse({"error": "ActivationExpired"})
        await connection.execute(DELETE_CODE_SET, user_id)
        code_set = uuid4()
        await connection.execute(INSERT_CODE_SET, code_set, user_id, activation["id"], salt, now)
        await connection.executemany(INSERT_CODE, [(uuid4(), code_set, code_hash) for code_hash in hashes])
        kind = "BACKUP_CODES_ISSUED"
        await connection.execute(INSERT_EVENT, uuid4(), user["company_id"], user_id, kind, now, address, agent, None)
    _, file = backup_codes_file(
        codes, product_name="Countersign", account_name=user["email"], created_at=now, locale=user["locale"] or "en"
    )
    return JSONResponse({"codes": codes, "file": file, "expiresAt": activation["expires_at"].isoformat()})


def _session_hash(request: Request) -> str | None:
    return token_hash(TokenKind.SESSION, request.headers["authorization"].removeprefix("Bearer "))


def _client(request: Request) -> tuple[str | None, str | None]:
    return request.client.host if request.client else None, request.headers.get("user-agent")


async def _reserve_attempt(connection: Connection, subject: str, factor: str, now: datetime, allowed: int) -> bool:
    since = (now - wait for wait in WAITS)
    return (
        await connection.fetchval(RESERVE_ATTEMPT, subject, factor, now, *since, now + CLOCK_SLACK, allowed) is not None
    )


async def ready(_request: Request) -> JSONResponse:
    """Answer the readiness check."""
    return JSONResponse({"status": "ready"})


async def _skip_reset(_connection: object) -> None:
    """Do not reset a connection that returns to the pool. The product saves the same round trip."""


@contextlib.asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Open the key ring, the hashing threads and a pool with as many connections as the product's."""
    database = urlsplit(os.environ["COUNTERSIGN_DATABASE_URL"])
    key_ring = KeyRing.parse(os.environ["COUNTERSIGN_SECRET_KEYS"])
    async with asyncpg.create_pool(
        host=parse_qs(database.query)["host"][0],
        user=database.username,
        database=database.path.removeprefix("/"),
        min_size=1,
        max_size=10,
        reset=_skip_reset,
    ) as pool:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            yield {"pool": pool, "key_ring": key_ring, "threads": threads}


app = Starlette(
    routes=[
        Route("/confirmOtp", confirm, methods=["POST"]),
        Route("/startTwoFactorActivation", start, methods=["POST"]),
        Route("/login", login, methods=["POST"]),
        Route("/users", users, methods=["POST"]),
        Route("/verifyLogin", verify_login, methods=["POST"]),
        Route("/viewer", viewer, methods=["POST"]),
        Route("/health/ready", ready),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["COUNTERSIGN_PORT"]), access_log=False, server_header=False, log_config=None)
