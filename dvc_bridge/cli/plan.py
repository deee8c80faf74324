"""`dvc-bridge plan`, and `repro --dry`, which does the same."""

from __future__ import annotations

import json
from argparse import Namespace

from dvc_bridge.app.plan import plan
from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import warn
from dvc_bridge.ui.plan_text import plan_json, plan_text


def plan_command(args: Namespace) -> int:
    """Print what a run would do; nothing changes."""
    forecast = plan(selection_of(args), force=args.force, warn=warn)
    if args.json:
        document = plan_json(forecast.forecasts, forecast.timeline, forecast.division)
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        text = plan_text(
            forecast.forecasts, forecast.timeline, forecast.division, every=args.verbose
        )
        print(text)
    return 0
