"""`dvc-bridge worker`: run one task; engines start it."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from dvc_bridge.remote_run.worker_contract import time_limit


def declare_worker(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge worker`."""
    command.add_argument("reference", metavar="REFERENCE", help="reference of the task")
    command.set_defaults(run=worker_command)


def worker_command(args: Namespace) -> int:
    """Bring the stages of one task up to date, in the current directory."""
    # Containers start without a umask, but files of commands need the usual modes.
    os.umask(0o022)
    from dvc_bridge.worker.main import work  # noqa: PLC0415  it reads the umask
    from dvc_bridge.worker.time_limit import within  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=Path.cwd(), ignore_cleanup_errors=True) as folder:
        # A pod may not be able to write to DVC's default site cache directory.
        os.environ.setdefault("DVC_SITE_CACHE_DIR", str(Path(folder) / "site"))
        seconds = time_limit(os.environ)
        return within(seconds, lambda: work(args.reference, os.environ, Path(folder)))
