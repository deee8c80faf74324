"""Atomic replacement of files, and removal of files, folders and links."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dvc_bridge.dvcio.atomic_files import UMASK, remove_tree, write_whole
from tests.e2e.test_refusals import BY_MODES, OWN_MOUNTS

IS_ROOT = os.geteuid() == 0
WRITE = (
    "import sys; from pathlib import Path; from dvc_bridge.dvcio.atomic_files import write_whole;"
    " write_whole(Path(sys.argv[1]), 'new', Path(sys.argv[2]))"
)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A text file in its own folder."""
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.write_text("a longer text than the new one")
    return path


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path, scratch: Path) -> None:
    write_whole(tmp_path / "file", "é", scratch)
    assert (tmp_path / "file").read_bytes() == "é".encode()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~UMASK
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole_and_keeps_its_mode(
    file: Path, scratch: Path, durable: bool
) -> None:
    file.chmod(0o640)
    with file.open() as reader:
        write_whole(file, "new", scratch, durable=durable)
        assert reader.read() == "a longer text than the new one"
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o7777 == 0o640


@pytest.mark.skipif(not IS_ROOT, reason="only root may give files away")
def test_a_file_of_another_user_keeps_its_owner(file: Path, scratch: Path) -> None:
    os.chown(file, 12345, 54321)
    write_whole(file, "new", scratch)
    assert file.read_text() == "new"
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 54321)


@pytest.mark.parametrize("target", ["real", "inner"], ids=["file", "another link"])
def test_a_link_stays_and_its_target_is_replaced(
    tmp_path: Path, scratch: Path, target: str
) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "inner").symlink_to("real")
    (tmp_path / "link").symlink_to(target)
    write_whole(tmp_path / "link", "new", scratch)
    assert (tmp_path / "link").readlink() == Path(target)
    assert (tmp_path / "inner").readlink() == Path("real")
    assert (tmp_path / "real").read_text() == "new"


def test_a_link_to_nothing_gets_its_target(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    write_whole(tmp_path / "link", "new", scratch)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "nowhere").read_text() == "new"


def test_every_name_of_a_file_has_the_new_text(tmp_path: Path, file: Path, scratch: Path) -> None:
    other = tmp_path / "other"
    other.hardlink_to(file)
    write_whole(file, "new", scratch)
    assert other.read_text() == "new"
    assert other.samefile(file)


def test_in_a_folder_of_another_user_the_file_itself_is_written(file: Path, scratch: Path) -> None:
    before = file.stat().st_ino
    file.chmod(0o666)
    file.parent.chmod(0o555)
    try:
        command = [*BY_MODES, sys.executable, "-c", WRITE, str(file), str(scratch)]
        subprocess.run(command, check=True)
    finally:
        file.parent.chmod(0o755)
    assert file.read_text() == "new"
    assert file.stat().st_ino == before
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mounted", ["file", "folder"], ids=["a file", "another disk"])
def test_a_mount_is_written_through(
    tmp_path: Path, file: Path, scratch: Path, mounted: str
) -> None:
    if subprocess.run([*OWN_MOUNTS, "true"], capture_output=True).returncode:
        pytest.skip("this machine gives no user namespace")
    place = tmp_path / "place"
    place.mkdir()
    (place / "file").write_text("hidden")
    source, target = (file, place / "file") if mounted == "file" else (file.parent, place)
    script = 'mount --bind "$1" "$2"; exec "$3" -c "$4" "$5" "$6"'
    words = [source, target, sys.executable, WRITE, place / "file", scratch]
    subprocess.run([*OWN_MOUNTS, script, "sh", *map(str, words)], check=True)
    assert file.read_text() == "new"
    assert (place / "file").read_text() == "hidden"
    assert list(scratch.iterdir()) == []


def test_what_is_not_there_need_not_be_removed(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_links_to_files_and_to_nothing_are_removed_but_not_their_targets(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("kept")
    for name, target in {"link": "real", "broken": "nowhere"}.items():
        (tmp_path / name).symlink_to(target)
        remove_tree(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["real"]


def test_a_link_to_a_folder_stays_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("kept")
    (tmp_path / "link").symlink_to("real")
    remove_tree(tmp_path / "link")
    assert (tmp_path / "link" / "file").read_text() == "kept"


def test_a_folder_goes_with_links_in_it_but_not_with_their_targets(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("../real")
    remove_tree(tmp_path / "folder")
    assert [path.name for path in tmp_path.rglob("*")] == ["real", "file"]


def test_a_folder_that_is_not_writable_is_removed(tmp_path: Path) -> None:
    inner = tmp_path / "folder" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    for path in (inner / "file", inner, inner.parent):
        path.chmod(0o500)
    code = "from pathlib import Path; from dvc_bridge.dvcio.atomic_files import remove_tree as r;"
    command = [*BY_MODES, sys.executable, "-c", f"{code} r(Path({str(inner.parent)!r}))"]
    subprocess.run(command, check=True)
    assert not inner.parent.exists()
