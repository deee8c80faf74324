"""Write what the tables of keys say: `python docs/tools/settings.py`.

That is the reference in docs/settings.md and the JSON schema of dvc-bridge.yaml. With `--check` the
files are compared, not written: exit code 1 if one is out of date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from dvc_bridge.pipeline.setting_keys import SECTIONS, TOP, Section
from dvc_bridge.pipeline.settings_schema import settings_schema

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "settings.md"
SCHEMA = ROOT / "dvc_bridge" / "dvc-bridge.schema.json"
BEGIN = "<!-- begin: written by docs/tools/settings.py -->"
END = "<!-- end -->"


def reference() -> str:
    """Render all keys as Markdown."""
    lines = ["## Every engine", "", *_table(TOP)]
    for section in SECTIONS:
        lines += [f"## {section.name}", "", section.meaning, "", *_table(section)]
    return "\n".join(lines).rstrip() + "\n"


def _table(section: Section) -> Iterator[str]:
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    for key in section.keys:
        if not key.is_older:
            default = f"; default: {key.default}" if key.default else ""
            yield f"| `{key.name}` | {key.value.shown} | {key.meaning}{default} |"
    yield ""


def schema_text() -> str:
    """Return the content of the schema's file."""
    return json.dumps(settings_schema(), indent=2, ensure_ascii=False) + "\n"


def page_text(text: str) -> str:
    """Return the content of the page with the current reference."""
    before, _, rest = text.partition(f"{BEGIN}\n")
    after = rest.partition(f"{END}\n")[2]
    return f"{before}{BEGIN}\n\n{reference()}\n{END}\n{after}"


def main() -> int:
    """Write or check the files and return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare, do not write")
    is_check = arguments.parse_args().check
    wanted = {PAGE: page_text(PAGE.read_text(encoding="utf-8")), SCHEMA: schema_text()}
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text("utf-8") != text]
    for path in stale:
        if is_check:
            print(f"{path} is out of date\nfix: python docs/tools/settings.py", file=sys.stderr)
        else:
            path.write_text(wanted[path], encoding="utf-8")
    return int(is_check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
