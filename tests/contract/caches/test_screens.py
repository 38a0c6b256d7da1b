"""Apollo Client and urql's graphcache with the cache policies show the current state, and send no other requests."""

from pathlib import Path

import pytest

import models
from app import create_app
from settings import Settings
from tests.contract.caches.programs import run_program
from tests.support.server import serving
from tests.support.users import KEYS, NEW_PASSWORD, PASSWORD


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("client", ["apollo", "urql"])
async def test_every_screen_is_current_after_every_mutation(
    database_url: str, member: models.User, admin: models.User, tmp_path: Path, client: str
) -> None:
    """The queries and mutations are those of the guide. No secret stays in a cache."""
    settings = Settings(database_url=database_url, secret_keys=KEYS, smtp_security="none", smtp_port=9)
    async with serving(create_app(settings), settings) as url:
        output = await run_program(
            tmp_path,
            "screens.mjs",
            client,
            url=url,
            password=PASSWORD,
            newPassword=NEW_PASSWORD,
            member=member.email,
            memberId=f"user_{member.id.hex}",
            admin=admin.email,
        )

    assert output == "all screens are current\n"
