"""Install dvc-bridge for a step of the Action: locked packages, hashes checked, no build downloads.

It runs with any Python 3.9 or later of the runner and the standard library alone. The output
`python` of the step is the interpreter of the new environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict  # noqa: UP035  Python 3.9 of older runners

ACTION = Path(__file__).resolve().parent
SOURCE = ACTION.parent
OLDEST, NEWEST = (3, 11), (3, 14)
# Modes that can need the libraries of a cluster or a bucket in addition to DVC.
CLUSTER_MODES = ("convert", "repro", "run", "collect")
# Events whose results others trust: they use no file that an earlier job has left.
UNCACHED_EVENTS = ("release", "pull_request_target", "workflow_run")
PROBE = """
import json, site, sys, sysconfig
from importlib.metadata import version
folders = [*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
folders += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
print(json.dumps({"python": sys.executable, "version": sys.version_info[:2],
                  "dvc": version("dvc"), "folders": list(dict.fromkeys(folders))}))
"""


class InstallError(Exception):
    """The environment cannot be made; the message says what to do."""


def main() -> int:
    """Install, and write the output of the step."""
    started = time.monotonic()
    try:
        python = install(dict(os.environ))
    except InstallError as exc:
        message = str(exc).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::error title=dvc-bridge::{message}")
        return 2
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"python={python}\n")
    print(f"dvc-bridge is installed ({time.monotonic() - started:.1f} s)")
    return 0


def install(environment: Dict[str, str]) -> Path:  # noqa: UP006  as above
    """Return the interpreter of an environment with dvc-bridge and DVC."""
    mode = environment.get("DVC_BRIDGE_INPUT_MODE") or "plan"
    reader = find_reader(environment.get("DVC_BRIDGE_INPUT_PYTHON", "").strip())
    is_cluster = mode in CLUSTER_MODES
    lock = ACTION / ("requirements-cluster.lock" if is_cluster else "requirements.lock")
    is_cached = may_cache(environment)
    base = environment.get("RUNNER_TOOL_CACHE") if is_cached else None
    folder = Path(base or environment.get("RUNNER_TEMP") or tempfile.gettempdir())
    target = folder / "dvc-bridge" / key_of(lock, reader)
    python = target / "bin" / "python"
    if (target / "complete").exists():
        print(f"dvc-bridge is in {target}")
        return python
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch, "environment")
        fill(made, find_uv(Path(scratch, "uv")), lock, reader, is_cached)
        (made / "complete").touch()
        try:
            made.rename(target)
        except OSError:  # another job was faster
            if not (target / "complete").exists():
                raise
    return python


def fill(made: Path, uv: str, lock: Path, reader: dict[str, Any] | None, is_cached: bool) -> None:
    """Make the environment: dvc-bridge, and the locked packages or those of the reader's Python."""
    base = reader["python"] if reader else f">={_dotted(OLDEST)},<{_dotted(NEWEST)}"
    options = [] if is_cached else ["--no-cache"]
    run([uv, "venv", "--quiet", "--no-project", *options, "--python", base, str(made)])
    python = str(made / "bin" / "python")
    pip = [uv, "pip", "install", "--quiet", "--python", python, *options]
    packages = ACTION / "build.lock" if reader else lock
    run([*pip, "--no-deps", "--require-hashes", "-r", str(packages)])
    with tempfile.TemporaryDirectory() as copy:  # the build writes into its folder
        source = Path(copy, "source")
        source.mkdir()
        for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(SOURCE / name, source / name)
        shutil.copytree(SOURCE / "dvc_bridge", source / "dvc_bridge")
        run([*pip, "--no-deps", "--no-build-isolation", str(source)])
    if reader:
        lines = [f"import site; site.addsitedir({folder!r})" for folder in reader["folders"]]
        (site_packages,) = made.glob("lib/python*/site-packages")
        (site_packages / "reader.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")


def find_reader(named: str) -> dict[str, Any] | None:
    """Return what is known of the reader's Python with DVC; None if there is none.

    The probe reads metadata and imports nothing from the working directory.
    """
    for candidate in [named] if named else ["python", "python3"]:
        command = [candidate, "-P", "-c", PROBE]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as exc:
            if named:
                raise InstallError(f"python is {named!r}: {exc.strerror}") from exc
            continue
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            print(f"using DVC {found['dvc']} of {found['python']}")
            return found
        if named:
            reason = (done.stderr.strip().splitlines() or ["it failed"])[-1]
            raise InstallError(
                f"python is {named!r}, which needs Python {_dotted(OLDEST)} or later with DVC:"
                f" {reason}\nfix: install DVC there, or leave the input python empty"
            )
    return None


def find_uv(folder: Path) -> str:
    """Return uv: the one on the PATH, or the locked one."""
    if found := shutil.which("uv"):
        return found
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", str(folder)]
    run([*command, "-r", str(ACTION / "uv.lock")])
    return str(folder / "bin" / "uv")


def may_cache(environment: dict[str, str]) -> bool:
    """Return whether the environment may be kept for later steps and jobs."""
    wish = environment.get("DVC_BRIDGE_INPUT_CACHE", "").strip() or "auto"
    if wish not in ("auto", "true", "false"):
        raise InstallError(f"cache is {wish!r}, not one of auto, true, false")
    if wish == "auto":
        is_tag = environment.get("GITHUB_REF_TYPE") == "tag"
        return not is_tag and environment.get("GITHUB_EVENT_NAME") not in UNCACHED_EVENTS
    return wish == "true"


def key_of(lock: Path, reader: dict[str, Any] | None) -> str:
    """Return a name that changes with everything that the environment is made of."""
    digest = hashlib.sha256(json.dumps([sys.platform, reader], sort_keys=True).encode())
    files = [p for p in (SOURCE / "dvc_bridge").rglob("*") if p.suffix in (".py", ".json")]
    for path in [lock, ACTION / "build.lock", SOURCE / "setup.cfg", *sorted(files)]:
        digest.update(f"{path.relative_to(SOURCE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def run(command: list[str]) -> None:
    """Run a command; what it says of a failure is part of the error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout).strip()
        raise InstallError(
            f"{Path(command[0]).name} failed: {output[-2000:]}\nfix: run the job again; on a"
            " self-hosted runner, make sure that it has pip and reaches a package index"
        )


def _dotted(version: Any) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main())
