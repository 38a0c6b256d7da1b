"""Write the table of settings into README.md: `make settings-table`."""

from pathlib import Path

from pydantic.fields import FieldInfo

from settings import DEVELOPMENT_KEY_FILE, Settings, key_of

README = Path(__file__).parents[1] / "README.md"
START = "<!-- settings: written by `make settings-table` -->\n"
END = "<!-- end of settings -->"

BY_MODE = "on in development, off in production"
# The defaults that depend on the mode or on another setting.
DEPENDENT_DEFAULTS = {
    "secret_keys": f"in development, a random key in {DEVELOPMENT_KEY_FILE}",
    "issuer": "the product name",
    "introspection": BY_MODE,
    "graphiql": BY_MODE,
    "get_queries": BY_MODE,
    "log_format": "json in production, text in development",
}


def settings_table() -> str:
    """Return the Markdown table of all settings."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default, description = (
            text.replace("|", r"\|") for text in (_describe_default(name, field), field.description or "")
        )
        rows.append(f"| `{key_of(name)}` | {f'`{default}`' if default else ''} | {description} |")
    return "\n".join(rows) + "\n"


def _describe_default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None or name in DEPENDENT_DEFAULTS:
        return DEPENDENT_DEFAULTS[name]
    if isinstance(field.default, tuple):
        return ",".join(map(str, field.default))
    return "" if field.default is None else str(field.default)


def with_table(readme: str) -> str:
    """Return the text of the README with the current table.

    Raises:
        ValueError: The text does not contain the start and the end of the table once each.
    """
    before, rest = readme.split(START)
    _, after = rest.split(END)
    return f"{before}{START}{settings_table()}{END}{after}"


def main() -> None:
    """Update the README."""
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
