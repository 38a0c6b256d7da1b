"""Clients of the toy application."""

from collections.abc import AsyncIterator

import pytest

from tests.transport.toy import Browser, browsing, toy_app


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A client of the toy as it is served in development."""
    async with browsing(toy_app(get_queries=True)) as client:
        yield client


@pytest.fixture
async def stranger() -> AsyncIterator[Browser]:
    """A client of the toy as it is served in production."""
    async with browsing(toy_app(introspection=False)) as client:
        yield client
