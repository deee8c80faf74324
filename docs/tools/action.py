"""Write parts of pages about the Action from the files themselves: `python docs/tools/action.py`.

`<!-- begin: inputs -->` and `<!-- begin: outputs -->` hold tables of action.yml, and
`<!-- begin: examples/NAME -->` holds that file as a code block. With `--check` the pages are
compared, not written: exit code 1 if one is out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "action.md")
_PART = re.compile(r"<!-- begin: (\S+) -->\n.*?<!-- end -->", re.DOTALL)


def page_text(text: str) -> str:
    """Return the content of a page with its current parts."""
    return _PART.sub(lambda m: f"<!-- begin: {m[1]} -->\n{_part(m[1])}\n<!-- end -->", text)


def _part(name: str) -> str:
    if name in ("inputs", "outputs"):
        return _table(name)
    language = "yaml" if name.endswith((".yml", ".yaml")) else "text"
    return f"```{language}\n{(ROOT / name).read_text(encoding='utf-8').rstrip()}\n```"


def _table(section: str) -> str:
    action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    rows = []
    for name, entry in action[section].items():
        description = " ".join(entry["description"].split())
        default = f"; default: `{entry['default']}`" if entry.get("default") else ""
        rows.append(f"| `{name}` | {description.removesuffix('.')}{default} |")
    return "\n".join([f"| {section.removesuffix('s')} | meaning |", "|---|---|", *rows])


def main() -> int:
    """Write or check the pages."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    check = arguments.parse_args().check
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        wanted = page_text(text)
        if wanted == text:
            continue
        if check:
            print(f"{page} is out of date\nfix: python docs/tools/action.py", file=sys.stderr)
            return 1
        page.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
