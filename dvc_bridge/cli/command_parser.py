"""The parser of one command, which declares its arguments only when the command is used."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from dvc_bridge.cli.suggesting_parser import SuggestingParser

Declare = Callable[[argparse.ArgumentParser], None]


class CommandParser(SuggestingParser):
    """A parser that calls `declare(parser)` before it parses for the first time.

    To declare the arguments of all commands takes 4 % of the CPU time of a run with nothing to do.
    """

    def __init__(self, *args: Any, declare: Declare | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._declare = declare

    def declare(self) -> None:
        """Declare the arguments, unless that has been done."""
        declare, self._declare = self._declare, None
        if declare:
            declare(self)
            self.set_defaults(parser=self)

    def parse_known_args(  # noqa: D102  as in the base class
        self,
        args: Iterable[str] | None = None,
        namespace: Any = None,
    ) -> tuple[Any, list[str]]:
        self.declare()
        return super().parse_known_args(list(args) if args is not None else None, namespace)
