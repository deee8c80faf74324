"""Stages of a remote run that must not run at the same time: mutexes and limits as words."""

from __future__ import annotations

from collections.abc import Iterable

from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.stage import Pipeline


def exclusion_words(
    pipeline: Pipeline, positions: Iterable[StagePosition], settings: Settings
) -> dict[str, frozenset[str]]:
    """Return the words of each stage; of each word, one stage runs at a time.

    Parameters
    ----------
    positions
        The stages of the run, in any order. The same stages always get the same words: the order of
        tasks, and the order within a task, come from different calls.
    """
    return settings.exclusion_words(pipeline.stages[p].address for p in sorted(set(positions)))


def exclusive_groups(
    pipeline: Pipeline, positions: Iterable[StagePosition], settings: Settings
) -> tuple[frozenset[str], ...]:
    """Return groups of stages, by address; of each group, one stage runs at a time."""
    groups: dict[str, set[str]] = {}
    for address, words in exclusion_words(pipeline, positions, settings).items():
        for word in words:
            groups.setdefault(word, set()).add(address)
    return tuple(frozenset(group) for _, group in sorted(groups.items()) if len(group) > 1)
