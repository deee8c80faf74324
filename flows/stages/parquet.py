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
        table = file.read(list(columns), use_threads=False).select(list(columns))
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StageError([f"{path} is damaged: {error}"], fix) from None
    if problems := wrong_values(str(path), table, columns):
        raise StageError(problems, fix)
    return table


def _wrong_types(path: Path, found: pa.Schema, columns: Mapping[str, Column]) -> list[str]:
    problems = [f"{path}: column {c} is missing" for c in columns if c not in found.names]
    types = {c: TYPES[column.kind] for c, column in columns.items() if c in found.names}
    return problems + [
        f"{path}: column {c} is of type {found.field(c).type}, should be {wanted}"
        for c, wanted in types.items()
        if found.field(c).type != wanted
    ]
