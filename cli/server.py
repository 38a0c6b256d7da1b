"""`countersign serve` and `countersign migrate`: run the server, and migrate the database."""

import typer
import uvicorn

from accounts.services import Services
from app import create_app, server_options
from cli.runner import errors_in_one_line, run_without_migration_check
from settings import read_settings


def serve() -> None:
    """Run the server at the host and port of the settings until SIGTERM or Ctrl-C.

    It finishes requests and emails in progress before it stops.
    """
    with errors_in_one_line():
        settings = read_settings()
        # Report a setting that cannot be used here, once, and not in each worker process.
        create_app(settings)
    uvicorn.run("app:from_environment", **server_options(settings))


def migrate() -> None:
    """Apply all migrations to the database. You can run it while servers run, and repeat it."""
    run_without_migration_check(_migrate)


async def _migrate(services: Services) -> None:
    applied = 0

    def progress(event: str, _app: str, name: str) -> None:
        nonlocal applied
        if event == "apply_done":
            applied += 1
            typer.echo(f"Applied {name}.")

    await services.database.migrate(progress)
    typer.echo("All migrations are applied." if applied else "All migrations were already applied.")
