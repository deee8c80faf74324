"""A bundle folder, verified before anything in it is read as more than bytes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from serving.errors import NOT_JSON, BundleError
from serving.model.metadata import Description, Origin

SUMS, MODEL, DESCRIPTION, ORIGIN = "SHA256SUMS", "model.onnx", "model.json", "origin.json"
_ALLOWED = {SUMS, MODEL, DESCRIPTION, ORIGIN}
_NEEDED = {SUMS, MODEL, DESCRIPTION}
_LINE = re.compile(r"([0-9a-f]{64})  ([a-z.]+)\n")
_MAX_BYTES = 256 << 20
_FIX = (
    "run `dvc repro export`, `dvc checkout models/bundle` or `python -m serving.tools.fetch_bundle`"
)


class Bundle(NamedTuple):
    """A verified bundle: its parts, and the sha256 that stands for all of it."""

    model: bytes
    description: Description
    origin: Origin | None
    sha256: str

    @property
    def version(self) -> str:
        """The version it was released under, or the beginning of the bundle's sha256."""
        return (self.origin and self.origin.version) or self.sha256[:12]


def read_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

    Raises
    ------
    BundleError
        Files missing or unknown (a pickle is one), a sha256 that differs, a description that does
        not fit the model.
    """
    files = _read_files(folder)
    _check_sums(folder, files)
    try:
        description = msgspec.json.decode(files[DESCRIPTION], type=Description)
        origin = msgspec.json.decode(files[ORIGIN], type=Origin) if ORIGIN in files else None
    except NOT_JSON as error:
        raise BundleError(folder, [f"{DESCRIPTION} or {ORIGIN}: {error}"], _FIX) from None
    if description.sha256 != hashlib.sha256(files[MODEL]).hexdigest():
        raise BundleError(folder, [f"{DESCRIPTION} describes another {MODEL}"], _FIX)
    sha256 = hashlib.sha256(files[SUMS]).hexdigest()
    return Bundle(files[MODEL], description, origin, sha256)


def _read_files(folder: Path) -> dict[str, bytes]:
    try:
        # Kubernetes mounts volumes through entries that begin with two dots.
        names = {p.name for p in folder.iterdir() if not p.name.startswith("..")}
    except OSError as error:
        raise BundleError(folder, [str(error.strerror)], _FIX) from None
    problems = [f"{name} is unknown and refused" for name in sorted(names - _ALLOWED)]
    problems += [f"{name} is missing" for name in sorted(_NEEDED - names)]
    if problems:
        raise BundleError(folder, problems, _FIX)
    files = {}
    for name in sorted(names):
        try:
            if (size := (folder / name).stat().st_size) > _MAX_BYTES:
                raise BundleError(folder, [f"{name} has {size} bytes"], _FIX)
            files[name] = (folder / name).read_bytes()
        except OSError as error:
            raise BundleError(folder, [f"{name}: {error.strerror}"], _FIX) from None
    return files


def _check_sums(folder: Path, files: dict[str, bytes]) -> None:
    text = files[SUMS].decode("ascii", "replace")
    stated = {name: digest for digest, name in _LINE.findall(text)}
    problems = []
    # Nothing but these lines: rendered again, they are the file.
    rendered = "".join(f"{digest}  {name}\n" for name, digest in stated.items())
    if rendered != text or stated.keys() != files.keys() - {SUMS}:
        problems.append(f"{SUMS} does not list exactly {', '.join(sorted(files.keys() - {SUMS}))}")
    for name, expected in stated.items():
        if name in files and (actual := hashlib.sha256(files[name]).hexdigest()) != expected:
            problems.append(f"{name} has sha256 {actual}, {SUMS} says {expected}")
    if problems:
        raise BundleError(folder, problems, _FIX)
