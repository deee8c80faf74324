"""Errors of calls to a remote become errors with a fix."""

from __future__ import annotations

import errno

import pytest

from dvc_bridge.dvcio.remotes.errors import remote_error
from dvc_bridge.errors import RemoteRefusedError, StorageError


@pytest.mark.parametrize(
    ("error", "kind", "fix"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, "make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), StorageError, "make room"),
        (OSError("An error occurred (XMinioStorageFull)"), StorageError, "make room"),
        (OSError(errno.ECONNREFUSED, "Connection refused"), StorageError, "can reach it"),
        (PermissionError("Access Denied"), RemoteRefusedError, "credentials"),
        (FileNotFoundError("The bucket does not exist"), RemoteRefusedError, "create the bucket"),
    ],
)
def test_an_error_of_a_remote_names_the_remote_and_what_to_do(
    error: OSError, kind: type[StorageError], fix: str
) -> None:
    converted = remote_error("remote store", error)
    assert type(converted) is kind
    assert converted.message.startswith("remote store: ")
    assert fix in converted.fix
