"""What a stage refuses, each problem with its place."""

from __future__ import annotations

from collections.abc import Sequence


class StageError(Exception):
    """A stage cannot give a right result; says which stage, what is wrong and where.

    Parameters
    ----------
    problems : sequence of str
        Every problem found, each naming file, column, parameter and value.
    fix : str
        What to do next.
    stage : str
        The stage's name as DVC calls it, for example `train@hgb`; `run_stage` fills it in.
    """

    def __init__(self, problems: Sequence[str], fix: str = "", stage: str = "") -> None:
        super().__init__(list(problems), fix, stage)
        self.problems, self.fix, self.stage = list(problems), fix, stage

    def __str__(self) -> str:
        where = f"stage {self.stage}: " if self.stage else ""
        lines = [f"{where}{problem}" for problem in self.problems]
        return "\n".join([*lines, *([f"fix: {self.fix}"] if self.fix else [])])


class GateError(StageError):
    """The model is not good enough, or too good to be true."""
