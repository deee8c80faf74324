"""Validate the content of dvc.yaml, dvc.lock and .dvc files.

Fast checks accept the common forms. DVC's own schema, which takes a tenth of a second to import,
decides about everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dvc_bridge.dvcio.reading.yaml12 import line_of
from dvc_bridge.errors import UsageError

_FLAGS = {"cache": bool, "persist": bool, "push": bool, "remote": str, "desc": str, "type": str}
_ITEMS = {"deps": (str,), "outs": (str, dict), "metrics": (str, dict), "plots": (str, dict)}
_FIELDS = {"wdir": str, "desc": str, "frozen": bool, "always_changed": bool, "meta": object}
_POINTER = {"path": str, "hash": str, "size": int, "nfiles": int, "isexec": bool}
_MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


def check_dvc_yaml(data: Any, file: str, text: str) -> None:
    """Check a dvc.yaml whose templates are not resolved yet.

    Raises
    ------
    UsageError
        The file is invalid for DVC; the message has the line of each error.
    """
    if not isinstance(data, dict) or not isinstance(data.get("stages", {}), dict):
        _check_with_dvc("MULTI_STAGE", data, file, text)
        return
    for name in data.get("stages") or {}:
        if isinstance(name, str) and (not name or "@" in name):
            # DVC would look for an item of a foreach or matrix stage.
            raise UsageError(
                f"{file}:{line_of(text, ['stages', name])}: {name!r} is not a valid stage name",
                "rename it: a name is not empty and has no @, which selects a foreach item",
            )
    rest = {key: value for key, value in data.items() if key != "stages"}
    if rest:
        _check_with_dvc("MULTI_STAGE", rest, file, text)
    stages = data.get("stages") or {}
    unusual = {name: entry for name, entry in stages.items() if not _is_stage(name, entry)}
    if unusual:
        _check_with_dvc("MULTI_STAGE", {"stages": unusual}, file, text)


def check_entry(entry: Mapping[str, Any], file: str, name: str) -> None:
    """Check a resolved stage for values that DVC's schema accepts but DVC cannot use.

    Raises
    ------
    UsageError
        A command or path is not a string, or a value has another wrong type.
    """
    cmd = entry["cmd"]
    commands = cmd if isinstance(cmd, list) else [cmd]
    paths = [*(entry.get("deps") or ()), entry.get("wdir") or ""]
    problems = [
        f"{value!r} is not a string" for value in (*commands, *paths) if not _is_text(value)
    ]
    for section in ("outs", "metrics", "plots"):
        for item in entry.get(section) or ():
            flags = item if isinstance(item, dict) else {item: {}}
            problems += [f"{path!r} is not a string" for path in flags if not _is_text(path)]
            problems += [
                f"{path} has a list instead of a mapping of settings"
                for path, values in flags.items()
                if isinstance(values, list)
            ]
    for item in entry.get("params") or ():
        keys = item if isinstance(item, dict) else {item: []}
        problems += [f"{path!r} is not a string" for path in keys if not _is_text(path)]
        problems += [
            f"{path} needs a list of parameters, not {value!r}"
            for path, value in keys.items()
            if value and not isinstance(value, list)
        ]
    if problems:
        raise UsageError(
            "\n".join(f"{file}: stage {name}: {problem}" for problem in problems), f"correct {file}"
        )


def check_dvc_file(data: Any, file: str, text: str) -> Any:
    """Check the content of a .dvc file and return it in DVC's normalized form.

    Raises
    ------
    UsageError
        The file is invalid for DVC; the message has the line of each error.
    """
    if isinstance(data, dict) and data.get("cmd"):
        raise UsageError(
            f"{file}:{line_of(text, ['cmd'])}: a stage with a command in a .dvc file, which"
            " DVC 3 does not support",
            "move the command to dvc.yaml with dvc stage add, then delete the .dvc file",
        )
    is_usual = isinstance(data, dict) and all(
        (key in ("md5", "desc", "wdir") and isinstance(value, str))
        or (key == "frozen" and isinstance(value, bool))
        or (key == "outs" and isinstance(value, list) and all(map(_is_pointer, value)))
        for key, value in data.items()
    )
    return data if is_usual else _check_with_dvc("SINGLE_STAGE", data, file, text)


def check_lock(data: Any, file: str, text: str) -> Mapping[str, Any]:
    """Check a dvc.lock and return its stages in DVC's normalized form.

    Raises
    ------
    UsageError
        The file is invalid for DVC; the message has the line of each error.
    """
    if not isinstance(data, dict) or data.get("schema") != "2.0":
        raise UsageError(
            f"{file}: not a lock file of DVC 2 or 3: it has no schema: '2.0'", _RESTORE
        )
    stages = data.get("stages", {})
    is_usual = isinstance(stages, dict) and data.keys() <= {"schema", "stages"}
    if not is_usual or not all(map(_is_entry, stages.keys(), stages.values())):
        stages = _check_with_dvc("LOCKFILE", data, file, text, _RESTORE).get("stages")
    return stages or {}


_CORRECT = "correct the file at that line; remove fields of older DVC versions"
_RESTORE = "restore it from git, or delete it and run again: results in the run cache are reused"


def _is_stage(name: Any, entry: Any) -> bool:
    if not isinstance(name, str) or not isinstance(entry, dict):
        return False
    for key, value in entry.items():
        if key == "cmd":
            is_valid = isinstance(value, str | list)
        elif key in _ITEMS:
            is_valid = isinstance(value, list) and all(
                isinstance(v, _ITEMS[key]) and (isinstance(v, str) or _is_out(v)) for v in value
            )
        elif key == "params":
            is_valid = isinstance(value, list) and all(isinstance(v, str | dict) for v in value)
        else:
            is_valid = key in _FIELDS and isinstance(value, _FIELDS[key])
        if not is_valid:
            return False
    return "cmd" in entry


def _is_out(out: dict[Any, Any]) -> bool:
    return all(
        isinstance(path, str)
        and isinstance(flags, dict)
        and all(key in _FLAGS and isinstance(v, _FLAGS[key]) for key, v in flags.items())
        for path, flags in out.items()
    )


def _is_entry(name: Any, entry: Any) -> bool:
    """Return whether this is a stage of a dvc.lock in the usual form."""
    if not isinstance(name, str) or not isinstance(entry, dict) or "cmd" not in entry:
        return False
    for key, value in entry.items():
        if key in ("deps", "outs"):
            is_valid = isinstance(value, list) and all(map(_is_pointer, value))
        elif key == "params":
            is_valid = isinstance(value, dict) and all(
                isinstance(file, str) and isinstance(values, dict) and all(map(_is_text, values))
                for file, values in value.items()
            )
        else:
            is_valid = key == "cmd" and isinstance(value, str | list)
        if not is_valid:
            return False
    return True


def _is_pointer(item: Any) -> bool:
    if not isinstance(item, dict) or "path" not in item:
        return False
    return all(
        (key in _POINTER and isinstance(value, _POINTER[key]))
        or (key == "md5" and isinstance(value, str) and _MD5.fullmatch(value) is not None)
        for key, value in item.items()
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value  # not allowed in commands and paths


def _check_with_dvc(kind: str, data: Any, file: str, text: str, fix: str = _CORRECT) -> Any:
    from dvc import schema  # noqa: PLC0415  a tenth of a second
    from voluptuous import MultipleInvalid  # noqa: PLC0415

    try:
        return getattr(schema, f"COMPILED_{kind}_SCHEMA")(data)
    except MultipleInvalid as exc:
        raise UsageError("\n".join(_message(e, file, text) for e in exc.errors), fix) from exc


def _message(error: Any, file: str, text: str) -> str:
    keys = ".".join(map(str, error.path))
    line = line_of(text, error.path)
    return f"{file}:{line}: {keys or 'the file'}: {error.error_message}"
