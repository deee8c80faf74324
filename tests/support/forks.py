"""The client of fork_server.py, which saves each command 0.4 s of imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from dvc_bridge.verify.against_dvc import Ran
from tests.support.paths import REPOSITORY

SERVER = Path(__file__).with_name("fork_server.py")


class ForkServer(ExitStack):
    """Runs commands like `python -m MODULE ARGUMENTS`.

    Each side has its own server, so that changes of dvc_bridge inside DVC cannot affect the oracle.

    Parameters
    ----------
    python
        The interpreter; that of another environment runs another version of DVC.
    path
        The folder that holds the dvc_bridge to run.
    """

    def __init__(self, python: str = sys.executable, path: Path = REPOSITORY) -> None:
        super().__init__()
        output = tempfile.NamedTemporaryFile(prefix="equality-")  # noqa: SIM115  lives as long as we
        self._output = self.enter_context(output)
        # It ends at the end of its input, which Popen closes on exit.
        self._process = self.enter_context(
            subprocess.Popen(
                [python, "-P", str(SERVER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": str(path)},
            )
        )

    def __call__(
        self,
        module: str,
        argv: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        *,
        keeps_ignores: bool = False,
    ) -> Ran:
        """Run one command and wait; `keeps_ignores` keeps the .gitignore lines of good stages."""
        assert self._process.stdin
        assert self._process.stdout
        request = {
            "module": module,
            "argv": list(argv),
            "folder": str(folder),
            "env": dict(env),
            "output": self._output.name,
            "keeps_ignores": keeps_ignores,
        }
        start = time.monotonic()
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the server ended with {self._process.wait()}")
        seconds = time.monotonic() - start
        text = Path(self._output.name).read_text("utf-8", "replace")
        return Ran(json.loads(answer)["code"], text, seconds)
