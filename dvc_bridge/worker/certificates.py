"""Certificates for images that have none."""

from __future__ import annotations

import os
import ssl


def ensure_certificates() -> None:
    """Let TLS use the certificates of certifi if the image has none.

    Without any, libgit2, which DVC loads, refuses to start.
    """
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        import certifi  # noqa: PLC0415  seldom needed

        os.environ[paths.openssl_cafile_env] = certifi.where()
