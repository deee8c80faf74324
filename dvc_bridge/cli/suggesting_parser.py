"""A parser that names the option or command that the user probably meant."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import NoReturn

_CHOICE = re.compile(r"invalid choice: '(?P<given>[^']*)' \(choose from (?P<choices>.*)\)")


class SuggestingParser(argparse.ArgumentParser):
    """The root parser, and the base of the parsers of commands."""

    def parse_args(  # type: ignore[override]  # no namespace of the caller
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Return the arguments; an unknown option ends the process with the nearest known one."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command: SuggestingParser = parsed.parser
            command.error(f"unrecognized arguments: {' '.join(unknown)}{command.nearest(unknown)}")
        return parsed

    def nearest(self, unknown: Sequence[str]) -> str:
        """Return a clause with the options that are closest to unknown ones; empty if none is."""
        options = [option for action in self._visible() for option in action.option_strings]
        close = [
            match
            for word in unknown
            for match in difflib.get_close_matches(word.partition("=")[0], options, n=1)
            if word.startswith("-")
        ]
        return f"; did you mean {' '.join(close)}?" if close else ""

    def error(self, message: str) -> NoReturn:
        """End the process with a message, and the nearest choice if the user gave another."""
        if choice := _CHOICE.search(message):
            choices = re.findall(r"'([^']*)'", choice["choices"])
            if close := difflib.get_close_matches(choice["given"], choices, n=1):
                message += f"; did you mean {close[0]}?"
        super().error(message)

    def _visible(self) -> list[argparse.Action]:
        return [action for action in self._actions if action.help is not argparse.SUPPRESS]
