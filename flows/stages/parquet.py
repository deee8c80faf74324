"""Tables as parquet files: equal tables give equal bytes, and damage is found when read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .columns import Column
from .errors import StageError
from .files import whole_file
from .values import TYPES, wrong_values


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as one file, with a checksum a page."""
    with whole_file(path) as part:
        pq.write_table(
            table, part, compression="zstd", compression_level=3, write_page_checksum=True
        )


def read_table(path: Path, columns: Mapping[str, Column]) -> pa.Table:
    """Read the columns `columns` of a file, and check every value.

    Raises
    ------
    StageError
        The file is damaged or has no rows, a column is missing or of another type, a value is
        empty or out of range: each with file, column, row and value.
    """
    fix = f"dvc checkout, or run again the stage that writes {path.parent}"
    content = path.read_bytes()
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        if problems := _wrong_types(path, file.schema_arrow, columns):
            raise StageError(problems, fix)
        if _cut_short(file.metadata):
            raise StageError([f"{path} is damaged: its columns are not of one length"], fix)
        table = file.read(list(columns), use_threads=False).select(list(columns))
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StageError([f"{path} is damaged: {error}"], fix) from None
    if problems := wrong_values(str(path), table, columns):
        raise StageError(problems, fix)
    return table


def _cut_short(metadata: pq.FileMetaData) -> bool:
    """Tell whether a count of rows, which no checksum covers, is not that of every column."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    return metadata.num_rows != sum(group.num_rows for group in groups) or any(
        group.column(i).num_values != group.num_rows
        for group in groups
        for i in range(group.num_columns)
    )


def _wrong_types(path: Path, found: pa.Schema, columns: Mapping[str, Column]) -> list[str]:
    problems = [f"{path}: column {c} is missing" for c in columns if c not in found.names]
    problems += [f"{path}: column {c} is there twice" for c in columns if found.names.count(c) > 1]
    types = {c: TYPES[column.kind] for c, column in columns.items() if found.names.count(c) == 1}
    return problems + [
        f"{path}: column {c} is of type {found.field(c).type}, should be {wanted}"
        for c, wanted in types.items()
        if found.field(c).type != wanted
    ]
