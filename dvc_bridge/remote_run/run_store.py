"""A run's folder in the DVC remote, which `dvc gc` leaves alone: code, plan, results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.errors import IntegrityError, UsageError
from dvc_bridge.pipeline.result import Result, parse_result, result_name, result_text
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.remote_run.task import PlannedTask, parse_task
from dvc_bridge.remote_run.worker_contract import plan_line

FOLDER = "bridge"
FEW = 2
AT_ONCE = 16  # requests; a store answers most of them in some ten milliseconds


class Store:
    """One run, in a remote.

    Parameters
    ----------
    run
        Its name.
    """

    def __init__(self, remote: Remote, run: str) -> None:
        self._remote = remote
        self.run = run
        self._folder = remote.path(FOLDER, "runs", run)

    def put_code(self, digest: str, archive: bytes) -> None:
        """Put a snapshot there, if it is not there yet."""
        if not self._remote.exists(self._code(digest)):
            self._remote.put(self._code(digest), archive)

    def code(self, digest: str) -> bytes:
        """Return a snapshot.

        Raises
        ------
        IntegrityError
            It is not there.
        """
        archive = self._remote.get(self._code(digest))
        if archive is None:
            raise IntegrityError(f"{self._code(digest)} is gone", "submit again")
        return archive

    def drop_code(self, digest: str) -> None:
        """Remove a snapshot, so that the next submit puts it there anew."""
        self._remote.remove(self._code(digest))

    def put_manifest(
        self, made: Mapping[str, Any], code: str, cluster: Mapping[str, str | None]
    ) -> None:
        """Keep the Workflow's manifest, its snapshot and its cluster: for those that come back."""
        text = json.dumps({"code": code, "manifest": made, "cluster": cluster})
        self._remote.put(f"{self._folder}/run.json", text.encode())

    def manifest(self) -> dict[str, Any]:
        """Return the manifest that was submitted.

        Raises
        ------
        UsageError
            It is not there: submit was ended before it came to that.
        """
        made: dict[str, Any] | None = self._told().get("manifest")
        if made is None:
            raise UsageError(f"run {self.run} was never submitted to its end", "submit again")
        return made

    def code_name(self) -> str | None:
        """Return the sha256 of the run's snapshot; None if that is not known."""
        return self._told().get("code")

    def cluster(self) -> dict[str, str | None] | None:
        """Say to which cluster the run was submitted, as `Cluster.identity`; None: not known."""
        return self._told().get("cluster")

    def is_done(self) -> bool:
        """Whether every stage of the run has a good result: one that failed may be retried."""
        expected = self.stage_addresses(self.plan())
        names = self._remote.names(f"{self._folder}/stages")
        if expected is None or len(names) < len(expected):
            return False
        with ThreadPoolExecutor(AT_ONCE) as pool:
            texts = pool.map(lambda n: self._remote.get(f"{self._folder}/stages/{n}"), names)
        return all(text is not None and parse_result(text).good for text in texts)

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._remote.get(f"{self._folder}/run.json") or b"{}")
        return told

    def put_plan(self, plan: bytes) -> None:
        """Put plan.json there."""
        self._remote.put(f"{self._folder}/plan.json", plan)

    def entry(self, reference: str) -> PlannedTask:
        """Return the task that `<task>:<start>:<length>` names."""
        line = plan_line(reference)
        end = line.start + line.length
        text = self._remote.get(f"{self._folder}/plan.json", line.start, end)
        if text is None:
            raise UsageError(f"{self._folder}/plan.json is gone", "submit again")
        return parse_task(text)

    def plan(self) -> list[PlannedTask] | None:
        """Return all entries; None: no plan is there. Pods with code from git make their own."""
        text = self._remote.get(f"{self._folder}/plan.json")
        if text is None:
            return None
        return [parse_task(line.rstrip(b",")) for line in text.splitlines()[1:-1]]

    def put_stages(self, addresses: Sequence[str]) -> None:
        """Say which stages the run has, where it has no plan; each of its pods says the same."""
        path = f"{self._folder}/stages.json"
        if not self._remote.exists(path):
            self._remote.put(path, json.dumps(list(addresses)).encode())

    def stage_addresses(self, plan: Sequence[PlannedTask] | None) -> list[str] | None:
        """Return the stages whose results a run with this plan makes; None: unknown."""
        if plan is not None:
            return [task.stage.address for entry in plan for task in entry.tasks]
        text = self._remote.get(f"{self._folder}/stages.json")
        return None if text is None else [str(address) for address in json.loads(text)]

    def unknown(self) -> UsageError:
        """Return the error for a run that is not in the remote; it names the runs that are."""
        known = ", ".join(self.runs()[-5:]) or "none"
        return UsageError(
            f"run {self.run} is not in remote {self._remote.name}", f"known runs: {known}"
        )

    def put_known(self, results: Iterable[Result]) -> None:
        """Say what became of the stages that needed no pod."""
        if lines := "\n".join(map(result_text, results)):  # S3 gives no part of an empty file
            self._remote.put(f"{self._folder}/known.jsonl", lines.encode())

    def known(self) -> dict[str, Result]:
        """Return what `put_known` has said, by address."""
        text = self._remote.get(f"{self._folder}/known.jsonl") or b""
        return {result.address: result for result in map(parse_result, text.splitlines())}

    def put_result(self, stage: Stage, result: Result) -> None:
        """Say what became of a stage; when it is there, the stage is done."""
        self._remote.put(self._result(stage), result_text(result).encode())

    def drop_result(self, stage: Stage) -> None:
        """Forget what became of a stage, so that its pod makes it anew."""
        self._remote.remove(self._result(stage))

    def results(self, stages: Iterable[Stage]) -> dict[str, Result]:
        """Return the results that are there, by address."""
        wanted = list(stages)
        if len(wanted) > FEW:  # of many, most may not be there yet
            there = set(self._remote.names(f"{self._folder}/stages"))
            wanted = [stage for stage in wanted if result_name(stage) in there]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            texts = list(pool.map(lambda stage: self._remote.get(self._result(stage)), wanted))
        found = (parse_result(text) for text in texts if text is not None)
        return {result.address: result for result in found}

    def runs(self) -> list[str]:
        """Name all runs in the remote."""
        return self._remote.names(self._remote.path(FOLDER, "runs"))

    def _code(self, digest: str) -> str:
        return self._remote.path(FOLDER, "code", f"{digest}.tar.gz")

    def _result(self, stage: Stage) -> str:
        return f"{self._folder}/stages/{result_name(stage)}"


def scratch_folder(run: str) -> str:
    """Return the folder, in the default remote, of a run's objects that are not to be pushed."""
    return f"{FOLDER}/runs/{run}/objects"
