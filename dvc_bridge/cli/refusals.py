"""Options of `dvc repro` that a command cannot have, each with what to do instead."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

_PULL = "tasks read data from the remote, and nothing is downloaded here"
_PARALLEL = "set parallelism in dvc-bridge.yaml"
_ASK = "no one can answer in a task; look at dvc-bridge plan first, or run dvc-bridge repro -i"
_KEEP = "tasks that do not depend on a failed one always run"
_CACHE = "select stages and use -f to run them whatever the run cache has"
_DOWN = "select the stages with --downstream, and use -f"

OF_SUBMIT: Mapping[tuple[str, ...], str] = {
    ("--pull", "--allow-missing"): f"leave it out; {_PULL}",
    ("-i", "--interactive"): _ASK,
    ("-j", "--jobs"): _PARALLEL,
    ("-k", "--keep-going"): f"leave it out; {_KEEP}",
    ("--ignore-errors",): f"a task needs the outs of those before it; {_KEEP}",
    ("--no-commit",): "the outs of a task are nowhere but in the remote",
    ("--no-run-cache",): _CACHE,
    ("--force-downstream",): _DOWN,
    ("--dry",): "run dvc-bridge plan",
    ("-q", "--quiet"): "leave it out, and redirect the output, for example with > /dev/null",
    ("-v", "--verbose"): "leave it out; dvc-bridge plan -v lists the stages that are up to date",
}
_WHEN_RUN = "a flow decides when it runs; leave it out"
OF_FLOW: Mapping[tuple[str, ...], str] = {
    ("--pull", "--allow-missing"): "leave it out; steps read data from the remote or the cache",
    ("-i", "--interactive"): _ASK,
    ("--no-commit", "--no-run-cache", "--force-downstream", "-f", "--force"): _WHEN_RUN,
}


def add_refusals(command: argparse.ArgumentParser, refusals: Mapping[tuple[str, ...], str]) -> None:
    """Refuse options with what to do instead; the help does not list them."""
    for options, why in refusals.items():
        command.add_argument(
            *options, action=_Refusal, nargs="?", const=why, help=argparse.SUPPRESS
        )


class _Refusal(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        del namespace, values
        parser.error(f"{option_string} is not possible here: {self.const}")
