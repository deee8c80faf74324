"""What is known of a cell of the comparison: measured, or why it has no figure."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The status of a result, as in the results file and in the report.

    The results file has neither FAILED nor NO_FIGURE: the report finds both in the samples.
    """

    MEASURED = "measured"
    FAILED = "failed"
    OVER_LIMIT = "over limit"
    # Measured, but METG needs tasks that are longer than the limit allows.
    NO_FIGURE = "none"
    NO_TIME = "no time"
    NO_ROOM = "no room"
    NOT_INSTALLED = "not installed"
    NOT_APPLICABLE = "not applicable"
    # No session has named the cluster of the toolchain.
    NO_CLUSTER = "no cluster"
