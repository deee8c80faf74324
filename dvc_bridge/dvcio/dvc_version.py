"""Whether the installed DVC is one whose internals work as this package needs them."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from packaging.version import Version

from dvc_bridge.errors import VersionMismatchError

FIRST, BEFORE = "3.48", "4"
# Up to here every release named in the tests has been tried; a later one is looked at first.
NEWEST_TRIED = "3.67"

# module, name in it, parameters that it is called with here
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
    ("dvc_data.hashfile.state", "State.set_link", ("path", "inode", "mtime")),
    ("scmrepo.git", "Git.ignore", ("path",)),
    ("scmrepo.git", "Git.is_tracked", ()),
)


def check_version() -> None:
    """Refuse a DVC that this package cannot work with.

    Raises
    ------
    VersionMismatchError
        The installed DVC is outside the range, or is newer than those tried and lacks something.
    """
    found = installed()
    if not Version(FIRST) <= Version(found) < Version(BEFORE):
        raise VersionMismatchError(
            f"DVC {found} is installed; this works with {FIRST} and later, below {BEFORE}",
            f"pip install 'dvc>={FIRST},<{BEFORE}'",
        )
    if Version(found).release[:2] > Version(NEWEST_TRIED).release and (gone := missing()):
        raise VersionMismatchError(
            f"DVC {found} is newer than {NEWEST_TRIED} and lacks {', '.join(gone)}",
            f"pip install 'dvc~={NEWEST_TRIED}.0', or a newer dvc-bridge",
        )


def is_installed() -> bool:
    """Whether there is a DVC of any version."""
    return find_spec("dvc") is not None


def installed() -> str:
    """Return the version of DVC.

    Raises
    ------
    VersionMismatchError
        There is none.
    """
    try:
        return version("dvc")
    except PackageNotFoundError as exc:
        raise VersionMismatchError("DVC is not installed", "pip install dvc") from exc


def missing() -> list[str]:
    """Name what DVC does not have, or has with other parameters, of what is used here."""
    gone = []
    for module, name, parameters in NEEDED:
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
            known = inspect.signature(found).parameters if parameters else ()
        except (ImportError, AttributeError, ValueError):
            gone.append(f"{module}.{name}")
            continue
        gone += [f"{module}.{name}({p})" for p in parameters if p not in known]
    return gone
