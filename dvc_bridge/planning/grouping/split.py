"""Split the pods of a run into parts, for engines that limit the pods of a part."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise


def cut(waits_for: Sequence[Collection[int]], most: int) -> list[list[int]]:
    """Divide pods into consecutive parts of about equal size.

    Parameters
    ----------
    waits_for
        For each pod the numbers of the pods that it waits for, which are smaller than its own.
    most
        The maximum number of pods in a part.

    Returns
    -------
    list
        Numbers in order, part by part. The pods that a pod waits for are in its own part or in an
        earlier one, and so are all pods between them.

    Notes
    -----
    A part begins when the previous part has ended, so pods of one layer stay together. Otherwise,
    each part of a wide graph would contain all layers.
    """
    layer: list[int] = []
    for dependencies in waits_for:
        layer.append(1 + max((layer[dependency] for dependency in dependencies), default=-1))
    order = sorted(range(len(waits_for)), key=lambda pod: (layer[pod], pod))
    count = -(-len(order) // most)
    ends = [len(order) * part // count for part in range(count + 1)] if count else [0]
    return [sorted(order[a:b]) for a, b in pairwise(ends)]
