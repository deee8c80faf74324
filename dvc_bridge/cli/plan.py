"""`dvc-bridge plan`, and `repro --dry`, which does the same."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable

from dvc_bridge.app.plan import plan
from dvc_bridge.cli.options import add_flags, add_stages, add_verbosity
from dvc_bridge.cli.stage_arguments import flags_of, selection_of
from dvc_bridge.cli.terminal import warn
from dvc_bridge.planning.forecast import Forecast, Verdict
from dvc_bridge.ui.plan_text import plan_json, plan_text
from dvc_bridge.ui.visible_text import visible_lines

# Exit codes of `plan --check`.
STAGES_RUN, CANNOT_TELL = 10, 11


def declare_plan(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge plan`."""
    add_stages(command)
    add_flags(
        command,
        pull="ask the remote which missing data it has; show what repro --pull would do",
    )
    command.add_argument("--json", action="store_true", help="machine-readable output")
    add_verbosity(command)
    command.add_argument(
        "--check",
        action="store_true",
        help="end with 0 if there is nothing to do, 10 if stages would run, 11 if plan cannot tell"
        " because data are missing or a stage would fail",
    )
    command.set_defaults(run=plan_command)


def plan_command(args: Namespace) -> int:
    """Print what a run would do; nothing changes."""
    forecast = plan(selection_of(args), flags_of(args), warn=warn)
    if args.quiet:
        pass
    elif args.json:
        document = plan_json(
            forecast.forecasts, forecast.timeline, forecast.division, forecast.locations
        )
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        text = plan_text(
            forecast.forecasts,
            forecast.timeline,
            forecast.division,
            forecast.locations,
            every=args.verbose,
        )
        print(visible_lines(text))
    return _check_code(forecast.forecasts) if args.check else 0


def _check_code(forecasts: Iterable[Forecast]) -> int:
    verdicts = {forecast.verdict for forecast in forecasts}
    if verdicts & {Verdict.RUNS, Verdict.RUN_CACHE}:
        return STAGES_RUN
    return CANNOT_TELL if verdicts - {Verdict.UP_TO_DATE} else 0
