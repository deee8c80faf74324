"""The population stability index: by hand, against the pipeline's histograms, and as an alarm."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flows.features.columns import CATEGORIES, NUMBERS
from flows.models.histograms import bin_counts, code_histogram, number_histogram
from serving.model.metadata import ReferenceHistogram
from serving.monitoring.psi import COLUMNS, PROBABILITY, Bins, Counts, missing_rows, unseen_rows

WIND = COLUMNS.index("wind_speed")


def bins_of(values: np.ndarray, codes: list[str]) -> Bins:
    """Return bins in which all number columns have one reference, and all code columns another."""
    numbers = ReferenceHistogram(**number_histogram(values.astype(np.float32)))
    names = {**dict.fromkeys(CATEGORIES, ReferenceHistogram(**code_histogram(codes)))}
    return Bins({**names, **dict.fromkeys((*NUMBERS, PROBABILITY), numbers)})


def count(bins: Bins, values: np.ndarray, code: str = "UA") -> Counts:
    """Count `values` in every number column, and one code in every code column."""
    codes = np.full((len(values), len(CATEGORIES)), code, object)
    numbers = np.repeat(values.astype(np.float32)[:, None], len(NUMBERS), axis=1)
    counts: Counts = bins.count(codes, numbers, values)
    return counts


def test_the_index_by_hand() -> None:
    """Reference 50, 50 and none above, now 80, 20 and none; each bin counts half a row more."""
    bins = bins_of(np.array([0.0] * 50 + [1.0] * 50), ["UA"])
    counted = count(bins, np.array([0.0] * 80 + [1.0] * 20))
    before, now = ([n / 101.5 for n in rows] for rows in ((50.5, 50.5, 0.5), (80.5, 20.5, 0.5)))
    expected = sum((q - p) * math.log(q / p) for p, q in zip(before, now, strict=True))
    assert bins.psi(counted)[WIND] == pytest.approx(expected)
    assert expected == pytest.approx(0.404, abs=1e-3)


@pytest.mark.parametrize("seed", [3])
def test_bins_are_cut_where_the_pipeline_cut_them(seed: int) -> None:
    """The bins of the server and the histograms of export count alike, ties and NaN included."""
    random = np.random.default_rng(seed)
    values = random.choice([0.0, 0.1, 0.2, 0.3, 1e6, np.nan, *random.normal(size=30)], 5000)
    bins = bins_of(values, ["UA"])
    counted = count(bins, values)
    edges = np.array(number_histogram(values.astype(np.float32))["edges"], np.float32)
    expected = bin_counts(edges, values.astype(np.float32))
    assert counted[WIND][: len(edges) + 1].tolist() == expected[:-1].tolist()
    assert missing_rows(counted)[WIND] == expected[-1] > 0
    assert counted[WIND].tolist() == bins.reference[WIND].tolist()
    assert bins.psi(counted)[WIND] == pytest.approx(0, abs=1e-12)


def test_no_shift_is_no_alarm_and_half_a_deviation_is_one() -> None:
    """Over 200 seeds, with windows of 1,000 rows and the threshold 0.1 of "no change"."""
    alarms, detected = 0, 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        bins = bins_of(random.normal(size=20_000), ["UA"])
        alarms += bins.psi(count(bins, random.normal(size=1000)))[WIND] > 0.1
        detected += bins.psi(count(bins, random.normal(0.5, size=1000)))[WIND] > 0.1
    assert alarms < 10
    assert detected > 190


def test_unseen_codes_are_counted_and_raise_the_index() -> None:
    bins = bins_of(np.zeros(10), ["UA"] * 90 + ["DL"] * 10)
    same, new = count(bins, np.zeros(100), "UA"), count(bins, np.zeros(100), "ZZ")
    assert (unseen_rows(same)[0], unseen_rows(new)[0]) == (0, 100)
    assert bins.psi(new)[0] > bins.psi(same)[0]
