"""Missing data that do not count as changes: `--allow-missing` of `dvc repro`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from dvc_bridge.pipeline.lock_entry import Pointer, lock_pointers
from dvc_bridge.pipeline.stage import Dependency, Pipeline, Stage


@dataclass(frozen=True)
class AllowMissing:
    """The rule of `--allow-missing` (Stage.changed_deps and changed_outs in dvc/stage/__init__.py).

    A missing out does not count as changed. Neither does a missing dep, unless a stage directly
    upstream has recorded other content for it.

    Parameters
    ----------
    upstream
        The stages directly upstream of a stage, by its address.
    """

    upstream: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, pipeline: Pipeline, *, alone: bool) -> Self:
        """Return the rule for a pipeline; with `alone`, stages do not look at each other."""
        if alone:
            return cls()
        stages = pipeline.stages
        return cls(
            {
                stages[position].address: tuple(stages[p] for p in pipeline.active(position))
                for position in pipeline.positions
            }
        )

    def upstream_of(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stages directly upstream."""
        return self.upstream.get(stage.address, ())

    def recorded(self, stage: Stage, dep: Dependency) -> Pointer | None:
        """Return what a stage directly upstream has recorded for a dep; None if none has."""
        for other in self.upstream_of(stage):
            for out in other.outs:
                if out.at == dep.at:
                    return lock_pointers(other.lock, "outs").get(out.path)
        return None
