"""`countersign serve` and `countersign migrate`."""

import typer
import uvicorn

from app import create_app, server_options
from cli.running import in_one_line, run_anyhow
from settings import read_settings
from twofactor.environment import Environment


def serve() -> None:
    """Serve the API at the host and port of the settings, until it is told to stop (SIGTERM, Ctrl-C).

    Requests and letters that are under way are finished first.
    """
    with in_one_line():
        settings = read_settings()
        # What cannot be used is said here, once, rather than by each process.
        create_app(settings)
    uvicorn.run("app:from_environment", **server_options(settings))


def migrate() -> None:
    """Bring the tables of the database up to date. Safe beside running servers, and to repeat."""
    run_anyhow(_migrate)


async def _migrate(env: Environment) -> None:
    applied = 0

    def tell(event: str, _app: str, name: str) -> None:
        nonlocal applied
        if event == "apply_done":
            applied += 1
            typer.echo(f"Applied {name}.")

    # For what it says where the database is out of reach.
    async with env.database.reading():
        await env.database.migrate(tell)
    typer.echo("The tables are up to date." if applied else "The tables were up to date already.")
