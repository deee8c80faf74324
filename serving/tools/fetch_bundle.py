"""`python -m serving.tools.fetch_bundle --ref REF`: a DVC revision -> a bundle folder.

REF is a git revision, `name@version` or `name#stage` (tags of gto, as in `dvc artifacts`). The
command compares the files with dvc.lock of that revision, which `dvc artifacts get` does not do.
It needs DVC; the server does not.
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

from flows.models.bundle import sha256sums
from flows.tables.files import atomic_directory, write_bytes
from serving.errors import BundleError
from serving.model.bundle_reader import ORIGIN, SUMS, read_bundle

_FIX = "name a git revision, NAME@VERSION or NAME#STAGE; `gto show` lists them"


class ResolvedRef(NamedTuple):
    """The revision that a ref names, and what the registry knows about it."""

    revision: str
    name: str | None = None
    version: str | None = None
    stage: str | None = None


def resolve_ref(repo: Path, ref: str) -> ResolvedRef:
    """Find the full git revision of `ref`.

    Raises
    ------
    BundleError
        The revision, version or stage does not exist.
    """
    if not ref:  # git takes it for HEAD, but more likely a variable is not set
        raise BundleError(repo, ["the ref is empty"], _FIX)
    name, version, stage = ref, None, None
    for mark in "@#":
        if mark in ref:
            name, _, rest = ref.partition(mark)
            version, stage = (rest, None) if mark == "@" else (None, rest)
    try:
        if version is None and stage is None:
            return ResolvedRef(str(Git(str(repo)).resolve_rev(ref)))
        artifact = dvc.api.artifacts_show(name, version=version, stage=stage, repo=str(repo))
        revision = str(Git(str(repo)).resolve_rev(artifact["rev"]))
    except (DvcException, SCMError) as error:
        raise BundleError(repo, [f"ref {ref}: {error}"], _FIX) from None
    return ResolvedRef(revision, name, version or _registered_version(repo, name, revision), stage)


def _registered_version(repo: Path, name: str, revision: str) -> str | None:
    """Return the version that is registered for the revision, if there is one."""
    git = Git(str(repo))
    tags = [tag for tag in git.list_tags() if tag.startswith(f"{name}@")]
    matching = [tag for tag in tags if git.resolve_rev(tag) == revision]
    return matching[-1].partition("@")[2].partition("!")[0] if matching else None


def fetch_files(repo: Path, resolved: ResolvedRef) -> tuple[dict[str, bytes], str]:
    """Read the bundle at a revision from DVC's cache or remote; also return its md5 in dvc.lock.

    Raises
    ------
    BundleError
        The revision has no bundle, or its files differ from dvc.lock.
    """
    try:
        with Repo.open(str(repo), rev=resolved.revision) as opened:
            fs = opened.dvcfs
            folder = _bundle_folder(repo, yaml.safe_load(fs.read_text("dvc.yaml")), resolved.name)
            expected = _locked_md5(repo, yaml.safe_load(fs.read_text("dvc.lock")), str(folder))
            paths = sorted(fs.find(str(folder)))
            files = {str(PurePosixPath(p).relative_to(folder)): fs.read_bytes(p) for p in paths}
    except (DvcException, SCMError, OSError) as error:
        fix = "run `dvc pull` or `dvc fetch --all-commits` in a clone that has the remote"
        raise BundleError(repo, [f"revision {resolved.revision}: {error}"], fix) from None
    if (actual := directory_md5(files)) != expected:
        problem = f"{folder} at {resolved.revision} has md5 {actual}, dvc.lock says {expected}"
        raise BundleError(repo, [problem], "the cache or remote is damaged: run `dvc fetch` again")
    return files, expected


def directory_md5(files: Mapping[str, bytes]) -> str:
    """Return the md5 that DVC computes for a folder: of the list of its files and their md5s."""
    entries = [
        {"md5": hashlib.md5(files[name], usedforsecurity=False).hexdigest(), "relpath": name}
        for name in sorted(files)
    ]
    text = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def _bundle_folder(repo: Path, pipeline: Mapping[str, Any], name: str | None) -> PurePosixPath:
    artifacts = {
        key: value
        for key, value in (pipeline.get("artifacts") or {}).items()
        if value.get("type") == "model" and name in (None, key)
    }
    if len(artifacts) != 1:
        raise BundleError(repo, [f"dvc.yaml has {len(artifacts)} artifacts of type model"], _FIX)
    return PurePosixPath(next(iter(artifacts.values()))["path"]).parent


def _locked_md5(repo: Path, lock: Mapping[str, Any], path: str) -> str:
    outs = [out for stage in lock["stages"].values() for out in stage.get("outs", ())]
    md5s = [str(out["md5"]) for out in outs if out["path"] == path]
    if len(md5s) != 1:
        raise BundleError(repo, [f"dvc.lock has no {path}"], "run `dvc repro` and commit dvc.lock")
    return md5s[0]


def write_bundle(
    folder: Path, files: Mapping[str, bytes], ref: str, resolved: ResolvedRef, md5: str
) -> None:
    """Write the bundle with origin.json, completely or not at all, after the server's checks."""
    origin = {
        "ref": ref,
        "revision": resolved.revision,
        "md5": md5,
        "version": resolved.version,
        "stage": resolved.stage,
    }
    content = {name: data for name, data in files.items() if name != SUMS}
    content[ORIGIN] = (json.dumps(origin, indent=1, sort_keys=True) + "\n").encode()
    with atomic_directory(folder) as part:
        for name, data in {**content, SUMS: sha256sums(content)}.items():
            write_bytes(part / name, data)
        read_bundle(part)


def main(argv: list[str]) -> int:
    """Resolve, fetch, check, write; return 2 if the ref or the bundle is refused."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.tools.fetch_bundle", description=__doc__
    )
    parser.add_argument("--ref", required=True, help="a git revision, NAME@VERSION or NAME#STAGE")
    parser.add_argument(
        "--repo", type=Path, default=Path(), help="the repository (default: the current folder)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("build/bundle"), help="default: build/bundle"
    )
    arguments = parser.parse_args(argv)
    try:
        resolved = resolve_ref(arguments.repo, arguments.ref)
        files, md5 = fetch_files(arguments.repo, resolved)
        write_bundle(arguments.output, files, arguments.ref, resolved, md5)
    except BundleError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{arguments.output}: {arguments.ref} is {resolved.revision}, md5 {md5}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
