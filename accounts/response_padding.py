"""Response-time padding: failed attempts are answered at a multiple of an interval (ADR 0001, ASVS 6.3.8)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from accounts.errors import FailedAttemptError
from accounts.services import Services
from models.sql.password_hashes import one_hash_of_each_imported_kind


@asynccontextmanager
async def padded_response_time(interval_s: float) -> AsyncIterator[None]:
    """Run an attempt. If it fails, wait for the next multiple of the interval since the start (ADR 0001)."""
    started = time.monotonic()
    try:
        yield
    except FailedAttemptError:
        await asyncio.sleep((started - time.monotonic()) % interval_s)
        raise


async def update_login_padding(services: Services) -> None:
    """Find the parameters of imported hashes. If they have changed, measure a hash of each kind.

    An imported hash takes another time than a hash of this product, until its user signs in. The response time of one
    failed login would show that a user has the email.
    """
    async with services.database.reading():
        hashes = await one_hash_of_each_imported_kind()
    if hashes.keys() == services.login_padding.covered:
        return
    seconds = {parameters: await services.hashing.seconds_of_check(each) for parameters, each in hashes.items()}
    services.login_padding.cover(seconds)
