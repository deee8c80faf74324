"""Hooks of mkdocs: pages that live outside docs/ become part of the site, and so do links to them.

A link to any other file of the repository becomes text, since the site has no copy of the file; a
link to a file that does not exist is a warning, which ends a strict build.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# Page of the repository -> page of the site.
PAGES = {
    "data/README.md": "repository/data.md",
    "models/README.md": "repository/models.md",
    "CONTRIBUTING.md": "repository/contributing.md",
    "SECURITY.md": "repository/security.md",
    "CHANGELOG.md": "repository/changelog.md",
    "README.md": "index.md",
}
SCHEMA = "dvc-bridge.schema.json"
_SOURCES = {page: source for source, page in PAGES.items() if page != "index.md"}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^ *```.*?^ *```[^\n]*$)", re.DOTALL | re.MULTILINE)

# What `make bench` writes; docs/comparison.md ends with it.
_REPORT = ROOT / "benchmarks" / "results" / "report.md"

log = logging.getLogger("mkdocs.site")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside docs/, and the JSON schema of dvc-bridge.yaml for editors."""
    for page, source in _SOURCES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    schema = (ROOT / "dvc_bridge" / SCHEMA).read_text(encoding="utf-8")
    files.append(File.generated(config, SCHEMA, content=schema))
    return files


def _read_report() -> str:
    """Return the report of the comparison, its headings one level lower; empty if there is none."""
    if not _REPORT.exists():
        return ""
    return "\n" + re.sub("^#", "##", _REPORT.read_text(encoding="utf-8"), flags=re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between repository files into links between pages."""
    del config, files
    here = page.file.src_uri
    if here == "comparison.md":
        markdown += _read_report()
    source = _SOURCES.get(here, f"docs/{here}")

    def link(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if not (ROOT / wanted).exists():
            log.warning("%s: link to %s, which does not exist", source, target)
        on_site = PAGES.get(wanted) or wanted.removeprefix("docs/")
        if wanted not in PAGES and not wanted.startswith("docs/"):
            return text
        moved = posixpath.relpath(on_site, posixpath.dirname(here) or ".")
        return f"{image}[{text}]({moved}{'#' if anchor else ''}{anchor})"

    parts = _FENCE.split(markdown)
    return "".join(part if n % 2 else _LINK.sub(link, part) for n, part in enumerate(parts))
