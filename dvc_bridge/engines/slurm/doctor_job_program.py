"""What the job of `dvc-bridge doctor` does: print what a node has, as a line of JSON.

`python -m dvc_bridge.engines.slurm.doctor_job_program`; the settings of the remotes are in the
environment.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from dvc_bridge.dvcio.remotes.config import open_bare
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.errors import BridgeError
from dvc_bridge.remote_run.run_store import FOLDER
from dvc_bridge.remote_run.worker_contract import STORE


def main() -> None:
    """Print what this node has, and whether it can write to the remote."""
    found = {
        "node": platform.node(),
        "python": sys.executable,
        "dvc": version("dvc"),
        "remote": "",
        "error": "",
        "fix": "",
    }
    try:
        found["remote"] = _write_to_remote()
    except BridgeError as exc:
        found |= {"error": exc.message, "fix": exc.fix}
    except OSError as exc:
        found |= {"error": str(exc)}
    print(json.dumps(found))


def _write_to_remote() -> str:
    """Write a file to the remote, remove it, and return the remote's URL."""
    with tempfile.TemporaryDirectory() as folder:
        settings = json.loads(os.environ[STORE])
        with closing(open_bare(Path(folder), settings)) as repo:
            remote = Remote(repo)
            path = remote.path(FOLDER, f"doctor-{secrets.token_hex(4)}")
            remote.put(path, b"")
            remote.remove(path)
            return str(remote.url)


if __name__ == "__main__":
    main()
