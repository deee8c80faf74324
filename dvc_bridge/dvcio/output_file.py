"""Files that the user names for the output of a command."""

from __future__ import annotations

from pathlib import Path

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.errors import UsageError, of_system


def write_output(name: str, text: str) -> None:
    """Write a text to a file completely or not at all, and create the folder that it is in.

    A device or a named pipe, such as /dev/stdout, is not replaced but written to.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    target = Path(name)
    # Names of files can be in any encoding; UTF-8 has no characters for their other bytes.
    content = text.encode(errors="backslashreplace").decode()
    try:
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8") as file:
                file.write(content)
        else:
            write_whole(target, content, target.parent)
    except OSError as exc:
        raise of_system(exc, name) or UsageError(
            f"cannot write {name}: {exc.strerror}", "name another file"
        ) from exc
