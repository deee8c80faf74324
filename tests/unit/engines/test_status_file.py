"""The status of an attempt on disk: as it was written, or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dvc_bridge.engines.process_status import read_status
from dvc_bridge.engines.status_file import load_record, load_status, write_status
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus

TASK = TaskStatus(TaskNumber(0), Phase.FAILED, started=datetime.now(UTC), exit_code=1)
STATUS = RunStatus("one", Phase.FAILED, tasks=(TASK,), stages=(("a", "b"),))


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert load_status(tmp_path) is None
    write_status(tmp_path, STATUS)
    assert load_status(tmp_path) == read_status(tmp_path) == STATUS


@pytest.mark.parametrize(
    "content", ["", "[]", "null", "5", "{}", '{"tasks": 5}', '{"tasks": [1]}', "[" * 10**5]
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    for name in ("status.json", "record.json"):
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=r"status\.json is damaged: .*"):
        load_status(tmp_path)
    with pytest.raises(UsageError, match=r"record\.json is damaged: .*"):
        load_record(tmp_path)
