"""The exception tree. Every message says what, where and what to do next.

    BridgeError                     exit code
    ├── StageFailedError            1   a stage's command failed
    ├── UsageError                  2   invalid arguments, project or environment
    │   ├── GraphError                  the stages cannot be ordered
    │   ├── RefusedError                the disk is full, a permission is missing, or the disk fails
    │   └── MissingInputError           a dep or a parameter does not exist
    ├── RemoteRefusedError          2   a remote rejects the credentials or does not exist
    ├── IntegrityError              3   bytes do not match their hash
    │   └── LostObjectError             an object of a remote is missing or damaged
    ├── VersionMismatchError        4   the version of dvc, or of a plan, is not supported
    ├── StorageError               75   the remote does not respond; retry
    └── StoppedError          128 + n   signal n ended the run; finished results are kept

Anything else that escapes is a bug of dvc_bridge: exit code 5, with a traceback.
"""

from __future__ import annotations

import errno

_DISK_FULL = "free some disk space, then run again; finished results are kept"
_NO_PERMISSION = "grant this user the permission, or run as a user who has it"
# Error codes of the operating system -> the next step for the user.
_FIX_BY_ERRNO = {
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: "make the file system writable, or work in a copy",
    errno.EIO: "check the disk; `dmesg` shows the cause",
    errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
}


class BridgeError(Exception):
    """An error that the user can act on.

    Parameters
    ----------
    message
        What is wrong, and where.
    fix
        The next step; empty if there is none.
    """

    exit_code = 2

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\nfix: {self.fix}" if self.fix else self.message


class StageFailedError(BridgeError):
    """The command of a stage exited with a code other than 0."""

    exit_code = 1


class UsageError(BridgeError):
    """The arguments, the project or the environment are invalid."""


class GraphError(UsageError):
    """The stages form a cycle, or their outs overlap."""


class RefusedError(UsageError):
    """The operating system refused: a full or failing disk, or a missing permission."""


class MissingInputError(UsageError):
    """A dep or a parameter of a stage does not exist."""


class RemoteRefusedError(BridgeError):
    """A remote rejects the credentials or does not exist; no stage caused the failure."""


class IntegrityError(BridgeError):
    """Bytes do not match their hash."""

    exit_code = 3


class DifferenceError(BridgeError):
    """A check found a difference."""

    exit_code = 3


class LostObjectError(IntegrityError):
    """An object of a remote is missing or damaged.

    Parameters
    ----------
    md5
        The name of the object.
    """

    def __init__(self, md5: str, message: str, fix: str) -> None:
        super().__init__(message, fix)
        self.md5 = md5


class VersionMismatchError(BridgeError):
    """A version is outside the supported range."""

    exit_code = 4


class StorageError(BridgeError):
    """The remote does not respond, or the connection breaks: the user can retry."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h, which makes the engine retry the pod


class StoppedError(BridgeError):
    """A signal ended the run early.

    Parameters
    ----------
    signum
        The number of the signal; the exit code is 128 + `signum`, as in a shell.
    kept
        Whether finished results are kept, so that the next run continues from them.
    """

    def __init__(self, signum: int, *, kept: bool = True) -> None:
        if kept:
            super().__init__("stopped; finished results are kept", "run again to continue")
        else:
            super().__init__("stopped")
        self.exit_code = 128 + signum


def of_system(exc: OSError, where: str = "") -> RefusedError | None:
    """Return a refusal of the operating system as an error; None for any other failure.

    Parameters
    ----------
    where
        The file or folder to name if `exc` names none.
    """
    fix = _FIX_BY_ERRNO.get(exc.errno or 0)
    if fix is None:
        return None
    # If there are two files, the second is the target of the write.
    path = exc.filename2 or exc.filename or where
    return RefusedError(f"{path}: {exc.strerror}" if path else f"{exc.strerror}", fix)
