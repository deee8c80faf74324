"""The settings in dvc-bridge.yaml: what a run needs to know that is not in dvc.yaml.

    argo:
      image: registry/team/image:1
      secrets: s3-credentials
    stages:
      "train@*":
        mutex: gpu          # only one of the stages with this word runs at a time
        gpu: 1
        memory: 8Gi

Keys of `stages` are globs over addresses; if several match a stage, the last one wins, key by key.
The settings are in a separate file so that dvc.yaml and its hashes stay unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.auto_memory import AutoMemory
from dvc_bridge.pipeline.combine_settings import combine, conflicts, resources_of
from dvc_bridge.pipeline.prices import Prices
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.shorten import first_names
from dvc_bridge.pipeline.slurm_settings import SlurmSettings
from dvc_bridge.pipeline.stage_globs import check_globs
from dvc_bridge.pipeline.task_settings import Resources

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings of the engine `processes`.

    Parameters
    ----------
    parallelism
        How many tasks run at a time; None: one per CPU.
    """

    parallelism: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a project.

    Parameters
    ----------
    mutexes
        Mutex -> the globs of the stages of which only one runs at a time.
    limits
        Glob -> how many of its stages may run at a time.
    jobs
        How many stages `repro` runs at a time; None: one.
    pods
        Glob -> its pod settings, in the file's order.
    engine
        The name of the engine that executes runs.
    allow
        Globs, from the root of the git repository, over files that are sent although they look
        like secrets.
    prices
        What a unit costs, for reports.
    """

    mutexes: Mapping[str, tuple[str, ...]]
    pods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    argo: ArgoSettings = field(default_factory=ArgoSettings)
    allow: tuple[str, ...] = ()
    engine: str = "argo"
    processes: ProcessSettings = ProcessSettings()
    slurm: SlurmSettings = field(default_factory=SlurmSettings)
    limits: Mapping[str, int] = field(default_factory=dict)
    jobs: int | None = None
    prices: Prices = field(default_factory=Prices)

    @property
    def is_remote(self) -> bool:
        """Whether the settings describe how to run stages remotely."""
        return bool(self.argo.image) or self.engine != "argo"

    def mutex_groups(self, addresses: Iterable[str]) -> tuple[frozenset[str], ...]:
        """Return the groups of stages of which only one runs at a time, by address."""
        all_addresses = list(addresses)
        groups = (
            frozenset(a for a in all_addresses if any(fnmatchcase(a, glob) for glob in globs))
            for globs in self.mutexes.values()
        )
        return tuple(group for group in groups if len(group) > 1)

    def limited_groups(self, addresses: Iterable[str]) -> tuple[tuple[frozenset[str], int], ...]:
        """Return groups of stages, by address, and how many of each may run at a time."""
        all_addresses = list(addresses)
        groups = (
            (frozenset(a for a in all_addresses if fnmatchcase(a, glob)), count)
            for glob, count in self.limits.items()
        )
        return tuple((group, count) for group, count in groups if len(group) > count)

    def exclusion_words(self, addresses: Iterable[str]) -> dict[str, frozenset[str]]:
        """Return the words of each stage of a remote run; of each word, one stage runs at a time.

        These are mutexes, and for a limit of N, N words that its stages hold in turn: tasks can
        wait for each other, but not for any one of several.

        Parameters
        ----------
        addresses
            All stages of the run. Others get other words.
        """
        words: dict[str, set[str]] = {address: set() for address in addresses}
        for mutex, globs in self.mutexes.items():
            for address, own in words.items():
                if any(fnmatchcase(address, glob) for glob in globs):
                    own.add(mutex)
        for glob, count in self.limits.items():
            limited = [address for address in words if fnmatchcase(address, glob)]
            for index, address in enumerate(limited):
                words[address].add(f"{glob} {index % count}")
        return {address: frozenset(own) for address, own in words.items()}

    def pod(self, address: str) -> Resources:
        """Return the settings of the task of this stage."""
        return resources_of(self._values(address))

    @property
    def names_auto_memory(self) -> bool:
        """Whether a glob lets memory follow earlier runs; a later glob can overrule it."""
        return any(isinstance(pod.get("memory"), AutoMemory) for pod in self.pods.values())

    def has_auto_memory(self, addresses: Iterable[str]) -> bool:
        """Return whether the memory of one of these stages follows earlier runs."""
        return self.names_auto_memory and any(self.pod(a).auto_memory for a in addresses)

    def _values(self, address: str) -> dict[str, Any]:
        values: dict[str, Any] = {"image": self.argo.image}
        for glob, pod_settings in self.pods.items():
            if fnmatchcase(address, glob):
                values = combine(values, pod_settings)
        secrets = (*self.argo.secrets, *values.get("secret_env", ()))
        return values | {"secret_env": tuple(dict.fromkeys(secrets))}

    def images(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return the images of the pods of these stages.

        Raises
        ------
        UsageError
            A stage has no image.
        """
        images = {address: self.pod(address).image for address in addresses}
        if incomplete := [address for address, image in images.items() if not image]:
            raise UsageError(
                f"no image for the pods of {first_names(incomplete, _SHOWN)}",
                f"set image: NAME in {FILE}",
            )
        return tuple(dict.fromkeys(images.values()))

    def check(self, addresses: Iterable[str]) -> None:
        """Check that the settings fit to the stages of the project.

        Raises
        ------
        UsageError
            A glob matches no stage, so a typo would be silent, or settings of a stage conflict.
        """
        all_addresses = list(addresses)
        globs = [*(glob for globs in self.mutexes.values() for glob in globs), *self.pods]
        keys = {f"stages.{glob}": glob for glob in globs}
        check_globs(keys | {f"limits.{glob}": glob for glob in self.limits}, all_addresses)
        problems: dict[str, list[str]] = {}
        for address in all_addresses if self.pods else ():  # only these can conflict
            for problem in conflicts(self._values(address)):
                problems.setdefault(problem, []).append(address)
        if problems:
            lines = [f"{FILE}: {p} ({first_names(a, _SHOWN)})" for p, a in problems.items()]
            raise UsageError("\n".join(lines), f"correct {FILE}")
