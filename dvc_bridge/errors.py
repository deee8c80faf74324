"""The exception tree. Every message says what, where and what to do next.

    BridgeError                     exit code
    ├── StageFailedError            1   a stage's command failed
    ├── UsageError                  2   the call, the project or the environment is not right
    │   ├── GraphError                  stages that cannot be put in order
    │   ├── RefusedError                no room, no right to a file, a broken disk
    │   └── MissingInputError           a dep or a parameter does not exist
    ├── RemoteRefusedError          2   a remote does not take the credentials, or is not there
    ├── IntegrityError              3   bytes are not what their hash says
    │   └── LostObjectError             an object of a remote is missing or damaged
    ├── VersionMismatchError        4   this dvc, or a plan of another version, is not supported
    ├── StorageError               75   the remote does not answer: the same again may do it
    └── StoppedError          128 + n   signal n has ended the run; what was done is kept

Anything else that escapes is a bug of dvc_bridge: exit code 5, with a traceback.
"""

from __future__ import annotations

import errno

_ROOM = "make room, then run again: what had finished is kept"
_RIGHTS = "give this user the right to it, or run as one who has it"
# What a machine may refuse, and what to do about it.
_BY_SYSTEM = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "make it writable, or work in a copy",
    errno.EIO: "look at the disk: dmesg says what happened",
    errno.EMFILE: "raise the limit: ulimit -n 4096",
}


class BridgeError(Exception):
    """What the user can act on: `message`, and `fix`, the next step, when there is one."""

    exit_code = 2

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\nfix: {self.fix}" if self.fix else self.message


class StageFailedError(BridgeError):
    """A stage's command ended with a code other than 0."""

    exit_code = 1


class UsageError(BridgeError):
    """The call, the project or the environment is not right."""


class GraphError(UsageError):
    """Stages wait for each other in a circle, or write where others do."""


class RefusedError(UsageError):
    """The machine has refused something: no room, no right, a broken disk."""


class MissingInputError(UsageError):
    """A dep or a parameter of a stage does not exist."""


class RemoteRefusedError(BridgeError):
    """A remote does not take the credentials, or is not there; no stage is to blame."""


class IntegrityError(BridgeError):
    """Bytes differ from what their hash says."""

    exit_code = 3


class LostObjectError(IntegrityError):
    """An object of a remote is missing or damaged.

    Parameters
    ----------
    md5
        Its name.
    """

    def __init__(self, md5: str, message: str, fix: str) -> None:
        super().__init__(message, fix)
        self.md5 = md5


class VersionMismatchError(BridgeError):
    """A version that is outside the supported range."""

    exit_code = 4


class StorageError(BridgeError):
    """The remote does not answer, or breaks off: worth another try."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h, by which pods are tried again


class StoppedError(BridgeError):
    """A signal has ended the run before its time.

    Parameters
    ----------
    signum
        Which; the exit code is 128 more, as shells have it.
    kept
        Whether there is something to go on from.
    """

    def __init__(self, signum: int, *, kept: bool = True) -> None:
        if kept:
            super().__init__("stopped; what had finished is kept", "run again to go on from there")
        else:
            super().__init__("stopped")
        self.exit_code = 128 + signum


def of_system(exc: OSError, where: str = "") -> RefusedError | None:
    """Return what the machine has refused as an error; None if it is another kind of failure.

    Parameters
    ----------
    where
        The file or folder, for a system that names none.
    """
    fix = _BY_SYSTEM.get(exc.errno or 0)
    if fix is None:
        return None
    # Of two files the second is the one that was to be written.
    place = exc.filename2 or exc.filename or where
    return RefusedError(f"{place}: {exc.strerror}" if place else f"{exc.strerror}", fix)
