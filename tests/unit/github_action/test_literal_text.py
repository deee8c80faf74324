"""No text of a repository becomes markup, a link, a command or a terminal sequence."""

from __future__ import annotations

import re

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

from dvc_bridge.github_action.document import Table, render
from dvc_bridge.github_action.literal_text import MOST_CHARACTERS, code
from dvc_bridge.github_action.runner import Annotation
from dvc_bridge.ui.visible_text import visible
from tests.support.hostile_texts import HOSTILE

TAGS = {"table", "thead", "tbody", "tr", "th", "td", "code", "span"}
names = pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])


def html(markdown: str) -> str:
    """Return what GitHub's own renderer makes of Markdown, raw HTML included."""
    page: str = github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    return page


@names
def test_a_text_stays_text_in_a_table(text: str) -> None:
    page = html(render([Table(("stage", "why"), [(code(text), code(text))], "rows")], 10**6))
    assert set(re.findall(r"</?([a-zA-Z0-9]+)", page)) <= TAGS
    assert page.count("<tr>") == 2
    assert page.count("<td>") == 2
    assert page.count("<code>") == page.count("</code>") == 2
    assert "<!--" not in page


@names
def test_a_text_is_one_line_without_control_characters(text: str) -> None:
    shown = visible(text, MOST_CHARACTERS)
    assert shown.isprintable()
    assert len(shown) <= 10 * 300 + 3
    assert shown.encode("utf-8")


@names
def test_an_annotation_is_one_command(text: str) -> None:
    command = str(Annotation(title=text, message=text, file=text, line=3))
    assert len(command.splitlines()) == 1
    match = re.fullmatch(r"::error file=([^,:]*),line=3,title=([^,:]*)::(.*)", command)
    assert match
    assert match[1] == match[2]


def test_a_long_text_is_cut_and_says_so() -> None:
    assert visible("a" * 1000, 10) == "aaaaaaaaaa..."
    assert visible("a" * 10, 10) == "aaaaaaaaaa"


def test_a_usual_name_is_shown_as_it_is() -> None:
    assert visible("train@hgb: data/raw é 日本") == "train@hgb: data/raw é 日本"
    assert "train<span>@</span>hgb" in html(code("train@hgb"))
