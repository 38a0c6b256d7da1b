"""The encryption key of a development installation."""

import threading
from pathlib import Path

import pytest

from security.development_key import development_keys
from security.key_ring import KeyRing


def test_key_is_random_private_and_stays_the_same(tmp_path: Path) -> None:
    """The first start creates the file, and later starts read it."""
    path = tmp_path / "var" / "countersign.key"
    keys = development_keys(path)

    assert development_keys(path) == keys
    assert development_keys(tmp_path / "other.key") != keys
    assert KeyRing.parse(keys).current_id == "development"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_simultaneous_starts_get_the_same_key(tmp_path: Path) -> None:
    """Exactly one process creates the file."""
    path = tmp_path / "countersign.key"
    found: list[str] = []
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        found.append(development_keys(path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1


def test_unusable_path_raises(tmp_path: Path) -> None:
    """The caller reports the setting."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(OSError, match="file"):
        development_keys(tmp_path / "file" / "countersign.key")
