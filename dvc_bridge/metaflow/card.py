"""`@card(type="dvc_run")`: the page of the run, of a step that is its last, as a rule."""

from __future__ import annotations

from typing import Any

from metaflow.plugins import CARDS
from metaflow.plugins.cards.card_modules.card import MetaflowCard


class RunCard(MetaflowCard):
    """The same page as that of `dvc-bridge report`."""

    type = "dvc_run"

    def render(self, task: Any) -> str:
        """Return the page."""
        # Imported late: every task of every flow imports this file, and one of them draws.
        from metaflow import Run, namespace  # noqa: PLC0415

        from dvc_bridge.report.page import page  # noqa: PLC0415

        from .client import read_run  # noqa: PLC0415
        from .metadata import bring_run  # noqa: PLC0415
        from .run_report import content_left, report_of  # noqa: PLC0415

        namespace(None)
        bring_run(*task.path_components[:2])  # on Argo a pod knows its own task alone
        run = Run("/".join(task.path_components[:2]))
        return page(report_of(run, read_run(run), content_left))


# Metaflow looks for types of cards here, in the process that draws them too: it starts the flow's
# file, which imports this one. Its own way would be a package `metaflow_extensions`, one more to
# install and to ship.
CARDS.append(RunCard)
