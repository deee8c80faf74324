"""Errors that end a stage; each problem names its location."""

from __future__ import annotations

from collections.abc import Sequence


class StageError(Exception):
    """A stage cannot produce a correct result.

    Parameters
    ----------
    problems : sequence of str
        All problems, each with its file, column, parameter and value.
    fix : str
        What to do next.
    stage : str
        The stage's name in dvc.yaml, for example `train@hgb`; `run_stage` sets it.
    """

    def __init__(self, problems: Sequence[str], fix: str = "", stage: str = "") -> None:
        super().__init__(list(problems), fix, stage)
        self.problems, self.fix, self.stage = list(problems), fix, stage

    def __str__(self) -> str:
        prefix = f"stage {self.stage}: " if self.stage else ""
        lines = [f"{prefix}{problem}" for problem in self.problems]
        return "\n".join([*lines, *([f"fix: {self.fix}"] if self.fix else [])])


class GateError(StageError):
    """The model is not good enough, or so good that a feature must contain the outcome."""
