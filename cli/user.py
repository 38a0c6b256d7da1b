"""`countersign user`: users, and what an operator can do for them. Each change takes effect at once."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer

import models
from cli.asking import AsJson, Email, PasswordStdin, ask_new_password, find_company, find_user
from cli.output import Fact, instant, print_json, print_list
from cli.running import run
from cli.user_import import import_file
from models import Role
from schema import ids
from twofactor import accounts, removal
from twofactor.accounts import NewUser
from twofactor.environment import Environment
from twofactor.results import User

app = typer.Typer(name="user", help="Users of company accounts.", no_args_is_help=True)
app.command("import")(import_file)


@app.command("create")
def create(  # noqa: PLR0913  # a user is made of that many
    email: Email,
    *,
    company: Annotated[str, typer.Option(help="Id or unique name of the company account.")],
    name: Annotated[str, typer.Option(help="For people to read.")],
    role: Annotated[Role, typer.Option(case_sensitive=False, help="What the user may do.")] = Role.MEMBER,
    locale: Annotated[
        str | None, typer.Option(help="Language of letters, a BCP 47 tag; else that of the first sign-in.")
    ] = None,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Make a user, and print the id. The password is asked for."""
    password = ask_new_password(from_stdin=password_stdin)

    async def make(env: Environment) -> User:
        new = NewUser(email, name, role, locale, password)
        return await accounts.create_user(env, (await find_company(env, company)).id, new)

    user = run(make)
    if as_json:
        print_json(_facts(user, is_enabled=True))
    else:
        typer.echo(f"Made the user {user.email}: {ids.encode(User, user.id)}")


@app.command("list")
def list_all(
    *,
    company: Annotated[
        str | None, typer.Option(help="Id or unique name of the company account; else every one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List users by company account and name."""

    async def ask(env: Environment) -> list[dict[str, Fact]]:
        companies = [await find_company(env, company)] if company else await accounts.list_companies(env)
        users = [user for one in companies for user in await accounts.list_users(env, one.id)]
        async with env.database.reading():
            disabled = set(await models.User.filter(is_enabled=False).values_list("id", flat=True))
        return [_facts(user, is_enabled=user.id not in disabled) for user in users]

    print_list(
        run(ask),
        columns=["email", "name", "role", "company", "two_factor", "enabled", "last_login_at"],
        as_json=as_json,
        empty="There is no user yet.",
    )


@app.command("set-role")
def set_role(
    email: Email, role: Annotated[Role, typer.Argument(case_sensitive=False, help="What the user may do from now on.")]
) -> None:
    """Make a user an admin of their company account, or a member again."""
    _change(email, lambda env, user_id: accounts.set_role(env, user_id, role))
    typer.echo(f"{email} is {role.value} now.")


@app.command("set-password")
def set_password(email: Email, *, password_stdin: PasswordStdin = False) -> None:
    """Give a user a new password, which is asked for. All their sessions end, and a letter tells them."""
    password = ask_new_password(from_stdin=password_stdin)
    _change(email, lambda env, user_id: accounts.set_password(env, user_id, password))
    typer.echo(f"{email} has a new password.")


@app.command()
def disable(email: Email) -> None:
    """Keep a user from signing in. All their sessions end."""
    _change(email, accounts.disable_user)
    typer.echo(f"{email} is disabled.")


@app.command()
def enable(email: Email) -> None:
    """Let a user sign in again."""
    _change(email, accounts.enable_user)
    typer.echo(f"{email} is enabled.")


@app.command()
def delete(email: Email, *, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Remove a user for good, with all that is theirs. The audit trail stays."""
    if not yes:
        typer.confirm(f"Remove {email} for good?", abort=True, err=True)
    _change(email, accounts.delete_user)
    typer.echo(f"{email} is removed.")


@app.command("reset-2fa")
def reset_2fa(
    email: Email,
    *,
    reason: Annotated[
        str | None, typer.Option(help="Why, for the audit trail and the letter; at most 500 characters.")
    ] = None,
) -> None:
    """Switch off a user's 2FA, as when phone and backup codes are lost. Their sessions end, and a letter tells them.

    Make sure first that it is this user who asks.
    """
    _change(email, lambda env, user_id: removal.reset_by_operator(env, user_id, reason))
    typer.echo(f"The 2FA of {email} is off.")


def _change(email: str, change: Callable[[Environment, UUID], Awaitable[None]]) -> None:
    async def of_this_user(env: Environment) -> None:
        await change(env, (await find_user(env, email)).id)

    run(of_this_user)


def _facts(user: User, *, is_enabled: bool) -> dict[str, Fact]:
    return {
        "id": ids.encode(User, user.id),
        "email": user.email,
        "name": user.name,
        "role": user.role.value,
        "company": user.company.name,
        "company_id": ids.encode(type(user.company), user.company.id),
        "two_factor": "ACTIVE" if user.two_factor.is_active else "INACTIVE",
        "enabled": is_enabled,
        "locale": user.locale,
        "created_at": instant(user.created_at),
        "last_login_at": instant(user.last_login_at),
    }
