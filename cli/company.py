"""`countersign company`: create and list company accounts."""

from typing import Annotated

import typer

from accounts import companies
from accounts.entities import Company
from cli.formatting import Value, format_time, print_json, print_list
from cli.prompts import AsJson
from cli.runner import run
from schema import ids

app = typer.Typer(name="company", help="Company accounts. Each user belongs to one.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Display name. Two company accounts may have the same name.")],
    *,
    enforce_2fa: Annotated[bool, typer.Option("--enforce-2fa", help="Enforce 2FA for every user.")] = False,
    no_backup_codes: Annotated[
        bool, typer.Option("--no-backup-codes", help="Do not show, issue or accept backup codes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a company account and print its id."""
    company = run(
        lambda services: companies.create_company(
            services, name, two_factor_enforced=enforce_2fa, backup_codes_enabled=not no_backup_codes
        )
    )
    if as_json:
        print_json(_values(company))
    else:
        typer.echo(f"Created the company account {company.name}: {ids.encode(Company, company.id)}")


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List all company accounts, ordered by name."""
    all_companies = run(companies.list_companies)
    print_list(
        [_values(company) for company in all_companies],
        columns=["id", "name", "two_factor_enforced", "enforced_for", "enforce_from", "backup_codes_enabled"],
        as_json=as_json,
        empty="There are no company accounts.",
    )


def _values(company: Company) -> dict[str, Value]:
    return {
        "id": ids.encode(Company, company.id),
        "name": company.name,
        "two_factor_enforced": company.two_factor_enforced,
        "enforced_for": company.enforced_for.value,
        "enforce_from": format_time(company.enforce_from),
        "backup_codes_enabled": company.backup_codes_enabled,
    }
