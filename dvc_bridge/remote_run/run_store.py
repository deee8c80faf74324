"""The folder of a run in the DVC remote: code, plan and results; `dvc gc` does not touch it."""

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
AT_ONCE = 16  # parallel requests; a store responds to most of them within tens of milliseconds


class Store:
    """The stored data of one run in a remote.

    Parameters
    ----------
    run
        The name of the run.
    """

    def __init__(self, remote: Remote, run: str) -> None:
        self._remote = remote
        self.run = run
        self._folder = remote.path(FOLDER, "runs", run)

    def put_code(self, digest: str, archive: bytes) -> None:
        """Store a snapshot, unless the remote already has it."""
        if not self._remote.exists(self._code(digest)):
            self._remote.put(self._code(digest), archive)

    def code(self, digest: str) -> bytes:
        """Return a snapshot.

        Raises
        ------
        IntegrityError
            The remote does not have it.
        """
        archive = self._remote.get(self._code(digest))
        if archive is None:
            raise IntegrityError(f"{self._code(digest)} is gone", "submit again")
        return archive

    def drop_code(self, digest: str) -> None:
        """Remove a snapshot, so that the next submit stores it again."""
        self._remote.remove(self._code(digest))

    def put_manifest(
        self,
        manifest: Mapping[str, Any],
        code: str,
        cluster: Mapping[str, str | None],
        origin: Mapping[str, Any],
    ) -> None:
        """Store the manifest of a run, its snapshot, cluster and origin, for later commands."""
        text = json.dumps(
            {"code": code, "manifest": manifest, "cluster": cluster, "origin": origin}
        )
        self._remote.put(f"{self._folder}/run.json", text.encode())

    def manifest(self) -> dict[str, Any]:
        """Return the manifest that was submitted.

        Raises
        ------
        UsageError
            There is none: submit was interrupted before it stored one.
        """
        manifest: dict[str, Any] | None = self._run_record().get("manifest")
        if manifest is None:
            raise UsageError(f"the submission of run {self.run} is incomplete", "submit again")
        return manifest

    def code_name(self) -> str | None:
        """Return the sha256 of the run's snapshot; None: unknown."""
        return self._run_record().get("code")

    def cluster(self) -> dict[str, str | None] | None:
        """Return the cluster of the run as `Cluster.identity` does; None: unknown."""
        return self._run_record().get("cluster")

    def origin(self) -> dict[str, Any]:
        """Return what `submit` knew of the run, for its trace; empty: unknown."""
        return dict(self._run_record().get("origin") or {})

    def is_done(self) -> bool:
        """Return whether every stage of the run has a good result; a failed one may be retried."""
        expected = self.stage_addresses(self.plan())
        names = [
            name  # others are the rest of a write that was killed
            for name in self._remote.names(f"{self._folder}/stages")
            if name.endswith(".json")
        ]
        if expected is None or len(names) < len(expected):
            return False
        with ThreadPoolExecutor(AT_ONCE) as pool:
            texts = pool.map(lambda n: self._remote.get(f"{self._folder}/stages/{n}"), names)
        return all(text is not None and parse_result(text).good for text in texts)

    def _run_record(self) -> dict[str, Any]:
        text = self._remote.get(f"{self._folder}/run.json") or b"{}"
        record: dict[str, Any] = json.loads(text)
        return record

    def put_plan(self, plan: bytes) -> None:
        """Store plan.json."""
        self._remote.put(f"{self._folder}/plan.json", plan)

    def planned_task(self, reference: str) -> PlannedTask:
        """Return the task of the reference `<task>:<start>:<length>`.

        Raises
        ------
        UsageError
            The remote does not have the plan, or the reference is not valid.
        """
        line = plan_line(reference)
        end = line.start + line.length
        text = self._remote.get(f"{self._folder}/plan.json", line.start, end)
        if text is None:
            raise UsageError(f"{self._folder}/plan.json is gone", "submit again")
        return parse_task(text)

    def plan(self) -> list[PlannedTask] | None:
        """Return all tasks; None: the run has no plan. Pods with code from git make their own."""
        text = self._remote.get(f"{self._folder}/plan.json")
        if text is None:
            return None
        return [parse_task(line.rstrip(b",")) for line in text.splitlines()[1:-1]]

    def put_stages(self, addresses: Sequence[str]) -> None:
        """Store the addresses of a run without a plan; each of its pods stores the same list."""
        path = f"{self._folder}/stages.json"
        if not self._remote.exists(path):
            self._remote.put(path, json.dumps(list(addresses)).encode())

    def stage_addresses(self, plan: Sequence[PlannedTask] | None) -> list[str] | None:
        """Return the addresses of the stages that a run with this plan executes; None: unknown."""
        if plan is not None:
            return [task.stage.address for entry in plan for task in entry.tasks]
        text = self._remote.get(f"{self._folder}/stages.json")
        return None if text is None else [str(address) for address in json.loads(text)]

    def unknown(self) -> UsageError:
        """Return the error for a run that is not in the remote; it names the runs that are."""
        names = ", ".join(self.runs()[-5:]) or "none"
        return UsageError(
            f"run {self.run} is not in remote {self._remote.name}", f"known runs: {names}"
        )

    def put_known(self, results: Iterable[Result]) -> None:
        """Store the results of the stages that did not need a pod."""
        if lines := "\n".join(map(result_text, results)):  # S3 cannot read a range of an empty file
            self._remote.put(f"{self._folder}/known.jsonl", lines.encode())

    def known(self) -> dict[str, Result]:
        """Return the results that `put_known` stored, by address."""
        text = self._remote.get(f"{self._folder}/known.jsonl") or b""
        return {result.address: result for result in map(parse_result, text.splitlines())}

    def put_result(self, stage: Stage, result: Result) -> None:
        """Store the result of a stage, which marks the stage as done."""
        self._remote.put(self._result(stage), result_text(result).encode())

    def drop_result(self, stage: Stage) -> None:
        """Remove the result of a stage, so that its pod produces it again."""
        self._remote.remove(self._result(stage))

    def results(self, stages: Iterable[Stage]) -> dict[str, Result]:
        """Return the available results, by address."""
        selected = list(stages)
        if len(selected) > FEW:  # most of many results may not exist yet
            names = set(self._remote.names(f"{self._folder}/stages"))
            selected = [stage for stage in selected if result_name(stage) in names]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            texts = list(pool.map(lambda stage: self._remote.get(self._result(stage)), selected))
        parsed = (parse_result(text) for text in texts if text is not None)
        return {result.address: result for result in parsed}

    def runs(self) -> list[str]:
        """Return the names of all runs in the remote."""
        return self._remote.names(self._remote.path(FOLDER, "runs"))

    def _code(self, digest: str) -> str:
        return self._remote.path(FOLDER, "code", f"{digest}.tar.gz")

    def _result(self, stage: Stage) -> str:
        return f"{self._folder}/stages/{result_name(stage)}"


def scratch_folder(run: str) -> str:
    """Return the default remote's folder for a run's objects that must not be pushed."""
    return f"{FOLDER}/runs/{run}/objects"
