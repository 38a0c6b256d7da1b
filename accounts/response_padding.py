"""Response-time padding: failed attempts are answered at a multiple of an interval (docs/adr/0001)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from accounts.errors import FailedAttemptError
from security.constants import RESPONSE_PADDING_S


@asynccontextmanager
async def padded_response_time() -> AsyncIterator[None]:
    """Run an attempt. If it fails, wait for the next multiple of the interval since the start."""
    started = time.monotonic()
    try:
        yield
    except FailedAttemptError:
        await asyncio.sleep((started - time.monotonic()) % RESPONSE_PADDING_S)
        raise
