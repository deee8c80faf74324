"""Reads a bundle folder and verifies its sha256 sums before it decodes any file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from serving.errors import DECODE_ERRORS, BundleError
from serving.model.metadata import BundleOrigin, ModelMetadata

SUMS, MODEL, METADATA, ORIGIN = "SHA256SUMS", "model.onnx", "model.json", "origin.json"
_ALLOWED = {SUMS, MODEL, METADATA, ORIGIN}
_REQUIRED = {SUMS, MODEL, METADATA}
_SUM_LINE = re.compile(r"([0-9a-f]{64})  ([a-z.]+)\n")
_MAX_BYTES = 256 << 20
_FIX = (
    "run `dvc repro export`, `dvc checkout models/bundle` or `python -m serving.tools.fetch_bundle`"
)


class Bundle(NamedTuple):
    """A verified bundle: its parts, and the sha256 of SHA256SUMS, which identifies all of it."""

    model: bytes
    metadata: ModelMetadata
    origin: BundleOrigin | None
    sha256: str

    @property
    def version(self) -> str:
        """The registered version, or the first 12 digits of the bundle's sha256."""
        return (self.origin and self.origin.version) or self.sha256[:12]


def read_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

    Raises
    ------
    BundleError
        A file is missing or unknown (a pickle is unknown), a sha256 differs, or model.json
        belongs to another model.
    """
    files = _read_files(folder)
    _check_sums(folder, files)
    try:
        metadata = msgspec.json.decode(files[METADATA], type=ModelMetadata)
        origin = msgspec.json.decode(files[ORIGIN], type=BundleOrigin) if ORIGIN in files else None
    except DECODE_ERRORS as error:
        raise BundleError(folder, [f"{METADATA} or {ORIGIN}: {error}"], _FIX) from None
    if metadata.sha256 != hashlib.sha256(files[MODEL]).hexdigest():
        raise BundleError(folder, [f"{METADATA} describes another {MODEL}"], _FIX)
    sha256 = hashlib.sha256(files[SUMS]).hexdigest()
    return Bundle(files[MODEL], metadata, origin, sha256)


def _read_files(folder: Path) -> dict[str, bytes]:
    try:
        # Kubernetes mounts volumes through entries that begin with two dots.
        names = {p.name for p in folder.iterdir() if not p.name.startswith("..")}
    except OSError as error:
        raise BundleError(folder, [str(error.strerror)], _FIX) from None
    problems = [f"{name} is not a file of a bundle" for name in sorted(names - _ALLOWED)]
    problems += [f"{name} is missing" for name in sorted(_REQUIRED - names)]
    if problems:
        raise BundleError(folder, problems, _FIX)
    files = {}
    for name in sorted(names):
        try:
            if (size := (folder / name).stat().st_size) > _MAX_BYTES:
                raise BundleError(
                    folder, [f"{name} has {size} bytes; the limit is {_MAX_BYTES}"], _FIX
                )
            files[name] = (folder / name).read_bytes()
        except OSError as error:
            raise BundleError(folder, [f"{name}: {error.strerror}"], _FIX) from None
    return files


def _check_sums(folder: Path, files: dict[str, bytes]) -> None:
    text = files[SUMS].decode("ascii", "replace")
    listed = {name: digest for digest, name in _SUM_LINE.findall(text)}
    problems = []
    # The file must contain these lines and nothing else.
    rendered = "".join(f"{digest}  {name}\n" for name, digest in listed.items())
    if rendered != text or listed.keys() != files.keys() - {SUMS}:
        problems.append(f"{SUMS} does not list exactly {', '.join(sorted(files.keys() - {SUMS}))}")
    for name, expected in listed.items():
        if name in files and (actual := hashlib.sha256(files[name]).hexdigest()) != expected:
            problems.append(f"{name} has sha256 {actual}, {SUMS} says {expected}")
    if problems:
        raise BundleError(folder, problems, _FIX)
