"""What the demo says when it is ready."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.people import Person

LOGIN = """mutation ($email: String!, $password: String!) {
  login(email: $email, password: $password) {
    __typename
    ... on LoggedIn { sessionToken viewer { name company { name backupCodesEnabled } twoFactor { state } } }
    ... on SecondFactorRequired { challengeToken methods }
    ... on UserError { message }
  }
}"""


def welcome(url: str, mail_dir: Path, people: list[Person]) -> None:
    """Print where everything is, who can sign in, and a first query."""
    table = Table(title="Sign in as", title_justify="left")
    for column in ("email", "password", "role", "company"):
        table.add_column(column, overflow="fold")
    for person in people:
        table.add_row(person.email, person.password, person.role, person.company)
    variables = {"email": people[0].email, "password": people[0].password}
    one_line = " ".join(LOGIN.split())
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"Frontend:  {url}/")
    console.print(f"GraphQL:   {url}/graphql (GraphiQL in a browser)")
    console.print(f"Letters:   {mail_dir}\n")
    console.print(table)
    console.print("\nA first query, for GraphiQL:\n")
    console.print(LOGIN)
    console.print(f"\nwith the variables {json.dumps(variables)}\n\nThe same by curl:\n")
    body = json.dumps({"query": one_line, "variables": variables})
    console.print(f"curl {url}/graphql -H 'Content-Type: application/json' -d '{body}'")
    console.print("\nCtrl-C stops it; `make demo` goes on with the same people and letters.")
    console.file.flush()
