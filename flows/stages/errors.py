"""What a stage refuses, each problem with its place."""

from __future__ import annotations

from collections.abc import Sequence


class StageError(Exception):
    """A stage cannot give a right result; says which stage, what is wrong and where.

    Parameters
    ----------
    stage : str
        The stage's name, for example `featurize`.
    problems : sequence of str
        Every problem found, each naming file, column, parameter and value.
    fix : str
        What to do next.
    """

    def __init__(self, stage: str, problems: Sequence[str], fix: str = "") -> None:
        self.stage, self.problems, self.fix = stage, list(problems), fix
        lines = [f"stage {stage}: {problem}" for problem in self.problems]
        super().__init__("\n".join([*lines, *([f"fix: {fix}"] if fix else [])]))


class GateError(StageError):
    """The model is not good enough, or too good to be true."""
