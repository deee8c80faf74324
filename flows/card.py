"""The page of a Metaflow run: scores, the curves of `dvc plots`, and the md5 of every out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from metaflow.cards import Markdown, Table, VegaChart

_SCORES = {
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error",
    "pr_auc": "PR AUC",
}
_WINDOWS = {
    "test": "test months, selected model",
    "test_baseline": "test months, rate table",
    "test_late15_operated": "test months, flights that took place",
    "backtest": "back-test, selected model",
    "backtest_baseline": "back-test, rate table",
}
_SIZE = {"width": 360, "height": 300}


def components(
    metrics: Mapping[str, Any], tables: Mapping[str, str], run: Mapping[str, Any]
) -> list[Any]:
    """Give the card's parts.

    Parameters
    ----------
    metrics : mapping
        models/evaluation/metrics.json.
    tables : mapping of name to text
        The CSV files `roc`, `reliability` and `months` of models/evaluation.
    run : mapping
        The run's artifact `dvc`: what it used and made, by md5.
    """
    revision = (run["revision"] or "no git")[:12] + (", with changes" if run["dirty"] else "")
    return [
        Markdown("# Disrupted flights"),
        Markdown(
            "P(a New York flight arrives 15 minutes late or not at all), known two hours before."
            f" Selected: **{metrics['selected']}**. Revision {revision}."
            f" {len(run['computed'])} stages ran, {len(run['restored'])} were known to DVC."
        ),
        Markdown("## Scores"),
        Table(_score_rows(metrics), headers=["flights", "number", *_SCORES.values()]),
        Markdown(
            "In brackets 95 % intervals, from a bootstrap of whole days. More is better for AUC and"
            " PR AUC, less for the others."
        ),
        Markdown("## Test months"),
        VegaChart(
            _side_by_side(
                _roc(_points(tables["roc"])), _reliability(_points(tables["reliability"]))
            )
        ),
        Markdown("## Back-test: each month predicted from all the months before it"),
        VegaChart(
            _side_by_side(*(_by_month(_points(tables["months"]), y) for y in ("auc", "log_loss")))
        ),
        Markdown("## Files"),
        Table(
            [[path, out["md5"], f"{out['size']:,}"] for path, out in sorted(run["outs"].items())],
            headers=["file or folder", "md5", "bytes"],
        ),
    ]


def _score_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    return [
        [title, f"{metrics[window]['n']:,}", *(_score(metrics[window], score) for score in _SCORES)]
        for window, title in _WINDOWS.items()
    ]


def _score(scores: Mapping[str, float], name: str) -> str:
    text = f"{scores[name]:.4f}"
    if f"{name}_low" in scores:
        text += f" ({scores[f'{name}_low']:.4f} to {scores[f'{name}_high']:.4f})"
    return text


def _points(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def _roc(points: list[dict[str, str]]) -> dict[str, Any]:
    x = _axis("false_positive", "false positives, share of the flights on time")
    y = _axis("true_positive", "true positives, share of the disrupted flights")
    return _above_diagonal("ROC", points, x, y)


def _reliability(points: list[dict[str, str]]) -> dict[str, Any]:
    x = _axis("predicted", "predicted probability, mean of each bin of 0.1")
    y = _axis("observed", "share of flights disrupted")
    return _above_diagonal("Reliability", points, x, y)


def _by_month(points: list[dict[str, str]], score: str) -> dict[str, Any]:
    y = {"field": score, "type": "quantitative", "title": _SCORES[score], "scale": {"zero": False}}
    x = {"field": "month", "type": "ordinal", "title": None}
    return {**_SIZE, "title": _SCORES[score], **_lines(points, x, y)}


def _axis(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, "scale": {"domain": [0, 1]}}


def _above_diagonal(
    title: str, points: list[dict[str, str]], x: dict[str, Any], y: dict[str, Any]
) -> dict[str, Any]:
    """Give a chart with a line a model and, for what chance or truth gives, the diagonal."""
    diagonal = {
        "data": {"values": [{x["field"]: end, y["field"]: end} for end in (0, 1)]},
        "mark": {"type": "line", "color": "gray", "strokeDash": [4, 4], "strokeWidth": 1},
        "encoding": {"x": x, "y": y},
    }
    return {**_SIZE, "title": title, "layer": [diagonal, _lines(points, x, y)]}


def _lines(points: list[dict[str, str]], x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": points},
        "mark": {"type": "line", "point": {"size": 12}},
        "encoding": {"x": x, "y": y, "color": {"field": "model", "type": "nominal"}},
    }


def _side_by_side(*charts: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "hconcat": list(charts)}
