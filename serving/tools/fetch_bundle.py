"""`python -m serving.tools.fetch_bundle --ref REF`: a DVC revision -> a bundle folder.

REF is a git revision, `name@version` or `name#stage` (tags of gto, as `dvc artifacts` has them).
Every file is checked against dvc.lock of that revision, which `dvc artifacts get` does not do.
Needs DVC; the server does not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import dvc.api
import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo
from scmrepo.exceptions import SCMError
from scmrepo.git import Git

from flows.stages.bundle import sha256sums
from flows.stages.files import whole_directory, write_bytes
from serving.errors import BundleError
from serving.model.bundle_reader import ORIGIN, SUMS, read_bundle

_FIX = "name a git revision, NAME@VERSION or NAME#STAGE; `gto show` lists them"


class Resolved(NamedTuple):
    """What a ref stands for."""

    revision: str
    name: str | None = None
    version: str | None = None
    stage: str | None = None


def resolve(repo: Path, ref: str) -> Resolved:
    """Find the full git revision of `ref`.

    Raises
    ------
    BundleError
        There is no such revision, version or stage.
    """
    if not ref:  # git would take it for HEAD, and it is more likely a variable that is not set
        raise BundleError(repo, ["the ref is empty"], _FIX)
    name, version, stage = ref, None, None
    for mark in "@#":
        if mark in ref:
            name, _, rest = ref.partition(mark)
            version, stage = (rest, None) if mark == "@" else (None, rest)
    try:
        if version is None and stage is None:
            return Resolved(str(Git(str(repo)).resolve_rev(ref)))
        found = dvc.api.artifacts_show(name, version=version, stage=stage, repo=str(repo))
        revision = str(Git(str(repo)).resolve_rev(found["rev"]))
    except (DvcException, SCMError) as error:
        raise BundleError(repo, [f"ref {ref}: {error}"], _FIX) from None
    return Resolved(revision, name, version or _version_at(repo, name, revision), stage)


def _version_at(repo: Path, name: str, revision: str) -> str | None:
    """Give the version that is registered for the revision, if one is."""
    git = Git(str(repo))
    marks = [tag for tag in git.list_tags() if tag.startswith(f"{name}@")]
    at = [tag for tag in marks if git.resolve_rev(tag) == revision]
    return at[-1].partition("@")[2].partition("!")[0] if at else None


def fetch(repo: Path, resolved: Resolved) -> tuple[dict[str, bytes], str]:
    """Read the bundle at a revision, from DVC's cache or remote; also give its md5 in dvc.lock.

    Raises
    ------
    BundleError
        The revision has no bundle, or not the bytes that its dvc.lock names.
    """
    try:
        with Repo.open(str(repo), rev=resolved.revision) as opened:
            fs = opened.dvcfs
            folder = _folder(repo, yaml.safe_load(fs.read_text("dvc.yaml")), resolved.name)
            expected = _locked(repo, yaml.safe_load(fs.read_text("dvc.lock")), str(folder))
            paths = sorted(fs.find(str(folder)))
            files = {str(PurePosixPath(p).relative_to(folder)): fs.read_bytes(p) for p in paths}
    except (DvcException, SCMError, OSError) as error:
        fix = "`dvc pull` it, or `dvc fetch --all-commits`, where the remote is known"
        raise BundleError(repo, [f"revision {resolved.revision}: {error}"], fix) from None
    if (actual := directory_md5(files)) != expected:
        problem = f"{folder} at {resolved.revision} has md5 {actual}, dvc.lock says {expected}"
        raise BundleError(repo, [problem], "the cache or remote is damaged: `dvc fetch` it anew")
    return files, expected


def directory_md5(files: Mapping[str, bytes]) -> str:
    """Give the md5 that DVC has for a folder: that of the list of its files and their md5s."""
    listed = [
        {"md5": hashlib.md5(files[name], usedforsecurity=False).hexdigest(), "relpath": name}
        for name in sorted(files)
    ]
    text = json.dumps(listed, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def _folder(repo: Path, pipeline: Mapping[str, Any], name: str | None) -> PurePosixPath:
    artifacts = {
        key: value
        for key, value in (pipeline.get("artifacts") or {}).items()
        if value.get("type") == "model" and name in (None, key)
    }
    if len(artifacts) != 1:
        raise BundleError(repo, [f"dvc.yaml has {len(artifacts)} artifacts of type model"], _FIX)
    return PurePosixPath(next(iter(artifacts.values()))["path"]).parent


def _locked(repo: Path, lock: Mapping[str, Any], path: str) -> str:
    outs = [out for stage in lock["stages"].values() for out in stage.get("outs", ())]
    found = [str(out["md5"]) for out in outs if out["path"] == path]
    if len(found) != 1:
        raise BundleError(repo, [f"dvc.lock has no {path}"], "run `dvc repro` and commit dvc.lock")
    return found[0]


def write(folder: Path, files: Mapping[str, bytes], ref: str, resolved: Resolved, md5: str) -> None:
    """Write the bundle with origin.json, whole or not at all, and verify it as the server does."""
    origin = {
        "ref": ref,
        "revision": resolved.revision,
        "md5": md5,
        "version": resolved.version,
        "stage": resolved.stage,
    }
    content = {name: data for name, data in files.items() if name != SUMS}
    content[ORIGIN] = (json.dumps(origin, indent=1, sort_keys=True) + "\n").encode()
    with whole_directory(folder) as part:
        for name, data in {**content, SUMS: sha256sums(content)}.items():
            write_bytes(part / name, data)
        read_bundle(part)


def main(argv: list[str]) -> int:
    """Resolve, fetch, check, write; 2 if the ref or the bundle is refused."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.tools.fetch_bundle", description=__doc__
    )
    parser.add_argument("--ref", required=True, help="git revision, NAME@VERSION or NAME#STAGE")
    parser.add_argument("--repo", type=Path, default=Path(), help="the repository (default: here)")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/bundle"))
    arguments = parser.parse_args(argv)
    try:
        resolved = resolve(arguments.repo, arguments.ref)
        files, md5 = fetch(arguments.repo, resolved)
        write(arguments.output, files, arguments.ref, resolved, md5)
    except BundleError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{arguments.output}: {arguments.ref} is {resolved.revision}, md5 {md5}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
