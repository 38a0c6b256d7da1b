"""`countersign user`: create, list, change and delete users. Each change takes effect at once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from accounts import companies, users
from accounts.entities import User
from accounts.services import Services
from accounts.user_enforcement import set_by_operator
from accounts.users import NewUser
from cli.formatting import Value, format_time, print_json, print_list
from cli.prompts import AsJson, Email, Force, PasswordStdin, find_company, find_user, prompt_new_password
from cli.runner import run
from cli.user_import import import_file
from models import Role, UserEnforcement
from schema import ids
from twofactor import removal
from twofactor.vouchers import IssuedVoucher

app = typer.Typer(name="user", help="Users of company accounts.", no_args_is_help=True)
app.command("import")(import_file)


@app.command("create")
def create(  # noqa: PLR0913  # one parameter for each option
    email: Email,
    *,
    company: Annotated[str, typer.Option(help="Id or unique name of the company account.")],
    name: Annotated[str, typer.Option(help="Display name.")],
    role: Annotated[Role, typer.Option(case_sensitive=False, help="The role of the user.")] = Role.MEMBER,
    locale: Annotated[
        str | None,
        typer.Option(help="Language of emails, a BCP 47 tag. Default: that of the first sign-in that asks for one."),
    ] = None,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Create a user and print the id. Prompts for the password."""
    password = prompt_new_password(from_stdin=password_stdin)

    async def create_in_company(services: Services) -> User:
        new = NewUser(email, name, role, locale, password)
        return await users.create_user(services, (await find_company(services, company)).id, new)

    user = run(create_in_company)
    if as_json:
        print_json(_values(user))
    else:
        typer.echo(f"Created the user {user.email}: {ids.encode(User, user.id)}")


@app.command("list")
def list_all(
    *,
    company: Annotated[str | None, typer.Option(help="Id or unique name of the company account. Default: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """List users, ordered by company account and name."""

    async def users_of_companies(services: Services) -> list[dict[str, Value]]:
        selected = [await find_company(services, company)] if company else await companies.list_companies(services)
        return [_values(user) for one in selected for user in await users.list_users(services, one.id)]

    print_list(
        run(users_of_companies),
        columns=["email", "name", "role", "company", "two_factor", "enabled", "last_login_at"],
        as_json=as_json,
        empty="There are no users.",
    )


@app.command("set-role")
def set_role(
    email: Email,
    role: Annotated[Role, typer.Argument(case_sensitive=False, help="The new role.")],
    *,
    force: Force = False,
) -> None:
    """Make a user an admin or a member of their company account. Sends an enabled user an email."""
    _change(email, lambda services, user_id: users.set_role(services, user_id, role, force=force))
    typer.echo(f"{email} is now {role.value}.")


@app.command("set-password")
def set_password(email: Email, *, password_stdin: PasswordStdin = False) -> None:
    """Set a new password for a user. Prompts for it. Ends all their sessions and sends them an email."""
    password = prompt_new_password(from_stdin=password_stdin)
    _change(email, lambda services, user_id: users.set_password(services, user_id, password))
    typer.echo(f"{email} has a new password.")


@app.command()
def disable(email: Email, *, force: Force = False) -> None:
    """Disable a user, so that they cannot sign in. Ends all their sessions and sends them an email."""
    _change(email, lambda services, user_id: users.disable_user(services, user_id, force=force))
    typer.echo(f"{email} is disabled.")


@app.command()
def enable(email: Email) -> None:
    """Enable a disabled user, so that they can sign in again. Sends them an email."""
    _change(email, users.enable_user)
    typer.echo(f"{email} is enabled.")


@app.command()
def unlock(email: Email) -> None:
    """End the waits and locks after failed sign-ins of a user. Sends an enabled user an email.

    Before you run it, verify that the request comes from this user.
    """
    _change(email, users.unlock_user)
    typer.echo(f"{email} is not locked.")


@app.command()
def delete(
    email: Email,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    force: Force = False,
) -> None:
    """Delete a user and all their data. Their audit events stay. This cannot be undone."""
    if not yes:
        typer.confirm(f"Delete {email}? This cannot be undone.", abort=True, err=True)
    _change(email, lambda services, user_id: users.delete_user(services, user_id, force=force))
    typer.echo(f"{email} is deleted.")


@app.command("reset-2fa")
def reset_2fa(
    email: Email,
    *,
    reason: Annotated[
        str | None, typer.Option(help="The reason, for the audit log and the email. At most 500 characters.")
    ] = None,
) -> None:
    """Deactivate the 2FA of a user, for example after a lost phone. Ends their sessions and sends them an email.

    Before you run it, verify that the request comes from this user. If the company account requires it, prints a
    voucher, which the user needs to set up 2FA again. Hand it over in person or by phone.
    """

    async def reset(services: Services) -> IssuedVoucher | None:
        return await removal.reset_by_operator(services, (await find_user(services, email)).id, reason)

    voucher = run(reset)
    typer.echo(f"The 2FA of {email} is deactivated.")
    if voucher is not None:
        typer.echo(f"Voucher, shown once: {voucher.text}, valid until {format_time(voucher.expires_at)}.")


@app.command("set-enforcement")
def set_enforcement(
    email: Email,
    enforcement: Annotated[UserEnforcement, typer.Argument(case_sensitive=False, help="The new rule.")],
    *,
    exempt_until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day in UTC on which an exemption ends.")
    ] = None,
) -> None:
    """Require 2FA of a user, exempt them until a day, or let their company account decide. Sends them an email."""
    end = exempt_until and exempt_until.replace(tzinfo=UTC)
    _change(email, lambda services, user_id: set_by_operator(services, user_id, enforcement, end))
    typer.echo(f"The rule of {email} is now {enforcement.value}.")


def _change(email: str, change: Callable[[Services, UUID], Awaitable[None]]) -> None:
    async def change_user(services: Services) -> None:
        await change(services, (await find_user(services, email)).id)

    run(change_user)


def _values(user: User) -> dict[str, Value]:
    return {
        "id": ids.encode(User, user.id),
        "email": user.email,
        "name": user.name,
        "role": user.role.value,
        "company": user.company.name,
        "company_id": ids.encode(type(user.company), user.company.id),
        "two_factor": "ACTIVE" if user.two_factor.is_active else "INACTIVE",
        "enabled": user.is_enabled,
        "locale": user.locale,
        "created_at": format_time(user.created_at),
        "last_login_at": format_time(user.last_login_at),
    }
