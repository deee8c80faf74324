"""A process that has imported DVC (or dvc_bridge too) and forks for every command.

A fresh interpreter spends 0.4 s importing before it does anything; a fork of this one does not.
The two sides have a server each, so that nothing that dvc_bridge changes in DVC reaches the
oracle. The protocol is one line of JSON each way.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dvc_bridge.run.check import Ran

ENTRY_POINTS = {"dvc": "dvc.cli", "dvc_bridge": "dvc_bridge.cli"}


class ForkServer:
    """Runs commands as `python -m MODULE ARGUMENTS` would, without the start of an interpreter.

    Parameters
    ----------
    python
        The interpreter; another than ours runs another version of DVC.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self._output = tempfile.NamedTemporaryFile(prefix="equality-")  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
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
        """Run one command and wait; `keeps_ignores` stops DVC's roll-back of .gitignore lines."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process:
            if self._process.stdin:
                self._process.stdin.close()
        self._output.close()


def serve() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        request = json.loads(line)
        importlib.import_module(ENTRY_POINTS[request["module"]])
        gc.freeze()
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _carry_out(request, write)
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as pipe:
            learned = pipe.read().split()
        _, status = os.waitpid(pid, 0)
        for name in learned:
            _import(name)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), file=answers, flush=True)


def _carry_out(request: dict[str, Any], learned: int) -> None:
    """Be the command: never returns."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["folder"])
        output = os.open(request["output"], os.O_WRONLY | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        if request["keeps_ignores"]:
            _keep_ignores()
        known = set(sys.modules)
        code = _main(request["module"], request["argv"])
        os.write(learned, "\n".join(sorted(set(sys.modules) - known)).encode())
    except BaseException:  # noqa: BLE001  # what escapes here would make this child a second server
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _main(module: str, argv: list[str]) -> int:
    try:
        code = importlib.import_module(ENTRY_POINTS[module]).main(argv)
    except SystemExit as stop:
        code = stop.code
    return code if isinstance(code, int) else int(code is not None)


def _keep_ignores() -> None:
    from dvc.repo.scm_context import SCMContext

    SCMContext.ignore_remove = lambda self, path: None


def _import(name: str) -> None:
    # What a child had to import, its successors find imported.
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001  # made up at run time: stays the child's own business
        return


if __name__ == "__main__":
    serve()
