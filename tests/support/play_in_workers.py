"""A remote run without a cluster: each pod is a process in its own folder, one after the other.

`main(["repro", ...])` does the same as `dvc-bridge submit --wait`, with the same code; the equality
lab plays cases with it. It uses the project's default remote.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from dvc_bridge import cli
from dvc_bridge.app.collect import merge_settled
from dvc_bridge.app.context import RunContext
from dvc_bridge.cli.parser import parser
from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import warn
from dvc_bridge.errors import BridgeError
from dvc_bridge.remote_run.worker_contract import SnapshotCode, WorkerEnvironment

# The number of stages per pod; all cases of the lab are played with several sizes.
SIZE = int(os.environ.get("EQUALITY_PODS", "1"))


def main(argv: Sequence[str]) -> int:
    """Play `repro` with pods."""
    args = parser().parse_args([argument for argument in argv if argument != "--plain"])
    try:
        context = RunContext(selection_of(args), force=args.force, engine="processes", warn=warn)
        with context, tempfile.TemporaryDirectory() as folder:
            run = f"r{os.getpid()}"
            settled = context.prepare()
            waiting = [stage.position for stage in settled.waiting]
            groups = [waiting[i : i + SIZE] for i in range(0, len(waiting), SIZE)]
            code = 0
            if groups:
                done = context.upload(settled, groups, [args.jobs or 1] * len(groups), run)
                code_of_run = SnapshotCode(done.code)
                environment = WorkerEnvironment(done.run, context.store_settings(), code_of_run)
                env = environment.variables()
                for reference in done.references:
                    pod_code = _pod(Path(folder, reference.partition(":")[0]), reference, env)
                    code = code or pod_code
                    if code and not args.keep_going:
                        break
            context.read_after(run)
            merge_settled(context, settled, run)
            return code
    except BridgeError as exc:
        print(f"dvc-bridge: {exc}", file=sys.stderr)
        return exc.exit_code


def _pod(folder: Path, reference: str, env: Mapping[str, str]) -> int:
    folder.mkdir()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()  # DVC is imported already
    if pid == 0:
        code = 1
        try:
            os.chdir(folder)
            site = str(folder / "site")
            os.environ.update({**env, "USER": "dvc", "DVC_SITE_CACHE_DIR": site})
            code = cli.main(["worker", reference])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
