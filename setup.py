"""The package page: README.md with absolute links. Everything else is in setup.cfg."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
_RELATIVE = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def package_page(readme: str, source: str) -> str:
    """Return the text with links to `source`; without a source, links become plain text."""

    def absolute(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        if not source:
            return f"*{text}*" if image else text
        return f"{image}[{text}]({source}/{'raw' if image else 'blob'}/main/{target})"

    return _RELATIVE.sub(absolute, readme)


def source_address(config: str) -> str:
    """Return the address under `project_urls: Source` of setup.cfg; empty if there is none."""
    parser = ConfigParser()
    parser.read_string(config)
    lines = parser.get("metadata", "project_urls", fallback="").splitlines()
    urls = dict(line.split(" = ", 1) for line in lines if " = " in line)
    return urls.get("Source", "")


if __name__ == "__main__":
    setup(
        long_description=package_page(
            (ROOT / "README.md").read_text(encoding="utf-8"),
            source_address((ROOT / "setup.cfg").read_text(encoding="utf-8")),
        )
    )
