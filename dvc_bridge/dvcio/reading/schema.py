"""What dvc.yaml, dvc.lock and .dvc files may hold.

The plain majority is seen to be right here; what is left goes through DVC's own schema, which
costs a tenth of a second and decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dvc_bridge.dvcio.reading.yaml12 import line_of
from dvc_bridge.errors import UsageError

_FLAGS = {"cache": bool, "persist": bool, "push": bool, "remote": str, "desc": str, "type": str}
_ITEMS = {"deps": (str,), "outs": (str, dict), "metrics": (str, dict), "plots": (str, dict)}
_PLAIN = {"wdir": str, "desc": str, "frozen": bool, "always_changed": bool, "meta": object}
_POINTER = {"path": str, "hash": str, "size": int, "nfiles": int, "isexec": bool}
_MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


def check_dvc_yaml(data: Any, file: str, text: str) -> None:
    """Check a dvc.yaml, its templates not yet resolved.

    Raises
    ------
    UsageError
        What DVC refuses, each with its line.
    """
    if not isinstance(data, dict) or not isinstance(data.get("stages", {}), dict):
        _by_dvc("MULTI_STAGE", data, file, text)
        return
    for name in data.get("stages") or {}:
        if isinstance(name, str) and (not name or "@" in name):
            # DVC would look for an item of a foreach or matrix.
            raise UsageError(
                f"{file}:{line_of(text, ['stages', name])}: {name!r} cannot be a stage's name",
                "rename it: a name is not empty, and has no @, which leads to items of a foreach",
            )
    rest = {key: value for key, value in data.items() if key != "stages"}
    if rest:
        _by_dvc("MULTI_STAGE", rest, file, text)
    odd = {name: e for name, e in (data.get("stages") or {}).items() if not _is_stage(name, e)}
    if odd:
        _by_dvc("MULTI_STAGE", {"stages": odd}, file, text)


def check_entry(entry: Mapping[str, Any], file: str, name: str) -> None:
    """Check of a stage, its templates resolved, what DVC's schema lets pass but DVC cannot use.

    Raises
    ------
    UsageError
        Values that are no text where a command or a path is expected, and the like.
    """
    cmd = entry["cmd"]
    commands = cmd if isinstance(cmd, list) else [cmd]
    paths = [*(entry.get("deps") or ()), entry.get("wdir") or ""]
    wrong = [f"{value!r} is no text" for value in (*commands, *paths) if not _is_text(value)]
    for section in ("outs", "metrics", "plots"):
        for item in entry.get(section) or ():
            flags = item if isinstance(item, dict) else {item: {}}
            wrong += [f"{path!r} is no text" for path in flags if not _is_text(path)]
            wrong += [
                f"{p} has a list of settings" for p, f in flags.items() if isinstance(f, list)
            ]
    for item in entry.get("params") or ():
        keys = item if isinstance(item, dict) else {item: []}
        wrong += [f"{path!r} is no text" for path in keys if not _is_text(path)]
        wrong += [
            f"{path} needs a list of parameters, not {value!r}"
            for path, value in keys.items()
            if value and not isinstance(value, list)
        ]
    if wrong:
        raise UsageError(
            "\n".join(f"{file}: stage {name}: {what}" for what in wrong), f"correct {file}"
        )


def check_dvc_file(data: Any, file: str, text: str) -> Any:
    """Return what a .dvc file says, in DVC's form.

    Raises
    ------
    UsageError
        As for a dvc.yaml.
    """
    if isinstance(data, dict) and data.get("cmd"):
        raise UsageError(
            f"{file}:{line_of(text, ['cmd'])}: a stage with a command in a .dvc file, which"
            " DVC 3 does not read",
            "move it to dvc.yaml: dvc stage add, then delete this file",
        )
    right = isinstance(data, dict) and all(
        (key in ("md5", "desc", "wdir") and isinstance(value, str))
        or (key == "frozen" and isinstance(value, bool))
        or (key == "outs" and isinstance(value, list) and all(map(_is_pointer, value)))
        for key, value in data.items()
    )
    return data if right else _by_dvc("SINGLE_STAGE", data, file, text)


def check_lock(data: Any, file: str, text: str) -> Mapping[str, Any]:
    """Return the stages of a dvc.lock, in DVC's form.

    Raises
    ------
    UsageError
        As for a dvc.yaml.
    """
    if not isinstance(data, dict) or data.get("schema") != "2.0":
        raise UsageError(f"{file} is not a lock file of DVC 2 or 3: it has no schema: '2.0'", _ANEW)
    stages = data.get("stages", {})
    right = isinstance(stages, dict) and data.keys() <= {"schema", "stages"}
    if not right or not all(map(_is_entry, stages.keys(), stages.values())):
        stages = _by_dvc("LOCKFILE", data, file, text, _ANEW).get("stages")
    return stages or {}


_CORRECT = "correct the file there; fields of older versions of DVC go"
_ANEW = "take it from git, or delete it and run again: what the run cache has is not run"


def _is_stage(name: Any, entry: Any) -> bool:
    if not isinstance(name, str) or not isinstance(entry, dict):
        return False
    for key, value in entry.items():
        if key == "cmd":
            right = isinstance(value, str | list)
        elif key in _ITEMS:
            right = isinstance(value, list) and all(
                isinstance(v, _ITEMS[key]) and (isinstance(v, str) or _is_out(v)) for v in value
            )
        elif key == "params":
            right = isinstance(value, list) and all(isinstance(v, str | dict) for v in value)
        else:
            right = key in _PLAIN and isinstance(value, _PLAIN[key])
        if not right:
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
    """Whether this is a stage in a dvc.lock."""
    if not isinstance(name, str) or not isinstance(entry, dict) or "cmd" not in entry:
        return False
    for key, value in entry.items():
        if key in ("deps", "outs"):
            right = isinstance(value, list) and all(map(_is_pointer, value))
        elif key == "params":
            right = isinstance(value, dict) and all(
                isinstance(file, str) and isinstance(values, dict) and all(map(_is_text, values))
                for file, values in value.items()
            )
        else:
            right = key == "cmd" and isinstance(value, str | list)
        if not right:
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
    return isinstance(value, str) and "\0" not in value  # which no command and no path may have


def _by_dvc(kind: str, data: Any, file: str, text: str, fix: str = _CORRECT) -> Any:
    from dvc import schema  # noqa: PLC0415  a tenth of a second
    from voluptuous import MultipleInvalid  # noqa: PLC0415

    try:
        return getattr(schema, f"COMPILED_{kind}_SCHEMA")(data)
    except MultipleInvalid as exc:
        raise UsageError("\n".join(_invalid(e, file, text) for e in exc.errors), fix) from exc


def _invalid(error: Any, file: str, text: str) -> str:
    place = ".".join(map(str, error.path))
    line = line_of(text, error.path)
    return f"{file}:{line}: {place or 'the file'}: {error.error_message}"
