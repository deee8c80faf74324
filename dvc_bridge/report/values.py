"""What the page of a run shows, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.result import Result

# Path of a metrics file -> what is in it.
Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A plot and the rows of its file; None: the file could not be read here."""

    spec: PlotSpec
    rows: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True)
class RunReport:
    """One run.

    Parameters
    ----------
    flow
        Its name.
    about
        What the flow says of itself; empty: nothing.
    began
        When, in words.
    revision
        Of git, None where there is none.
    dirty
        Whether there were changes that were not committed.
    notes
        What the reader should know first, as that some steps have failed.
    ends
        What became of each stage.
    outs
        Path from the project's root -> what dvc.lock says of it.
    metrics
        None for a file that could not be read here.
    before
        The last run that ended well before this one began; empty: there is none.
    """

    pathspec: str
    flow: str
    began: str
    about: str = ""
    revision: str | None = None
    dirty: bool = False
    notes: Sequence[str] = ()
    ends: Sequence[Result] = ()
    outs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=dict)
    before: str = ""
    before_metrics: Metrics = field(default_factory=dict)
    plots: Sequence[Table] = ()


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return the leaves of nested metrics by their names, joined with dots."""
    if isinstance(value, Mapping):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(place), inner) for place, inner in enumerate(value)]
    else:
        return {name: value}
    found: dict[str, Any] = {}
    for key, inner in items:
        found.update(flat(inner, f"{name}.{key}" if name else key))
    return found
