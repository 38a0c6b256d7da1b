"""A database of each dialect, for an attack that lasts."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.databases import SqliteTemplate, postgres_template
from tests.support.postgres import postgres_server

DIALECTS = ("sqlite", "postgres")


@contextmanager
def database_of(dialect: str) -> Iterator[str]:
    """The URL of a migrated, empty database, which is dropped in the end."""
    if dialect == "sqlite":
        with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
            yield SqliteTemplate(Path(folder)).copy()
        return
    with postgres_server() as server, postgres_template(server) as template:
        url = template.copy()
        try:
            yield url
        finally:
            template.drop(url)
