"""Documents end within their limit, with whole markup, and say what they leave out."""

from __future__ import annotations

import re

import pytest

from dvc_bridge.github_action.document import COMMENT_LIMIT, Block, Table, Text, render
from tests.unit.github_action.test_literal_text import html


@pytest.mark.parametrize("limit", [1_500, 3_000, 20_000, COMMENT_LIMIT])
@pytest.mark.parametrize("word", ["stage", "日本", "x" * 900])
def test_a_document_fits_and_its_markup_is_whole(limit: int, word: str) -> None:
    rows = [(f"<code>{word}{n}</code>", word) for n in range(5_000)]
    table, folded = Table(("a", "b"), rows, "rows"), Table(("a", "b"), rows, "rows", "folded")
    orders: list[list[Block]] = [[Text("### t"), table, folded], [folded, table], [folded]]
    for blocks in orders:
        text = render(blocks, limit)
        assert len(text.encode()) <= limit
        assert text.count("<details>") == text.count("</details>")
        assert text.count("<code>") == text.count("</code>")
        assert re.search(r"\*[\d,]+ more rows do not fit here\.\*|\*The rest does not fit", text)


def test_everything_is_kept_where_it_fits() -> None:
    rows = [(str(n), "b") for n in range(100)]
    text = render([Text("### t"), Table(("a", "b"), rows, "rows", "all")], COMMENT_LIMIT)
    assert html(text).count("<tr>") == 101
    assert "do not fit" not in text


def test_rows_that_do_not_fit_are_counted() -> None:
    text = render([Table(("a",), [("x" * 90,) for _ in range(100)], "rows")], 3_000)
    shown = html(text).count("<tr>") - 1
    assert 5 < shown < 100
    assert f"*{100 - shown} more rows do not fit here.*" in text
