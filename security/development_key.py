"""The encryption key of a development installation: random, and stored in a file at the first start."""

import base64
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from security.key_ring import KEY_BYTES

KEY_ID = "development"


def development_keys(path: Path) -> str:
    """Return the key in this file, in the form of `KeyRing.parse`. Create the file with a random key if it is missing.

    Only the owner can read the file. Several processes may call the function at once, and all get the same key.

    Raises:
        OSError: The file cannot be read or created.
    """
    if not path.exists():
        _create(path, f"{KEY_ID}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode('ascii')}\n")
    return path.read_text(encoding="ascii").strip()


def _create(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The link appears with its content or not at all, and never replaces a file of another process.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
