"""The message that the demo prints when it is ready."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from examples.demo.users import DemoUser

LOGIN = """mutation ($email: String!, $password: String!) {
  login(email: $email, password: $password) {
    __typename
    ... on LoggedIn { sessionToken viewer { name company { name backupCodesEnabled } twoFactor { state } } }
    ... on SecondFactorRequired { challengeToken methods }
    ... on UserError { message }
  }
}"""


def print_welcome(url: str, mail_dir: Path, users: list[DemoUser], origins: Sequence[str]) -> None:
    """Print the URLs, the mail folder, the users and a first operation."""
    table = Table(title="Sign in as", title_justify="left")
    for column in ("email", "password", "role", "company"):
        table.add_column(column, overflow="fold")
    for user in users:
        table.add_row(user.email, user.password, user.role, user.company)
    variables = {"email": users[0].email, "password": users[0].password}
    one_line = " ".join(LOGIN.split())
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"Frontend:  {url}/")
    console.print(f"GraphQL:   {url}/graphql (GraphiQL in a browser)")
    console.print(f"Emails:    {mail_dir}")
    if origins:
        at_localhost = url.replace("127.0.0.1", "localhost")
        console.print(f"Origins:   {', '.join(origins)} (from localhost, call {at_localhost}/graphql)")
    console.print()
    console.print(table)
    console.print("\nA first operation, for GraphiQL:\n")
    console.print(LOGIN)
    console.print(f"\nwith the variables {json.dumps(variables)}\n\nThe same with curl:\n")
    body = json.dumps({"query": one_line, "variables": variables})
    console.print(f"curl {url}/graphql -H 'Content-Type: application/json' -d '{body}'")
    console.print("\nPress Ctrl-C to stop. The next `make demo` uses the same users and emails.")
    console.file.flush()
