"""Memory that follows what earlier runs used: `memory: {auto: 2Gi}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dvc_bridge.pipeline.quantity import amount, growing, mebibytes

# Data and the order of allocations vary from run to run.
HEADROOM = 1.25
# The worker is in the same pod or job as the commands.
WORKER_BYTES = 96 * 2**20
# How many different peaks of a stage are kept, so that a stage that shrank asks for less.
KEPT = 10


@dataclass(frozen=True, slots=True)
class SeenMemory:
    """The memory that earlier runs of a stage used, in bytes.

    Parameters
    ----------
    peaks
        Of the runs that succeeded, the newest last.
    killed_bytes
        The largest memory at which a run was killed because it needed more; 0: none was.
    """

    peaks: tuple[int, ...] = ()
    killed_bytes: int = 0

    @property
    def largest_bytes(self) -> int:
        """The largest figure; 0: no run was seen."""
        return max((*self.peaks, self.killed_bytes))

    def __or__(self, newer: SeenMemory) -> SeenMemory:
        """Return what was seen in both."""
        peaks = tuple(dict.fromkeys((*self.peaks, *newer.peaks)))
        return SeenMemory(peaks[-KEPT:], max(self.killed_bytes, newer.killed_bytes))


def fitting_memory(peak_bytes: int) -> str:
    """Return the request for a stage with this peak: with headroom, and room for the worker."""
    return mebibytes(peak_bytes * HEADROOM + WORKER_BYTES)


@dataclass(frozen=True, slots=True)
class AutoMemory:
    """The setting `memory: {auto: ...}` of a stage.

    Parameters
    ----------
    first
        The memory of each attempt while no run was seen; afterwards, the first one is replaced.
    growth, largest, count
        As for `growing`; growth is None: attempts do not grow by a factor.
    """

    first: tuple[str, ...]
    growth: float | None = None
    largest: str = ""
    count: int = 1

    def by_attempt(self, memory: str) -> tuple[str, ...]:
        """Return the memory of each attempt if the first one has this memory."""
        if self.growth is None:
            larger = (later for later in self.first[1:] if amount(later) > amount(memory))
            return (memory, *larger)
        if self.largest and amount(memory) > amount(self.largest):
            return (self.largest,)
        return growing(memory, self.growth, self.largest, self.count)


@dataclass(frozen=True, slots=True)
class MemoryChoice:
    """The memory of a task with `auto`, by attempt, and why it is that."""

    memories: tuple[str, ...]
    reason: str


def choose_memory(
    auto: AutoMemory, addresses: Iterable[str], seen: Mapping[str, SeenMemory]
) -> MemoryChoice:
    """Return the memory of a task whose stages all have this setting: that of the largest."""
    largest = {a: seen[a].largest_bytes if a in seen else 0 for a in addresses}
    unseen = [address for address, peak_bytes in largest.items() if not peak_bytes]
    top = max(largest, key=lambda address: largest[address])
    memory = fitting_memory(largest[top])
    if unseen and (not largest[top] or amount(auto.first[0]) >= amount(memory)):
        return MemoryChoice(auto.by_attempt(auto.first[0]), f"no run of {unseen[0]} was measured")
    return MemoryChoice(auto.by_attempt(memory), _reason(top, seen[top]))


def _reason(address: str, seen: SeenMemory) -> str:
    mib = f"{seen.largest_bytes / 2**20:,.0f} MiB"
    if seen.killed_bytes >= seen.largest_bytes:
        return f"{address} was killed at {mib} because it needed more"
    return f"{address} used at most {mib}"
