"""`@card(type="dvc_run")`: the report of the run, usually on its last step."""

from __future__ import annotations

from typing import Any

from metaflow.plugins import CARDS
from metaflow.plugins.cards.card_modules.card import MetaflowCard


class RunCard(MetaflowCard):
    """The page that `dvc-bridge report` writes."""

    type = "dvc_run"

    def render(self, task: Any) -> str:
        """Return the page."""
        # Imported late: every task of every flow imports this file, but only one renders a card.
        from metaflow import Run, namespace  # noqa: PLC0415

        from dvc_bridge.report.page import page  # noqa: PLC0415

        from .client import read_run  # noqa: PLC0415
        from .metadata import bring_run  # noqa: PLC0415
        from .run_report import content_left, report_of  # noqa: PLC0415

        namespace(None)
        bring_run(*task.path_components[:2])  # on Argo, a pod has only its own task's metadata
        run = Run("/".join(task.path_components[:2]))
        return page(report_of(run, read_run(run), content_left))


# Metaflow looks for card types in this list, also in the process that renders them, which starts
# the flow's file and so imports this one. Metaflow's own mechanism is a `metaflow_extensions`
# package, which would be one more package to install and to ship.
CARDS.append(RunCard)
