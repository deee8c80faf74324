"""The page of a Metaflow run: scores, the two curves, and the md5 of every out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from metaflow.cards import Markdown, Table, VegaChart

_SCORES = ("auc", "log_loss", "brier", "ece", "pr_auc")
_WINDOWS = {
    "test": "test months, selected model",
    "test_baseline": "test months, rate table",
    "backtest": "back-test, selected model",
    "backtest_baseline": "back-test, rate table",
}


def components(
    metrics: Mapping[str, Any], tables: Mapping[str, str], run: Mapping[str, Any]
) -> list[Any]:
    """Give the card's parts.

    Parameters
    ----------
    metrics : mapping
        models/evaluation/metrics.json.
    tables : mapping of name to text
        The CSV files `roc` and `reliability` of models/evaluation.
    run : mapping
        The run's artifact `dvc`: what it used and made, by md5.
    """
    revision = (run["revision"] or "no git")[:12] + (", with changes" if run["dirty"] else "")
    return [
        Markdown(f"# {metrics['selected']}: late by 15 minutes, or not at all"),
        Markdown(
            f"Revision {revision}. {len(run['computed'])} stages ran,"
            f" {len(run['restored'])} were known to DVC."
        ),
        Table(_score_rows(metrics), headers=["flights", *_SCORES]),
        VegaChart(_chart(tables["roc"], "false_positive", "true_positive", "ROC, test months")),
        VegaChart(_chart(tables["reliability"], "predicted", "observed", "Reliability")),
        Table(
            [[path, out["md5"], out["size"]] for path, out in sorted(run["outs"].items())],
            headers=["out", "md5", "bytes"],
        ),
    ]


def _score_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    return [
        [title, *(_score(metrics[window], score) for score in _SCORES)]
        for window, title in _WINDOWS.items()
    ]


def _score(scores: Mapping[str, float], name: str) -> str:
    text = f"{scores[name]:.4f}"
    if f"{name}_low" in scores:
        text += f" ({scores[f'{name}_low']:.4f} to {scores[f'{name}_high']:.4f})"
    return text


def _chart(table: str, x: str, y: str, title: str) -> dict[str, Any]:
    rows = [
        {"model": row["model"], x: float(row[x]), y: float(row[y])}
        for row in csv.DictReader(io.StringIO(table))
    ]
    axis = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "width": 420,
        "height": 320,
        "data": {"values": rows},
        "mark": {"type": "line", "point": len(rows) < 50},
        "encoding": {
            "x": {"field": x, **axis},
            "y": {"field": y, **axis},
            "color": {"field": "model", "type": "nominal"},
        },
    }
