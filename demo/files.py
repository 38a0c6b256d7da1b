"""Files that are whole whenever somebody looks at them."""

import json
import os
from pathlib import Path


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file beside its place and move it there: who waits for it never sees a part (rename(2) is atomic)."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def write_json(path: Path, value: object) -> None:
    """Write JSON for its owner alone to read."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")
