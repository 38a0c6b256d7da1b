"""`python -m cli`: the same as `countersign`."""

from cli.main import app

app(prog_name="countersign")
