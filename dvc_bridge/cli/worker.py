"""`dvc-bridge worker`, which pods start."""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from pathlib import Path

from dvc_bridge.errors import UsageError

NEEDED = ("DVC_BRIDGE_RUN", "DVC_BRIDGE_STORE")
# One of these says where the code comes from, the second with two more.
CODE = ("DVC_BRIDGE_CODE", "DVC_BRIDGE_REPO")


def worker(args: Namespace) -> int:
    """Bring the stages of one group up to date, in the current directory."""
    # Containers begin with none; what commands make there is to have the usual modes.
    os.umask(0o022)
    from dvc_bridge.worker.main import work  # noqa: PLC0415  it reads the umask

    lost = [name for name in NEEDED if not os.environ.get(name)]
    if not any(map(os.environ.get, CODE)):
        lost.append(" or ".join(CODE))
    if lost:
        raise UsageError(
            f"{', '.join(lost)} not set: this command is for the pods of a run", "dvc-bridge submit"
        )
    with tempfile.TemporaryDirectory(dir=Path.cwd(), ignore_cleanup_errors=True) as folder:
        # Where DVC puts it by itself, a pod may not write.
        os.environ.setdefault("DVC_SITE_CACHE_DIR", str(Path(folder) / "site"))
        return work(args.group, os.environ, Path(folder))
