"""Which pods a Workflow holds, where there are more than one should hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

# The controller walks the whole graph for every pod that changes.
MOST_PODS = 500


def cut(waits: Sequence[Collection[int]], most: int) -> list[list[int]]:
    """Divide pods into parts of about equal size that follow each other.

    Parameters
    ----------
    waits
        For each pod the numbers of those that it waits for, all of them smaller than its own.
    most
        How many pods a part holds at most.

    Returns
    -------
    list
        Numbers in order, part by part. What a pod waits for is in its own part or in an earlier
        one, and so is all that lies between.

    Notes
    -----
    A part begins when the one before has ended, so pods of one layer stay together: cut across, a
    wide graph would have all of its layers in each part.
    """
    layer: list[int] = []
    for before in waits:
        layer.append(1 + max((layer[other] for other in before), default=-1))
    order = sorted(range(len(waits)), key=lambda pod: (layer[pod], pod))
    count = -(-len(order) // most)
    ends = [len(order) * part // count for part in range(count + 1)] if count else [0]
    return [sorted(order[a:b]) for a, b in pairwise(ends)]
