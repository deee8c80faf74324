"""Check that the installed DVC has the internals that this package uses."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from packaging.version import Version

from dvc_bridge.errors import VersionMismatchError

FIRST, BEFORE = "3.48", "4"
# The tests cover releases up to this one. A later release is checked for the names below.
NEWEST_TRIED = "3.67"

# (module, name in the module, parameters that this package passes)
NEEDED = (
    ("dvc.repo", "Repo", ()),
    ("dvc.lock", "LockNoop", ()),
    ("dvc.dvcfile", "ProjectFile", ("repo", "path")),
    ("dvc.dvcfile", "load_file", ()),
    ("dvc.stage.loader", "StageLoader.load_stage", ("dvcfile", "name", "stage_data", "lock_data")),
    ("dvc.stage", "Stage.save", ("run_cache",)),
    ("dvc.stage", "Stage.commit", ()),
    ("dvc.stage", "Stage.changed", ()),
    ("dvc.stage", "Stage.save_deps", ()),
    ("dvc.stage", "Stage.remove_outs", ("ignore_remove", "force")),
    ("dvc.stage.cache", "StageCache.restore", ("stage",)),
    ("dvc.stage.cache", "StageCache._load", ("stage",)),
    ("dvc.stage.cache", "StageCache._get_cache_dir", ("key",)),
    ("dvc.stage.cache", "_get_stage_hash", ("stage",)),
    ("dvc.stage.cache", "RunCacheNotFoundError", ()),
    ("dvc.stage.serialize", "to_single_stage_lockfile", ("stage",)),
    ("dvc.parsing", "DataResolver", ("repo", "wdir", "d")),
    ("dvc.parsing", "MatrixDefinition", ()),
    ("dvc.parsing", "split_group_name", ("name",)),
    ("dvc.schema", "COMPILED_MULTI_STAGE_SCHEMA", ()),
    ("dvc.rwlock", "rwlock", ()),
    ("dvc.utils.serialize", "dump_yaml", ("path", "data")),
    ("dvc.utils.serialize", "dumps_yaml", ()),
    ("dvc.utils.serialize._yaml", "parse_yaml_for_update", ("text", "path")),
    ("dvc.repo.scm_context", "SCMContext.__call__", ("quiet",)),
    ("dvc_data.hashfile.build", "_build_external_tree_info", ("odb", "tree", "name")),
    ("dvc_data.hashfile.db", "HashFileDB.add", ("path", "fs", "oid")),
    ("dvc_data.hashfile.state", "State.get", ("path", "fs")),
    ("dvc_data.hashfile.state", "State.set_link", ("path", "inode", "mtime")),
    ("scmrepo.git", "Git.ignore", ("path",)),
    ("scmrepo.git", "Git.is_tracked", ()),
)


def check_version() -> None:
    """Refuse a DVC version that this package does not support.

    Raises
    ------
    VersionMismatchError
        The installed DVC is outside the supported range, or is newer than the tested releases and
        lacks a name or parameter that this package uses.
    """
    version_found = installed()
    if not Version(FIRST) <= Version(version_found) < Version(BEFORE):
        raise VersionMismatchError(
            f"DVC {version_found} is installed; dvc-bridge needs {FIRST} or later, below {BEFORE}",
            f"pip install 'dvc>={FIRST},<{BEFORE}'",
        )
    is_untested = Version(version_found).release[:2] > Version(NEWEST_TRIED).release
    if is_untested and (lacking := missing()):
        raise VersionMismatchError(
            f"DVC {version_found} is newer than {NEWEST_TRIED} and lacks {', '.join(lacking)}",
            f"pip install 'dvc~={NEWEST_TRIED}.0', or a newer dvc-bridge",
        )


def is_installed() -> bool:
    """Return whether any version of DVC is installed."""
    return find_spec("dvc") is not None


def installed() -> str:
    """Return the version of the installed DVC.

    Raises
    ------
    VersionMismatchError
        DVC is not installed.
    """
    try:
        return version("dvc")
    except PackageNotFoundError as exc:
        raise VersionMismatchError("DVC is not installed", "pip install dvc") from exc


def missing() -> list[str]:
    """Return the names and parameters that this package uses and the installed DVC lacks."""
    lacking = []
    for module, name, parameters in NEEDED:
        try:
            value: Any = importlib.import_module(module)
            for part in name.split("."):
                value = getattr(value, part)
            accepted = inspect.signature(value).parameters if parameters else ()
        except (ImportError, AttributeError, ValueError):
            lacking.append(f"{module}.{name}")
            continue
        lacking += [f"{module}.{name}({p})" for p in parameters if p not in accepted]
    return lacking
