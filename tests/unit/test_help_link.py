"""The help page of the setting reaches the pages of the reference frontend."""

import httpx
import pytest
from starlette.applications import Starlette

from examples.web import site


@pytest.mark.parametrize("url", ["https://help.example/2fa", None])
async def test_pages_get_the_address_of_the_help_page(url: str | None) -> None:
    """Without the setting they show no link."""
    app = Starlette(routes=site.routes(product_name="Acme", help_url=url))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client:
        config = (await client.get("/web/config.json")).json()

    assert config == {"productName": "Acme", "graphiql": False, "helpUrl": url}
