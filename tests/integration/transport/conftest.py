"""Clients of the minimal application."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.transport.minimal_app import ApiClient, api_client, minimal_app


@pytest.fixture
async def client() -> AsyncIterator[ApiClient]:
    """Return a client of the minimal application with the options of development."""
    async with api_client(minimal_app(get_queries=True)) as client:
        yield client


@pytest.fixture
async def production_client() -> AsyncIterator[ApiClient]:
    """Return a client of the minimal application with the options of production."""
    async with api_client(minimal_app(introspection=False)) as client:
        yield client
