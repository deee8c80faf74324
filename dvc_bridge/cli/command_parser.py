"""The parser of one command, which declares its arguments only when the command is used."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from dvc_bridge.cli.suggesting_parser import SuggestingParser


class CommandParser(SuggestingParser):
    """A parser that calls a function with itself before it parses for the first time.

    To declare the arguments of all commands takes 4 % of the CPU time of a run with nothing to do.

    Parameters
    ----------
    declare
        The function, as `module:name`; its module is imported only then. Empty: none.
    """

    def __init__(self, *args: Any, declare: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._declare = declare

    def declare(self) -> None:
        """Declare the arguments, unless that has been done."""
        (module, _, name), self._declare = self._declare.partition(":"), ""
        if name:
            getattr(import_module(module), name)(self)
            self.set_defaults(parser=self)

    def parse_known_args(  # noqa: D102  as in the base class
        self,
        args: Iterable[str] | None = None,
        namespace: Any = None,
    ) -> tuple[Any, list[str]]:
        self.declare()
        return super().parse_known_args(list(args) if args is not None else None, namespace)
