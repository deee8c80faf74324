"""A remote run without a cluster: each pod is a process in a folder of its own, in order.

`python -m tests.dvc_bridge.pods FOLDER` in a project submits, runs the pods and merges.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from dvc_bridge.dvcio.claim import RepositoryLock
from dvc_bridge.dvcio.objects import Objects
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.read import read_pipeline
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.unfinished import Unfinished
from dvc_bridge.plan.targets import Selection, select
from dvc_bridge.run.merge import merge
from dvc_bridge.run.store import Store, scratch_folder
from dvc_bridge.run.submission import Outlook, submit

OWN = ("HOME", "PATH", "LANG", "PYTHONPATH", "SHELL", "COVERAGE_PROCESS_START", "RAN")


def pod(folder: Path, word: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    folder.mkdir(parents=True)
    kept = {name: os.environ[name] for name in OWN if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "dvc_bridge", "worker", word],
        cwd=folder,
        env={**kept, **env, "USER": "dvc", "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "site")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def remote_run(folder: Path, run: str, size: int = 1) -> int:
    """Submit the project in the current directory, run its pods, merge; give the worst code."""
    project = find_project()
    lock = RepositoryLock(project)
    code = 0
    with lock.held():
        pipeline = read_pipeline(project)
        order = select(pipeline, Selection((), ".", False, False, True))
        addresses = [pipeline.stages[p].address for p in order]
        with Session(project, print, Unfinished(project, addresses)) as session:
            outlook = Outlook(project, pipeline, order, session)
            settled = outlook.settle(outlook.forecasts(force=False, alone=False))
            assert not settled.here, settled.here
            waiting = [found.position for found in settled.waiting]
            groups = [waiting[i : i + size] for i in range(0, len(waiting), size)]
            done = submit(
                project, session, outlook, settled, groups, [2] * len(groups), run, warn=print
            )
            env = {
                "DVC_BRIDGE_RUN": run,
                "DVC_BRIDGE_STORE": json.dumps(done.settings),
                "DVC_BRIDGE_CODE": done.code,
            }
            for word in done.words:
                ended = pod(folder / word.partition(":")[0], word, env)
                print(ended.stdout)
                code = code or ended.returncode
            objects = Objects(session, scratch_folder(run))
            store = Store(objects.default, run)
            results = {**settled.results, **store.results(f.stage for f in settled.waiting)}
            print(merge(project, pipeline, order, results, session, objects))
    return code


if __name__ == "__main__":
    sys.exit(remote_run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
