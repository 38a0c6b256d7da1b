"""Run the command line by `python -m cli`, as `countersign` does."""

from cli.main import app

app(prog_name="countersign")
