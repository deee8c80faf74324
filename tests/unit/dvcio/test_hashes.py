"""Hashes of files that change so soon after reading that their times do not show it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_bridge.dvcio import hashes
from dvc_bridge.dvcio.hashes import Hashes, md5_of, signature_of

A, B = b"a\n", b"b\n"
AN_HOUR_NS = 3_600_000_000_000


def keep_all(_: str, names: list[str], files: list[str]) -> tuple[list[str], list[str]]:
    return names, files


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], Hashes]:
    """Open the remembered hashes of the folder's files, as a new run does."""
    return lambda: Hashes(tmp_path / "hashes.db", keep_all)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(A)
    return path


@pytest.fixture(autouse=True)
def grow_old(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let files be young for an hour, however slow the machine is; return what ends it."""
    monkeypatch.setattr(hashes, "YOUNG_NS", AN_HOUR_NS)
    return lambda: monkeypatch.setattr(hashes, "YOUNG_NS", 0)


def aged(path: Path) -> None:
    """Make a file old enough for its times to show a change."""
    old = path.stat().st_mtime_ns - 2 * AN_HOUR_NS
    os.utime(path, ns=(old, old))


def edit_unseen(path: Path, content: bytes) -> None:
    """Change a file's bytes without changing its signature."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert signature_of(path.stat()) == signature_of(before)


def md5(found: Hashes, path: Path) -> str:
    pointer = found.pointer(str(path))
    assert pointer is not None
    return str(pointer["md5"])


def md5_now(path: Path) -> str:
    return md5_of(path)


def test_a_young_file_is_read_again_in_the_same_run_and_in_the_next(
    opened: Callable[[], Hashes], file: Path
) -> None:
    found = opened()
    assert md5(found, file) == md5_now(file)
    edit_unseen(file, B)
    assert md5(found, file) == md5_now(file)
    found.save()
    edit_unseen(file, A)
    assert md5(opened(), file) == md5_now(file)


def test_a_file_that_was_edited_while_it_was_young_is_not_remembered(
    opened: Callable[[], Hashes], file: Path, grow_old: Callable[[], None]
) -> None:
    found = opened()
    md5(found, file)
    edit_unseen(file, B)
    grow_old()
    found.save()
    assert found.known(str(file)) is None
    assert md5(opened(), file) == md5_now(file)


def test_a_young_file_is_remembered_once_it_is_old_and_has_been_read_again(
    opened: Callable[[], Hashes], file: Path, grow_old: Callable[[], None]
) -> None:
    found = opened()
    digest = md5(found, file)
    assert found.known(str(file)) is None
    grow_old()
    found.settle()
    assert found.known(str(file)) == (signature_of(file.stat()), digest)


def test_an_old_file_is_read_once(opened: Callable[[], Hashes], file: Path) -> None:
    aged(file)
    found = opened()
    digest = md5(found, file)
    found.save()
    edit_unseen(file, B)  # this change cannot be detected
    assert md5(found, file) == md5(opened(), file) == digest != md5_now(file)


@pytest.mark.parametrize("how", ["edited", "replaced", "touched"])
def test_an_old_file_is_read_again_when_its_inode_time_or_size_is_another(
    opened: Callable[[], Hashes], file: Path, how: str
) -> None:
    aged(file)
    found = opened()
    md5(found, file)
    found.save()
    before = file.stat()
    if how == "replaced":
        (file.parent / "other").write_bytes(B)
        (file.parent / "other").replace(file)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif how == "edited":
        file.write_bytes(B + B)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        edit_unseen(file, B)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert md5(opened(), file) == md5_now(file)


def test_what_dvc_says_of_a_file_is_believed_only_if_the_file_still_has_it(
    opened: Callable[[], Hashes], file: Path
) -> None:
    aged(file)
    found = opened()
    found.learn(str(file), "0" * 32)  # another process has written to it since
    found.learn(f"{file}-is-gone", "0" * 32)
    found.save()
    assert found.known(str(file)) is None
    found.learn(str(file), md5_now(file))
    found.save()
    assert found.known(str(file)) == (signature_of(file.stat()), md5_now(file))


def test_young_files_are_read_again_up_to_a_limit(
    opened: Callable[[], Hashes],
    file: Path,
    grow_old: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hashes, "AGAIN_BYTES", 3)
    other = file.parent / "other"
    other.write_bytes(B)
    found = opened()
    md5(found, file)
    md5(found, other)
    grow_old()
    found.save()
    assert [found.known(str(path)) is None for path in (file, other)] == [False, True]
    assert md5(opened(), other) == md5_now(other)


def test_a_folder_is_what_its_young_files_are_now(opened: Callable[[], Hashes], file: Path) -> None:
    folder = file.parent / "folder"
    folder.mkdir()
    file.rename(folder / "file")
    found = opened()
    first = md5(found, folder)
    edit_unseen(folder / "file", B)
    second = md5(found, folder)
    edit_unseen(folder / "file", A)
    assert (first != second, md5(found, folder) == first) == (True, True)
