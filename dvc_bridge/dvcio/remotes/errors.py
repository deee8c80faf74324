"""Convert errors of calls to a remote into errors that say what to do."""

from __future__ import annotations

import errno

from dvc_bridge.errors import BridgeError, RemoteRefusedError, StorageError

# Errors that a retry cannot fix.
_FINAL = ("NoCredentials", "CredentialRetrieval", "ParamValidation", "InvalidAccessKey", "Config")
_ACCESS = (
    "correct its credentials (on this machine: the environment or .dvc/config.local; for pods: the"
    " Secret that `secrets` in dvc-bridge.yaml names), and check that the bucket exists"
)
# No room: error numbers of folders, and the codes of MinIO and Ceph.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_CODES = ("XMinioStorageFull", "QuotaExceeded")


def remote_error(where: str, exc: BaseException) -> BridgeError:
    """Convert an error of a call to a remote into a `BridgeError`.

    Parameters
    ----------
    where
        The name of the remote in the message.
    """
    message = f"{where}: {type(exc).__name__}: {exc}"
    if isinstance(exc, PermissionError) or any(name in message for name in _FINAL):
        return RemoteRefusedError(message, _ACCESS)
    if isinstance(exc, FileNotFoundError):
        return RemoteRefusedError(message, "create the bucket, or correct the remote's url")
    if getattr(exc, "errno", None) in _FULL or any(code in message for code in _FULL_CODES):
        return StorageError(message, "make room in the storage that is full; then retry")
    return StorageError(message, "check that this machine can reach it; then retry")
