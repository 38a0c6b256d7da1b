"""Fetch the files of GraphiQL once, with Python alone: `python -m transport.graphiql.fetch [FOLDER]`.

They come from the npm registry that npm's configuration names, else from where Strawberry's page has them. Whatever
their way, only what fits the hash of Strawberry's page is kept.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import quote, urlsplit

from transport.graphiql.files import PageFile, page_files

DEFAULT_FOLDER = Path("var/graphiql")
TIMEOUT_S = 30
# The largest package, GraphiQL itself, has some four megabytes.
MAX_BYTES = 50_000_000
# What goes wrong on the way: no network, no such package, not JSON, no tar.
PROBLEMS = (OSError, ValueError, KeyError, tarfile.TarError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch what is missing. The exit code: 0 where all of it is there."""
    parser = argparse.ArgumentParser(
        prog="python -m transport.graphiql.fetch", description="Fetch the files of GraphiQL once."
    )
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT_FOLDER, help="default: %(default)s")
    parser.add_argument("--registry", help="an npm registry; default: the one of npm's configuration")
    chosen = parser.parse_args(arguments)
    missing = _missing(chosen.folder)
    if not missing:
        return 0
    registry = chosen.registry or configured_registry()
    for _, group in groupby(sorted(missing, key=_package), key=_package):
        files = list(group)
        if not (registry and _tried(chosen.folder, files, registry)):
            _tried(chosen.folder, files, None)
    missing = _missing(chosen.folder)
    if missing:
        names = ", ".join(file.name for file in missing)
        print(f"GraphiQL is not complete, so a small query page takes its place. Missing: {names}", file=sys.stderr)  # noqa: T201  # a command
        return 1
    print(f"GraphiQL is in {chosen.folder}.")  # noqa: T201  # a command
    return 0


def configured_registry() -> str | None:
    """The npm registry of this machine: as npm itself says, or as its configuration does where npm is not installed."""
    npm = shutil.which("npm")
    if npm:
        answer = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)  # noqa: S603  # found on the path
        if answer.stdout.startswith("http"):
            return answer.stdout.strip()
    for name, value in os.environ.items():
        if name.lower() == "npm_config_registry" and value:
            return value
    for path in (Path(".npmrc"), Path.home() / ".npmrc", Path("/etc/npmrc")):
        if path.is_file():
            for line in path.read_text("utf-8").splitlines():
                name, _, value = line.partition("=")
                if name.strip() == "registry":
                    return value.strip().strip("\"'")
    return None


def _missing(folder: Path) -> list[PageFile]:
    return [file for file in page_files() if not _is_there(folder / file.name, file)]


def _is_there(path: Path, file: PageFile) -> bool:
    return path.is_file() and file.is_intact(path.read_bytes())


def _package(file: PageFile) -> tuple[str, str]:
    return file.package, file.version


def _tried(folder: Path, files: Sequence[PageFile], registry: str | None) -> bool:
    """Fetch files of one package, and say what went wrong if something did."""
    try:
        found = _from_registry(registry, files) if registry else {file: _read(file.address) for file in files}
    except PROBLEMS as problem:
        print(f"{files[0].package}: {type(problem).__name__}: {problem}", file=sys.stderr)  # noqa: T201  # a command
        return False
    for file, content in found.items():
        if not file.is_intact(content):
            print(f"{file.name}: does not fit its hash, so it is not kept.", file=sys.stderr)  # noqa: T201  # a command
            return False
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Under its own name only when it is whole.
        arriving = path.with_name(f"{path.name}.{os.getpid()}")
        arriving.write_bytes(content)
        arriving.replace(path)
    return True


def _from_registry(registry: str, files: Sequence[PageFile]) -> dict[PageFile, bytes]:
    """Files of one package, out of its tarball."""
    package, version = _package(files[0])
    about = json.loads(_read(f"{registry.rstrip('/')}/{quote(package, safe='@')}/{version}"))
    with tarfile.open(fileobj=io.BytesIO(_read(about["dist"]["tarball"]))) as tarball:
        # All of it lies in one folder, most often called `package`.
        members = {member.name.partition("/")[2]: member for member in tarball if member.isfile()}
        return {file: _member(tarball, members[file.path]) for file in files}


def _member(tarball: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tarball.extractfile(member)
    if content is None or member.size > MAX_BYTES:
        raise ValueError(member.name)
    return content.read()


def _read(address: str) -> bytes:
    if urlsplit(address).scheme not in {"http", "https"}:
        message = f"not an address of the web: {address}"
        raise ValueError(message)
    with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310  # the scheme was looked at
        content: bytes = answer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        message = "too large"
        raise ValueError(message)
    return content


if __name__ == "__main__":
    sys.exit(main())
