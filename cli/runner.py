"""Run a use case from the command line: build its services, and print an expected error as one line."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer

from accounts.errors import InvalidInputError, LastAdminError, UserNotFoundError
from accounts.services import Services
from app import build_services
from models.database import DatabaseUnavailable, MigrationRefused, UnknownMigrations
from settings import SettingsError, key_of, read_settings
from transport.logs import configure_logging
from twofactor.errors import TwoFactorNotActiveError

ResultT = TypeVar("ResultT")

FAILED = 1
# The exit code that typer uses for wrong arguments.
WRONG_USAGE = 2
# 128 plus the number of SIGINT, as in shells.
INTERRUPTED = 130


def run(command: Callable[[Services], Awaitable[ResultT]]) -> ResultT:
    """Run a command on the database of the settings. If a migration is missing, end with an error."""

    async def with_migration_check(services: Services) -> ResultT:
        if not await services.database.is_current():
            fail("The database is not migrated to this version. Run `countersign migrate` first.")
        return await command(services)

    return run_without_migration_check(with_migration_check)


def run_without_migration_check(command: Callable[[Services], Awaitable[ResultT]]) -> ResultT:
    """Run a command on the database of the settings, even if migrations are missing."""
    with errors_in_one_line():
        settings = read_settings()
        # Standard output is for the result of the command.
        configure_logging(settings.log_level, settings.log_format, stream=sys.stderr)
        # Libraries log their start, which does not help an operator.
        logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
        return asyncio.run(_with_services(build_services(settings), command))


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Print each expected error as one line on standard error, and end with exit code 1."""
    try:
        yield
    except SettingsError as error:
        fail(str(error))
    except DatabaseUnavailable:
        fail(f"The database is unavailable. Check that it runs and that {key_of('database_url')} is correct.")
    except UnknownMigrations as error:
        fail(f"This version cannot use the database: {error}.")
    except MigrationRefused as error:
        fail(f"The database cannot be migrated: {error}.")
    except UserNotFoundError:
        fail("There is no such user.")
    except LastAdminError:
        fail("This is the last admin of the company account. Nobody could help its users any more. Use --force.")
    except TwoFactorNotActiveError:
        fail("The 2FA of this user is not active.")
    except InvalidInputError as error:
        fail(str(error))


def fail(line: str, exit_code: int = FAILED) -> NoReturn:
    """Print the error on standard error, and end the process with this exit code."""
    typer.echo(f"Error: {line}", err=True)
    raise typer.Exit(exit_code)


async def _with_services(services: Services, command: Callable[[Services], Awaitable[ResultT]]) -> ResultT:
    await services.database.open()
    try:
        return await command(services)
    finally:
        services.hashing.close()
        await services.database.close()
