"""Write the reference in docs/commands.md from the parser: `python docs/tools/commands.py`.

With `--check` the file is compared, not written: exit code 1 if it is out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from dvc_bridge.cli.parser import complete_parser

PAGE = Path(__file__).parents[1] / "commands.md"
BEGIN = "<!-- begin: written by docs/tools/commands.py -->"
END = "<!-- end -->"
# Started inside tasks, not by people.
HIDDEN = ("worker",)


def commands() -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """Return every command with its one-line description and its parser."""
    (action,) = (a for a in complete_parser()._actions if isinstance(a, argparse._SubParsersAction))
    descriptions = {choice.dest: choice.help or "" for choice in action._choices_actions}
    return {name: (descriptions[name], command) for name, command in action.choices.items()}


def reference() -> str:
    """Render all commands as Markdown."""
    shown = {name: entry for name, entry in commands().items() if name not in HIDDEN}
    return "\n".join([*_overview(shown), *_sections(shown)]).rstrip() + "\n"


def _overview(shown: dict[str, tuple[str, argparse.ArgumentParser]]) -> Iterator[str]:
    yield "| command | what it does |"
    yield "|---|---|"
    for name, (description, _) in shown.items():
        yield f"| [`{name}`](#{name}) | {_cell(description)} |"
    yield ""


def _sections(shown: dict[str, tuple[str, argparse.ArgumentParser]]) -> Iterator[str]:
    for name, (description, command) in shown.items():
        yield from (f"## {name}", "", f"{description[:1].upper()}{description[1:]}.", "")
        hidden = (argparse._HelpAction, argparse._VersionAction)
        actions = [
            a for a in command._actions if a.help != argparse.SUPPRESS and not isinstance(a, hidden)
        ]
        yield from (
            "```text",
            f"dvc-bridge {' '.join([name, *map(_usage, actions)])}",
            "```",
            "",
        )
        if not actions:
            continue
        yield "| argument | meaning |"
        yield "|---|---|"
        for action in actions:
            yield f"| {_spellings(action)} | {_cell(action.help or '')} |"
        yield ""


def _usage(action: argparse.Action) -> str:
    value = _value(action)
    if not action.option_strings:
        return {"*": f"[{value}...]", "?": f"[{value}]"}.get(str(action.nargs), value)
    flag = f"{action.option_strings[0]} {value}".strip()
    return flag if action.required else f"[{flag}]"


def _spellings(action: argparse.Action) -> str:
    names = action.option_strings or [""]
    return ", ".join(f"`{f'{name} {_value(action)}'.strip()}`" for name in names).replace(
        "|", "\\|"
    )


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if action.choices and not action.metavar:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _cell(text: str) -> str:
    return text.replace("%%", "%").replace("|", "\\|")


def main() -> int:
    """Write or check the page and return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare, do not write")
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(f"{BEGIN}\n")
    after = rest.partition(f"{END}\n")[2]
    wanted = f"{before}{BEGIN}\n\n{reference()}\n{END}\n{after}"
    if arguments.parse_args().check:
        if text != wanted:
            print(f"{PAGE} is out of date\nfix: python docs/tools/commands.py", file=sys.stderr)
        return int(text != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
