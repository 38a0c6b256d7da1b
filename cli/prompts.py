"""Input from the operator: passwords, and the company account or user that an argument names."""

import sys
from typing import Annotated

import typer

from accounts import companies, users
from accounts.entities import Company, User
from accounts.errors import UserNotFoundError
from accounts.services import Services
from cli.runner import WRONG_USAGE, fail
from schema import ids

# The maximum length that is read. It is more than the limit on passwords, so that a longer password is rejected and not
# cut off.
MAX_BYTES_READ = 8192

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The email address of the user.")]
Force = Annotated[bool, typer.Option("--force", help="Also for the last admin of a company account.")]


def prompt_new_password(*, from_stdin: bool) -> str:
    """Read a new password from standard input, or prompt for it twice without echo.

    A password is never an argument, because other users of the machine can see the arguments of a process.
    """
    if from_stdin:
        return _read_password()
    if not sys.stdin.isatty():
        fail("Standard input is no terminal, so the password cannot be entered. Use --password-stdin.", WRONG_USAGE)
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt="Repeat the password", err=True)
    return password


def _read_password() -> str:
    line, _, _ = sys.stdin.buffer.read(MAX_BYTES_READ).partition(b"\n")
    try:
        # PowerShell puts a byte order mark before the text that it sends to a command.
        password = line.removesuffix(b"\r").decode("utf-8-sig")
    except UnicodeDecodeError:
        fail("The password on standard input is not UTF-8.")
    if not password:
        fail("Standard input contains no password.")
    return password


async def find_company(services: Services, id_or_name: str) -> Company:
    """Return the company account with this id or unique name. If there is none, end the command with an error."""
    key = ids.decode_as(Company, id_or_name)
    all_companies = await companies.list_companies(services)
    if found := [company for company in all_companies if company.id == key]:
        return found[0]
    named = [company for company in all_companies if company.name == id_or_name]
    if len(named) > 1:
        fail("Several company accounts have this name. Use an id instead (`countersign company list`).")
    if not named:
        fail("There is no company account with this id or name (`countersign company list`).")
    return named[0]


async def find_user(services: Services, email: str) -> User:
    """Return the user with this email. If there is none, end the command with an error."""
    try:
        return await users.find_user_by_email(services, email)
    except UserNotFoundError:
        fail("There is no user with this email.")
