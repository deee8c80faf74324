"""Certificates for images that have none."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from dvc_bridge.worker.certificates import ensure_certificates


def test_an_image_without_certificates_gets_those_of_certifi_and_libgit2_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    ensure_certificates()
    assert Path(os.environ["SSL_CERT_FILE"]).read_text().count("BEGIN CERTIFICATE") > 50
    subprocess.run([sys.executable, "-c", "import pygit2"], check=True)


def test_certificates_of_the_image_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        pytest.skip("this machine has no certificates")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    ensure_certificates()
    assert "SSL_CERT_FILE" not in os.environ
