"""Download the files of GraphiQL without npm: `python -m tools.fetch_graphiql [FOLDER]`.

The files come from the npm registry in npm's configuration, otherwise from the URLs in Strawberry's page. The command
keeps a file only if its hash matches the hash in Strawberry's page.
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
# The largest package, GraphiQL itself, has about four megabytes.
MAX_BYTES = 50_000_000
# No network, an unknown package, invalid JSON or an invalid tarball.
DOWNLOAD_ERRORS = (OSError, ValueError, KeyError, tarfile.TarError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Download the missing files. Return the exit code: 0 if all files are present, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.fetch_graphiql", description="Download the files of GraphiQL."
    )
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT_FOLDER, help="default: %(default)s")
    parser.add_argument("--registry", help="the URL of an npm registry; default: the registry in npm's configuration")
    options = parser.parse_args(arguments)
    missing = _missing_files(options.folder)
    if not missing:
        return 0
    registry = options.registry or configured_registry()
    for _, group in groupby(sorted(missing, key=_package), key=_package):
        files = list(group)
        if not (registry and _download(options.folder, files, registry)):
            _download(options.folder, files, None)
    missing = _missing_files(options.folder)
    if missing:
        names = ", ".join(file.name for file in missing)
        print(f"GraphiQL is incomplete, so a simple query page replaces it. Missing: {names}", file=sys.stderr)
        return 1
    print(f"GraphiQL is in {options.folder}.")
    return 0


def configured_registry() -> str | None:
    """Return the registry in npm's configuration, or None. If npm is not installed, read its variable and its files."""
    npm = shutil.which("npm")
    if npm:
        result = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)
        if result.stdout.startswith("http"):
            return result.stdout.strip()
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


def _missing_files(folder: Path) -> list[PageFile]:
    return [file for file in page_files() if not _is_present(folder / file.name, file)]


def _is_present(path: Path, file: PageFile) -> bool:
    return path.is_file() and file.is_intact(path.read_bytes())


def _package(file: PageFile) -> tuple[str, str]:
    return file.package, file.version


def _download(folder: Path, files: Sequence[PageFile], registry: str | None) -> bool:
    """Download files of one package, without a registry from their public URLs. Print the error if this fails."""
    try:
        contents = _from_registry(registry, files) if registry else {file: _get(file.url) for file in files}
    except DOWNLOAD_ERRORS as error:
        print(f"{files[0].package}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    for file, content in contents.items():
        if not file.is_intact(content):
            print(f"{file.name}: the hash does not match, so the file is not kept.", file=sys.stderr)
            return False
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Write to a temporary name first, so that a file under its final name is always complete.
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_bytes(content)
        temporary.replace(path)
    return True


def _from_registry(registry: str, files: Sequence[PageFile]) -> dict[PageFile, bytes]:
    """Return the contents of files of one package from its tarball."""
    package, version = _package(files[0])
    metadata = json.loads(_get(f"{registry.rstrip('/')}/{quote(package, safe='@')}/{version}"))
    with tarfile.open(fileobj=io.BytesIO(_get(metadata["dist"]["tarball"]))) as tarball:
        # All files of a tarball are in one folder, usually `package`.
        members = {member.name.partition("/")[2]: member for member in tarball if member.isfile()}
        return {file: _read_member(tarball, members[file.path]) for file in files}


def _read_member(tarball: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tarball.extractfile(member)
    if content is None or member.size > MAX_BYTES:
        raise ValueError(member.name)
    return content.read()


def _get(url: str) -> bytes:
    if urlsplit(url).scheme not in {"http", "https"}:
        message = f"not an http or https URL: {url}"
        raise ValueError(message)
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:  # noqa: S310  # the scheme is checked above
        content: bytes = response.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        message = "too large"
        raise ValueError(message)
    return content


if __name__ == "__main__":
    sys.exit(main())
