"""What would stop the event loop of a server, and does not."""

import json
import subprocess
import sys
from pathlib import Path

from app import SWITCH_INTERVAL_S
from tests.cli.processes import environment
from tests.conftest import KEYS

SERVED = """
import gc, json, sys
from app import from_environment
from_environment()
print(json.dumps([gc.get_freeze_count(), len(gc.get_objects()), sys.getswitchinterval()]))
"""


def test_a_server_does_not_look_for_garbage_among_what_stays(tmp_path: Path) -> None:
    """Modules and schema are some hundred thousand objects: a full collection would stand still for them each time.

    Nor does a thread that draws hold the interpreter's lock as long as CPython would let it.
    """
    env = environment(COUNTERSIGN_DATABASE_URL=f"sqlite://{tmp_path}/served.sqlite3", COUNTERSIGN_SECRET_KEYS=KEYS)
    told = subprocess.run([sys.executable, "-c", SERVED], env=env, capture_output=True, check=True, timeout=60).stdout
    frozen, looked_at, switch_interval_s = json.loads(told.splitlines()[-1])

    assert looked_at < frozen / 10
    assert switch_interval_s == SWITCH_INTERVAL_S
