"""Files that users name for an output: created with their folder, or refused with a next step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dvc_bridge.dvcio.output_file import write_output
from dvc_bridge.errors import UsageError


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "new/report.md"
    write_output(str(target), "a name in another encoding: \udce9")
    assert target.read_text() == "a name in another encoding: \\udce9"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (".", "cannot write .*: Is a directory"),
        ("file/report.md", "cannot write .*: Not a directory"),
        ("x" * 300, "cannot write .*: File name too long"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UsageError, match=problem):
        write_output(str(tmp_path / name), "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(UsageError, match="No space left on device"):
        write_output(str(tmp_path / "full"), "text")


def test_a_named_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_output(str(pipe), "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert pipe.is_fifo()
