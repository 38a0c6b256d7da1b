"""`countersign company`: company accounts."""

from typing import Annotated

import typer

from cli.asking import AsJson
from cli.output import Fact, print_json, print_list
from cli.running import run
from schema import ids
from twofactor import accounts
from twofactor.results import Company

app = typer.Typer(name="company", help="Company accounts, to which users belong.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="For people to read; need not be unique.")],
    *,
    enforce_2fa: Annotated[bool, typer.Option("--enforce-2fa", help="Every user must have 2FA.")] = False,
    no_backup_codes: Annotated[
        bool, typer.Option("--no-backup-codes", help="Backup codes are neither shown nor issued nor accepted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a company account, and print its id."""
    company = run(
        lambda env: accounts.create_company(
            env, name, two_factor_enforced=enforce_2fa, backup_codes_enabled=not no_backup_codes
        )
    )
    if as_json:
        print_json(_facts(company))
    else:
        typer.echo(f"Made the company account {company.name}: {ids.encode(Company, company.id)}")


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List every company account, by name."""
    companies = run(accounts.list_companies)
    print_list(
        [_facts(company) for company in companies],
        columns=["id", "name", "two_factor_enforced", "backup_codes_enabled"],
        as_json=as_json,
        empty="There is no company account yet.",
    )


def _facts(company: Company) -> dict[str, Fact]:
    return {
        "id": ids.encode(Company, company.id),
        "name": company.name,
        "two_factor_enforced": company.two_factor_enforced,
        "backup_codes_enabled": company.backup_codes_enabled,
    }
