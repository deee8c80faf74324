"""One lab for the whole session, on the memory disk if there is one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.equality.lab import Lab

MEMORY = Path("/dev/shm")  # noqa: S108


@pytest.fixture(scope="session")
def lab_folder() -> Iterator[Path]:
    base = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="equality-", dir=base) as name:
        yield Path(name).resolve()


@pytest.fixture(scope="session")
def lab(lab_folder: Path) -> Iterator[Lab]:
    work = lab_folder / "lab"
    work.mkdir()
    with Lab(work, ours=os.environ.get("EQUALITY_OURS", "dvc_bridge")) as lab:
        yield lab
