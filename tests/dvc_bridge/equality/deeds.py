"""What somebody does to a project's files by hand between two runs; each has a name to print."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.dvc_bridge.equality.story import FOLDERS, Deed, Project
from tests.dvc_bridge.equality.workbench import Workbench

Named = tuple[str, Deed]
GONE = (
    "dvc.lock",
    "sub/dvc.lock",
    ".dvc/cache",
    ".dvc/cache/runs",
    ".dvc/tmp",
    ".gitignore",
    "shared",
)


def deeds(project: Project) -> list[st.SearchStrategy[Named]]:
    """List what can be done to this project."""
    outs = [out for stage in project.stages for out in stage.outs]
    paths = [out.path for out in outs]
    files = [f"{out.path}/a" if out.kind in FOLDERS else out.path for out in outs]
    new = [f"{out.path}/new" for out in outs if out.kind in FOLDERS] + ["source/new", "shared/new"]
    found = [
        st.sampled_from(GONE).map(_gone),
        st.sampled_from(["raw0", "source/a"]).map(_executable),
        st.sampled_from(new).map(_written),
        st.integers(0, 9).map(_object_lost),
    ]
    if paths:
        found += [
            st.sampled_from(paths).map(_gone),
            st.sampled_from(files).map(_gone),
            st.sampled_from(files).map(_written),
        ]
    return found


def _gone(path: str) -> Named:
    def deed(bench: Workbench) -> None:
        if bench.has(path):
            bench.remove(path)

    return f"rm -rf {path}", deed


def _written(path: str) -> Named:
    # Only where a folder is: an out that was never made stays away.
    def deed(bench: Workbench) -> None:
        if (bench.root / path).parent.is_dir() and not (bench.root / path).is_dir():
            bench.write({path: "by hand\n"})

    return f"echo by hand > {path}", deed


def _executable(path: str) -> Named:
    return f"chmod 755 {path}", lambda bench: bench.chmod(path, 0o755)


def _object_lost(number: int) -> Named:
    def deed(bench: Workbench) -> None:
        objects = sorted((bench.root / ".dvc/cache/files/md5").glob("*/*"))
        if objects:
            objects[number % len(objects)].unlink()

    return f"rm object {number} of .dvc/cache/files (modulo their number)", deed
