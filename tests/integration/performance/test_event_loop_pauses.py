"""Pauses of the server's event loop."""

import json
import subprocess
import sys
from pathlib import Path

from app import SWITCH_INTERVAL_S
from tests.support.processes import environment
from tests.support.users import KEYS

SERVER_STATE = """
import gc, json, sys
from app import from_environment
from_environment()
print(json.dumps([gc.get_freeze_count(), len(gc.get_objects()), sys.getswitchinterval()]))
"""


def test_server_excludes_startup_objects_from_garbage_collection(tmp_path: Path) -> None:
    """Modules and schema have some 100,000 objects. A full collection that checks them pauses the event loop.

    The switch interval limits how long a thread that renders QR codes holds the interpreter lock.
    """
    env = environment(COUNTERSIGN_DATABASE_URL=f"sqlite://{tmp_path}/server.sqlite3", COUNTERSIGN_SECRET_KEYS=KEYS)
    output = subprocess.run(
        [sys.executable, "-c", SERVER_STATE], env=env, capture_output=True, check=True, timeout=60
    ).stdout
    frozen, tracked, switch_interval_s = json.loads(output.splitlines()[-1])

    assert tracked < frozen / 10
    assert switch_interval_s == SWITCH_INTERVAL_S
