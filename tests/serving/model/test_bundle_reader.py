"""A bundle that is not the one exported is refused before anything in it is deserialized."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import onnxruntime
import pytest

from flows.models.bundle import bundle_files, sha256sums
from serving.errors import BundleError
from serving.model.bundle_reader import SUMS, read_bundle
from serving.model.model import load_model
from tests.serving.conftest import Trained, write_bundle


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


@pytest.fixture
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if a deserializer is called."""

    def called(*_: object, **__: object) -> None:
        raise AssertionError("something was deserialized")

    monkeypatch.setattr(onnxruntime, "InferenceSession", called)
    monkeypatch.setattr(msgspec.json, "decode", called)
    monkeypatch.setattr(pickle, "loads", called)


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as refused:
        load_model(folder)
    return str(refused.value)


def seal(folder: Path) -> None:
    """Write SHA256SUMS again, as an attacker would, or someone who made a mistake."""
    files = {f.name: f.read_bytes() for f in folder.iterdir() if f.name != SUMS}
    (folder / SUMS).write_bytes(sha256sums(files))


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "SHA256SUMS"])
def test_a_flipped_byte_anywhere_is_refused_unread(
    copy: Path, name: str, nothing_read: None
) -> None:
    good = (copy / name).read_bytes()
    step = max(1, len(good) // 60)
    for at in [*range(0, len(good), step), len(good) - 1]:
        (copy / name).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert "SHA256SUMS" in refusal(copy), at


def test_metadata_that_is_not_utf_8_is_refused(copy: Path) -> None:
    content = (copy / "model.json").read_bytes()
    (copy / "model.json").write_bytes(content.replace(b'"on time"', b'"on \xfftime"'))
    seal(copy)
    assert "model.json or origin.json: " in refusal(copy)


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.skops", "notes.txt"])
def test_unknown_files_are_refused_by_name_even_with_a_right_sum(
    copy: Path, name: str, nothing_read: None
) -> None:
    (copy / name).write_bytes(pickle.dumps({"a": 1}))
    seal(copy)
    assert f"{name} is not a file of a bundle" in refusal(copy)


def test_a_pickle_in_place_of_the_model_is_refused(copy: Path, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    content = b"cos\nsystem\n(S'touch " + str(planted).encode() + b"'\ntR."
    (copy / "model.onnx").write_bytes(content)
    described = json.loads((copy / "model.json").read_text())
    described["sha256"] = hashlib.sha256(content).hexdigest()
    (copy / "model.json").write_text(json.dumps(described))
    seal(copy)
    assert "does not load" in refusal(copy)
    assert not planted.exists()


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "SHA256SUMS"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert f"{name} is missing" in refusal(copy)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "No such file or directory" in refusal(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["features"].remove("visib"), "features differ from this server's: visib"),
        (lambda d: d["features"].append("tailnum"), "features differ from this server's: tailnum"),
        (lambda d: d["features"].reverse(), "features differ from this server's: the order"),
        (lambda d: d["inputs"].pop(), "inputs differ from this server's: flight_rate"),
        (lambda d: d["reference"].pop("dest"), "reference histograms"),
        (lambda d: d["labels"].append("maybe"), "there must be two labels"),
        (lambda d: d.update(format=2), "format"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.update(sha256="0" * 64), "describes another model.onnx"),
        (lambda d: d["golden"]["probabilities"].__setitem__(0, 0.999), "the warm-up differs by"),
        (lambda d: d["golden"]["features"].pop("dest"), "warm-up"),
    ],
)
def test_metadata_of_another_model_or_server_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    described = json.loads((copy / "model.json").read_text())
    change(described)
    (copy / "model.json").write_text(json.dumps(described))
    seal(copy)
    assert expected in refusal(copy)


def test_equal_models_give_equal_bundles_byte_for_byte(trained: Trained) -> None:
    assert bundle_files(trained.content, trained.metadata) == bundle_files(
        trained.content, trained.metadata
    )


def test_the_sums_are_those_of_sha256sum(bundle: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=bundle, check=True)


def test_the_version_follows_the_content(bundle: Path, trained: Trained, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other", trained, selected="another")
    assert read_bundle(bundle).version != read_bundle(other).version
    assert read_bundle(bundle).version == read_bundle(bundle).sha256[:12]
