"""Running a use case from the command line: the environment it needs, and one clear line where it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer

from app import build_environment
from models.database import DatabaseUnavailable
from settings import SettingsError, key_of, read_settings
from twofactor.environment import Environment
from twofactor.errors import InvalidInputError, TwoFactorNotActiveError, UserNotFoundError

ResultT = TypeVar("ResultT")

FAILED = 1
# As for what typer itself finds wrong with a command line.
WRONG_USAGE = 2
# 128 and the number of SIGINT, as shells have it.
INTERRUPTED = 130


def run(command: Callable[[Environment], Awaitable[ResultT]]) -> ResultT:
    """Run a command against the database that the settings name, whose tables have to be up to date."""

    async def with_tables(env: Environment) -> ResultT:
        if not await env.database.is_current():
            fail("The tables are not those of this version. Run `countersign migrate` first.")
        return await command(env)

    return run_anyhow(with_tables)


def run_anyhow(command: Callable[[Environment], Awaitable[ResultT]]) -> ResultT:
    """Run a command against the database that the settings name, whatever is in it."""
    with in_one_line():
        return asyncio.run(_within_environment(build_environment(read_settings()), command))


@contextmanager
def in_one_line() -> Iterator[None]:
    """Say what an operator can expect to go wrong in one line each, and end with exit code 1."""
    try:
        yield
    except SettingsError as error:
        fail(str(error))
    except DatabaseUnavailable:
        fail(f"The database cannot be used now: is it running, and is {key_of('database_url')} right?")
    except UserNotFoundError:
        fail("There is no such user.")
    except TwoFactorNotActiveError:
        fail("The 2FA of this user is not active.")
    except InvalidInputError as error:
        fail(str(error))


def fail(line: str, exit_code: int = FAILED) -> NoReturn:
    """Say why this is the end, and end."""
    typer.echo(f"Error: {line}", err=True)
    raise typer.Exit(exit_code)


async def _within_environment(env: Environment, command: Callable[[Environment], Awaitable[ResultT]]) -> ResultT:
    await env.database.open()
    try:
        return await command(env)
    finally:
        env.hashing.close()
        await env.database.close()
