"""A Python that works in any image. `pytest -m full` runs the copy of the whole environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dvc_bridge.errors import UsageError
from dvc_bridge.worker.portable import write_portable_python


def test_a_folder_that_exists_is_not_touched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        write_portable_python(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.full
def test_the_copy_uses_no_library_and_no_package_of_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "dvc-bridge"
    write_portable_python(folder)
    program = (
        "import dvc.api, pygit2, s3fs, ssl, sqlite3, sys, dvc_bridge\n"
        "for line in open('/proc/self/maps'):\n"
        "    if '/' in line and ('.so' in line or 'python' in line): print(line.split()[-1])\n"
        "print(sys.prefix)\n"
    )
    done = subprocess.run(
        [folder / "bin" / "python3", "-I", "-c", program],
        env={"USER": "dvc", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    used = set(done.stdout.split())
    assert len(used) > 20
    assert {path for path in used if not path.startswith(str(folder))} == set()
