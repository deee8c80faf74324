"""The values on the page of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.prices import Prices
from dvc_bridge.pipeline.trace import RunTrace

# Path of a metrics file -> its content.
Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A plot and the rows of its file; None if the file could not be read."""

    spec: PlotSpec
    rows: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True)
class ParamChange:
    """A parameter that differs; None: one side does not have it."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class RunReport:
    """The report of one run.

    Parameters
    ----------
    flow
        The name of the flow.
    about
        The description of the flow; empty if there is none.
    revision
        The git revision; None if there is none.
    dirty
        Whether there were uncommitted changes.
    notes
        What the reader should know first, for example that some steps failed.
    trace
        When the stages of the run ran, and what they used; None: the report is about no run.
    outs
        Path from the project's root -> its pointer in dvc.lock.
    metrics
        Path of a metrics file -> its content; None for a file that could not be read.
    before
        What metrics and params are compared with: the last run that succeeded before this one, or
        a git revision; empty if there is none.
    params
        The parameters that differ from it; None: they were not compared.
    inputs
        The parameters that the stages read, by file and name; None: only the trace has them.
    prices
        What a unit of each resource costs.
    """

    pathspec: str
    flow: str
    trace: RunTrace | None
    about: str = ""
    revision: str | None = None
    dirty: bool = False
    notes: Sequence[str] = ()
    outs: Mapping[str, Pointer] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=dict)
    before: str = ""
    before_metrics: Metrics = field(default_factory=dict)
    plots: Sequence[Table] = ()
    params: Sequence[ParamChange] | None = None
    inputs: Mapping[str, Any] | None = None
    prices: Prices = field(default_factory=Prices)


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values of a metric or a parameter are equal; NaN equals itself.

    Python files of parameters have tuples, which dvc.lock has as lists.
    """
    try:
        one, other = _with_lists(one), _with_lists(other)
        return bool(one == other) or repr(one) == repr(other)
    except RecursionError:  # lists that are nested too deeply to tell
        return False


def _with_lists(value: Any) -> Any:
    return [*map(_with_lists, value)] if isinstance(value, list | tuple) else value


def metric_values(content: Any) -> dict[str, Any]:
    """Return the metrics in a file by name, as DVC finds them: numbers, texts and booleans."""
    return {n: value for n, value in _leaves(content, "") if isinstance(value, int | float | str)}


def param_values(content: Any, parent: str = "") -> dict[str, Any]:
    """Return the parameters in a file by name, as DVC finds them: a list is one value.

    Parameters
    ----------
    parent
        The name of the parameter whose value `content` is.
    """
    return dict(_leaves(content, parent))


def _leaves(content: Any, parent: str) -> Iterator[tuple[str, Any]]:
    """Yield the values in nested mappings; the parts of a name are joined with dots."""
    values = [(parent, content)]  # a stack, because content can be nested deeply
    while values:
        name, value = values.pop()
        if isinstance(value, Mapping):
            names = {key: f"{name}.{key}" if name else str(key) for key in value}
            values += reversed([(names[key], inner) for key, inner in value.items()])
        elif value is not None:
            yield name, value
