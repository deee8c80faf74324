"""A process that imports DVC (and dvc_bridge) once and forks for every command.

The interpreter under test runs it as a file, so it imports nothing of this repository by itself.
The protocol is one line of JSON in each direction:
{module, argv, folder, env, output, keeps_ignores} -> {code}.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import os
import signal
import sys
import traceback
from typing import Any

DEADLINE = 60  # s, for a command that takes 1 s even on a busy machine
NOWHERE = compile("", "nowhere", "exec")
ENTRY_POINTS = {
    "dvc": "dvc.cli",
    "dvc_bridge": "dvc_bridge.cli",
    "pods": "tests.support.play_in_workers",
    "generated": "tests.support.play_as_flow",
    "memory": "tests.equality.memory",
    "submitted": "tests.cluster.submitted",
    "slurm": "tests.slurm.play_in_jobs",
}


def serve() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        request = json.loads(line)
        importlib.import_module(ENTRY_POINTS[request["module"]])
        # Otherwise every child searches the files of all modules: half the CPU of a small repro.
        inspect.getmodule(NOWHERE)
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
    """Run the command in this process, which never returns."""
    code = 1
    try:
        signal.alarm(DEADLINE)  # the signal ends a command that hangs; its exit code is -14
        os.set_inheritable(learned, False)
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
        if request["module"] == "dvc":
            _take_stages_in_order()
        code = _main(request["module"], request["argv"])
        os.write(learned, "\n".join(sorted(set(sys.modules) - known)).encode())
    except BaseException:  # an escaping exception would make this child a second server
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


def _take_stages_in_order() -> None:
    """Make DVC take stages in the order of its index, as it does with many targets.

    With few targets, it iterates over a set of stages, so the order differs every time.
    """
    from networkx.classes.coreviews import FilterAtlas

    FilterAtlas.__iter__ = lambda self: (n for n in self._atlas if self.NODE_OK(n))


def _keep_ignores() -> None:
    """Make DVC remove only the .gitignore lines of the stage that fails."""
    from dvc.stage import Stage

    original = Stage.reproduce

    def reproduce(self: Any, *args: Any, **kwargs: Any) -> Any:
        context = self.repo.scm_context
        try:
            return original(self, *args, **kwargs)
        except Exception:
            for path in context.ignored_paths:
                context.ignore_remove(path)
            raise
        finally:
            context.ignored_paths = []

    Stage.reproduce = reproduce


def _import(name: str) -> None:
    # Import the modules of a child, so that later children inherit them.
    try:
        importlib.import_module(name)
    except Exception:  # a module created at run time exists only in the child
        return


if __name__ == "__main__":
    serve()
