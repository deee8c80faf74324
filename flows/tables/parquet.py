"""Tables as parquet files: equal tables result in equal bytes, and damage is found on reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.errors import StageError
from flows.features.arrow_columns import ARROW_TYPES
from flows.features.columns import Column

from .files import atomic_file
from .range_checks import range_problems


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as one file, with a checksum per page."""
    with atomic_file(path) as part:
        pq.write_table(
            table, part, compression="zstd", compression_level=3, write_page_checksum=True
        )


def read_table(path: Path, columns: Mapping[str, Column]) -> pa.Table:
    """Read `columns` of a file, and check every value.

    Raises
    ------
    StageError
        The file is damaged or has no rows, a column is missing or has another type, a value is
        empty or out of range. Each problem has file, column, row and value.
    """
    fix = f"run `dvc checkout`, or run the stage that writes {path.parent} again"
    content = path.read_bytes()
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        if problems := _type_problems(path, file.schema_arrow, columns):
            raise StageError(problems, fix)
        if _has_wrong_row_count(file.metadata):
            raise StageError([f"{path} is damaged: its columns have different lengths"], fix)
        table = file.read(list(columns), use_threads=False).select(list(columns))
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StageError([f"{path} is damaged: {error}"], fix) from None
    if problems := range_problems(str(path), table, columns):
        raise StageError(problems, fix)
    return table


def _has_wrong_row_count(metadata: pq.FileMetaData) -> bool:
    """Return whether a row count, which no checksum covers, differs from a column's length."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    return metadata.num_rows != sum(group.num_rows for group in groups) or any(
        group.column(i).num_values != group.num_rows
        for group in groups
        for i in range(group.num_columns)
    )


def _type_problems(path: Path, schema: pa.Schema, columns: Mapping[str, Column]) -> list[str]:
    names = schema.names
    problems = [f"{path}: column {c} is missing" for c in columns if c not in names]
    problems += [f"{path}: column {c} appears twice" for c in columns if names.count(c) > 1]
    types = {c: ARROW_TYPES[column.kind] for c, column in columns.items() if names.count(c) == 1}
    return problems + [
        f"{path}: column {c} is of type {schema.field(c).type}, should be {expected}"
        for c, expected in types.items()
        if schema.field(c).type != expected
    ]
