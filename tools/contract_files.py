"""Write what describes the schema: `schema.graphql`, the files for caches, and the permissions in the guide."""

from pathlib import Path

from strawberry import Schema

from schema.export import export_cache_policies, export_possible_types, export_sdl
from schema.fields import declared
from schema.root import create_schema

ROOT = Path(__file__).parents[1]
PERMISSIONS_PAGE = ROOT / "docs/guide/errors.md"
START = "<!-- permissions: written by `make schema` -->\n"
END = "<!-- end of permissions -->\n"


def permissions_table() -> str:
    """Return the table: each field of `Query` and `Mutation`, who may call it, and whether it uses an attempt."""
    schema = create_schema(Schema)._schema  # noqa: SLF001  # there is no public access
    rows = ["| field | who may call it | uses an attempt |", "| --- | --- | --- |"]
    for root in (schema.query_type, schema.mutation_type):
        for name, field in root.fields.items() if root else ():
            facts = declared(field)
            rows.append(f"| `{name}` | {facts['access'].value} | {'yes' if facts['uses_attempt'] else ''} |")
    return "\n".join(rows) + "\n"


def with_permissions(page: str) -> str:
    """Return the text of the page with the current table."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return before + START + permissions_table() + END + after


def main() -> None:
    """Write the files."""
    (ROOT / "schema.graphql").write_text(export_sdl(), encoding="utf-8")
    (ROOT / "possibleTypes.json").write_text(export_possible_types(), encoding="utf-8")
    (ROOT / "cachePolicies.json").write_text(export_cache_policies(), encoding="utf-8")
    page = PERMISSIONS_PAGE.read_text(encoding="utf-8")
    PERMISSIONS_PAGE.write_text(with_permissions(page), encoding="utf-8")


if __name__ == "__main__":
    main()
