"""Write files atomically, so that another process never reads a partial file."""

import json
import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a temporary file in the same folder, then rename it. rename(2) is atomic."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that only its owner can read."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")
