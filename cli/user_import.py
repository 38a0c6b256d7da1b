"""`countersign user import`: many users from a file. Nothing of a file with a bad row is imported, unless told to."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli.asking import find_company
from cli.output import progress_bar
from cli.running import FAILED, fail, run
from cli.user_file import Row, UnreadableFileError, read_rows
from twofactor import accounts
from twofactor.accounts import BadRow, NewUser
from twofactor.environment import Environment
from twofactor.passwords import hash_unless_weak

# What stands in for a row that cannot be read: it is refused together with the others that are bad.
NOBODY = NewUser(email="", name="")


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, or JSON Lines (.jsonl, .ndjson).")],
    *,
    company: Annotated[str, typer.Option(help="Id or unique name of the company account.")],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import what is good, and name the rest.")] = False,
) -> None:
    """Make many users of a company account, all or none.

    Columns: email, name, role (MEMBER or ADMIN), locale, and either password or password_hash (argon2, PHC string).
    The file may hold passwords: keep it from others, and remove it afterwards.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(read_rows(lines, is_csv=file.suffix.lower() not in {".jsonl", ".ndjson"}))
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"{file} is not UTF-8.")
    except UnreadableFileError as error:
        fail(f"{file}: {error}")

    async def make(env: Environment) -> tuple[int, list[BadRow]]:
        company_id = (await find_company(env, company)).id
        return await accounts.import_users(env, company_id, await _hashed(env, rows), skip_bad=skip_bad)

    made, bad = run(make)
    for problem in bad:
        row = rows[problem.number - 1]
        typer.echo(f"Row {row.number} (line {row.line}): {_reason(row, problem)}", err=True)
    if bad and not skip_bad:
        fail(f"Nothing was imported: {len(bad)} of {len(rows)} rows are bad.")
    typer.echo(f"{made} imported, {len(bad)} skipped.")
    if bad:
        raise typer.Exit(FAILED)


async def _hashed(env: Environment, rows: Sequence[Row]) -> list[NewUser]:
    """The users, with hashes in place of the passwords that are strong enough.

    Hashing takes nearly all the time, so it is done on every core and has a bar.
    """
    users = [row.user or NOBODY for row in rows]
    to_hash = [number for number, user in enumerate(users) if user.password is not None and not user.password_hash]

    async def hash_password(user: NewUser) -> NewUser:
        password_hash = await hash_unless_weak(env, user.password or "", user.email, user.name)
        return replace(user, password=None, password_hash=password_hash) if password_hash else user

    with progress_bar() as bar:
        task = bar.add_task("Hashing passwords", total=len(to_hash))
        for start in range(0, len(to_hash), env.hashing.workers):
            numbers = to_hash[start : start + env.hashing.workers]
            for number, user in zip(
                numbers, await gather(*(hash_password(users[number]) for number in numbers)), strict=True
            ):
                users[number] = user
            bar.advance(task, len(numbers))
    return users


def _reason(row: Row, problem: BadRow) -> str:
    return row.problem or f"{problem.argument}: {problem.reason}"
