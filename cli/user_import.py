"""`countersign user import`: import users from a file. If a row is bad, import none, unless `--skip-bad` is set."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from accounts import users
from accounts.password_strength import Weakness
from accounts.passwords import hash_unless_weak
from accounts.services import Services
from accounts.users import BadRow, NewUser
from cli.file_text import UnreadableFileError, decode
from cli.formatting import progress_bar
from cli.prompts import find_company
from cli.runner import FAILED, WRONG_USAGE, fail, run
from cli.user_file import Row, read_rows
from security.fair_queue import COMMAND_LINE

# Replaces a row that cannot be read. The import rejects it, because its email is empty.
UNREADABLE_USER = NewUser(email="", name="")


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, or JSON Lines (.jsonl, .ndjson).")],
    *,
    company: Annotated[str, typer.Option(help="Id or unique name of the company account.")],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows and list the bad ones.")] = False,
    encoding: Annotated[
        str | None,
        typer.Option(help="For example cp1252 for a CSV file of Excel. Default: the byte order mark, otherwise UTF-8."),
    ] = None,
) -> None:
    """Import users into a company account. If a row is bad, import none of them.

    Columns: email, name, role (MEMBER or ADMIN), locale, and either password or password_hash (argon2, PHC string).
    They are separated by commas, semicolons or tabs. White space is removed around all values except passwords and
    hashes, and empty rows are skipped.
    The file may contain passwords: do not let others read it, and delete it afterwards.
    """
    try:
        text = decode(file.read_bytes(), encoding)
        rows = list(read_rows(text, is_csv=file.suffix.lower() not in {".jsonl", ".ndjson"}))
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    except LookupError:
        fail("There is no such encoding. Examples are utf-8, utf-16 and cp1252.", WRONG_USAGE)
    except UnreadableFileError as error:
        fail(f"{file}: {error}.")

    async def import_rows(services: Services) -> tuple[int, list[BadRow]]:
        found = await find_company(services, company)
        hashed = await _hashed(services, found.name, rows)
        return await users.import_users(services, found.id, hashed, skip_bad=skip_bad)

    imported, bad = run(import_rows)
    for problem in bad:
        row = rows[problem.number - 1]
        typer.echo(f"Row {row.number} (line {row.line}): {_reason(row, problem)}", err=True)
    if bad and not skip_bad:
        fail(f"Nothing was imported: {len(bad)} of {len(rows)} rows are bad.")
    typer.echo(f"{imported} imported, {len(bad)} skipped.")
    if bad:
        raise typer.Exit(FAILED)


async def _hashed(services: Services, company_name: str, rows: Sequence[Row]) -> list[NewUser]:
    """Return the users. Hashes replace the passwords that are strong enough.

    Hashing takes most of the time, so it uses every core and shows a progress bar.
    """
    users = [row.user or UNREADABLE_USER for row in rows]
    to_hash = [number for number, user in enumerate(users) if user.password is not None and not user.password_hash]

    async def hash_password(user: NewUser) -> NewUser:
        async with services.hashing.admit(COMMAND_LINE) as hasher:
            about = (user.email, user.name, company_name)
            password_hash = await hash_unless_weak(services, hasher, user.password or "", about=about)
        return (
            user if isinstance(password_hash, Weakness) else replace(user, password=None, password_hash=password_hash)
        )

    with progress_bar() as bar:
        task = bar.add_task("Hashing passwords", total=len(to_hash))
        for start in range(0, len(to_hash), services.hashing.workers):
            numbers = to_hash[start : start + services.hashing.workers]
            for number, user in zip(
                numbers, await gather(*(hash_password(users[number]) for number in numbers)), strict=True
            ):
                users[number] = user
            bar.advance(task, len(numbers))
    return users


def _reason(row: Row, problem: BadRow) -> str:
    return row.problem or f"{problem.argument}: {problem.reason}"
