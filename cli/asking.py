"""What the operator is asked for, and what they name: passwords, company accounts, users."""

import sys
from typing import Annotated

import typer

from cli.running import WRONG_USAGE, fail
from schema import ids
from twofactor import accounts
from twofactor.environment import Environment
from twofactor.errors import UserNotFoundError
from twofactor.results import Company, User

# More than any password has, so that what is too long is seen to be too long.
MOST_BYTES_READ = 8192

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, up to the end of the line.")
]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="With which the user signs in.")]


def ask_new_password(*, from_stdin: bool) -> str:
    """A new password, read or asked for twice without showing it. Never an argument, for others see those."""
    if from_stdin:
        return _read_password()
    if not sys.stdin.isatty():
        fail("There is no terminal to ask for the password: give it by --password-stdin.", WRONG_USAGE)
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    return password


def _read_password() -> str:
    line, _, _ = sys.stdin.buffer.read(MOST_BYTES_READ).partition(b"\n")
    try:
        password = line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        fail("The password on standard input is not UTF-8.")
    if not password:
        fail("There is no password on standard input.")
    return password


async def find_company(env: Environment, id_or_name: str) -> Company:
    """The company account that is named by its id, or by a name that no other one has. Ends where there is none."""
    key = ids.decode_as(Company, id_or_name)
    companies = await accounts.list_companies(env)
    if found := [company for company in companies if company.id == key]:
        return found[0]
    named = [company for company in companies if company.name == id_or_name]
    if len(named) > 1:
        fail("Several company accounts have this name: give the id of one (`countersign company list`).")
    if not named:
        fail("There is no company account with this id or name (`countersign company list`).")
    return named[0]


async def find_user(env: Environment, email: str) -> User:
    """The user with this email. Ends where there is none."""
    try:
        return await accounts.find_user_by_email(env, email)
    except UserNotFoundError:
        fail("There is no user with this email.")
