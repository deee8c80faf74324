"""Feature files read back: whole months, split in time and in no other way."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .columns import CATEGORIES, FEATURES, IDENTITY, OUTCOMES
from .errors import StageError

_NEVER_EMPTY = (
    *IDENTITY,
    *CATEGORIES,
    *OUTCOMES,
    *("departure_min", "weekday", "block_min", "distance_mi"),
)


def read_months(
    stage: str, root: Path, first: str | None, before: str | None, last: str | None = None
) -> pa.Table:
    """Read the features of a span of months.

    Parameters
    ----------
    stage : str
        Who reads, for the messages.
    first, before, last : str or None
        Months as YYYY-MM: from `first` (None: the first there is), up to but without `before`,
        up to and with `last`.

    Raises
    ------
    StageError
        No month in the span, `first` or `last` missing, a column missing, an empty value where
        none may be.
    """
    files = {f.stem: f for f in sorted((root / "data" / "features").glob("*.parquet"))}
    months = [
        m
        for m in files
        if (first is None or m >= first)
        and (before is None or m < before)
        and (last is None or m <= last)
    ]
    problems = [
        f"data/features/{m}.parquet is missing" for m in (first, last) if m and m not in files
    ]
    if not months and not problems:
        span = f"{first or 'the first'} to {f'before {before}' if before else last}"
        problems = [f"data/features has no month in the span {span}"]
    if problems:
        raise StageError(
            stage, problems, "dvc repro featurize, or correct the months in params.yaml"
        )
    return pa.concat_tables([_read_month(stage, files[m]) for m in months]).combine_chunks()


def _read_month(stage: str, path: Path) -> pa.Table:
    name = f"data/features/{path.name}"
    try:
        table = pq.read_table(path, use_threads=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageError(
            stage, [f"{name}: {error}"], "dvc checkout, or dvc repro -f featurize"
        ) from None
    wanted = dict.fromkeys((*IDENTITY, *FEATURES, *OUTCOMES))
    problems = [f"{name}: column {c} is missing" for c in wanted if c not in table.column_names]
    if not problems and not table.num_rows:
        problems = [f"{name} has no rows"]
    if not problems:
        problems = [
            f"{name}: column {c} is empty or NaN in {n} rows"
            for c in _NEVER_EMPTY
            if (n := _n_empty(table[c]))
        ]
    if problems:
        raise StageError(stage, problems, "dvc repro -f featurize")
    return table


def _n_empty(values: pa.ChunkedArray) -> int:
    n: int = pc.sum(pc.is_null(values, nan_is_null=True)).as_py()
    return n
