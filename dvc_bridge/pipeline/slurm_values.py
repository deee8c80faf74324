"""The kinds of values in the section `slurm` of dvc-bridge.yaml and the key `slurm` of stages."""

from __future__ import annotations

import re
import shlex
from typing import Any

from dvc_bridge.pipeline.setting_mappings import Pairs
from dvc_bridge.pipeline.setting_values import (
    InvalidValueError,
    Schema,
    Value,
    anchored,
    one_or_list,
)
from dvc_bridge.pipeline.slurm_settings import VARIABLE

# Options of sbatch that dvc-bridge sets itself, or that would change what a job is.
_RESERVED = (
    *("--array", "-a", "--dependency", "-d", "--kill-on-invalid-dep", "--parsable", "--hold", "-H"),
    *("--job-name", "-J", "--comment", "--chdir", "-D", "--output", "-o", "--error", "-e"),
    *("--open-mode", "--requeue", "--no-requeue", "--wrap", "--wait", "-W", "--test-only"),
    *("--begin", "-b", "--export", "--input", "-i", "--ntasks", "-n", "--nodes", "-N"),
)
# Options with a key of their own: two values for one thing would be confusing.
_BY_KEY = {
    **dict.fromkeys(("--partition", "-p"), "slurm.partition"),
    **dict.fromkeys(("--account", "-A"), "slurm.account"),
    **dict.fromkeys(("--qos", "-q"), "slurm.qos"),
    **dict.fromkeys(("--constraint", "-C"), "slurm.constraint"),
    "--reservation": "slurm.reservation",
    **dict.fromkeys(("--cpus-per-task", "-c"), "stages.GLOB.cpu"),
    **dict.fromkeys(("--mem", "--mem-per-cpu"), "stages.GLOB.memory"),
    **dict.fromkeys(("--gpus", "-G", "--gres"), "stages.GLOB.gpu"),
    **dict.fromkeys(("--time", "-t"), "stages.GLOB.timeout"),
}
_NAME = r"[\w.,:@+-]+"
_CONSTRAINT = r"[\w.,:@+*&|()\[\]=-]+"
_OPTION = r"--?[A-Za-z][\w-]*"
_FOLDER = rf"/.*|{VARIABLE}"
_PROGRAM = r"\S.*"


def _read_name(value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise InvalidValueError("a name")
    if not re.fullmatch(_NAME, str(value)):
        raise InvalidValueError("a name: letters, digits and _ . , : @ + -")
    return str(value)


def _read_constraint(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_CONSTRAINT, value):
        raise InvalidValueError("features of nodes, such as a100 or 'intel&ssd'")
    return value


def _read_extra(value: Any) -> tuple[str, ...]:
    options = _read_lines(value, "a list of options of sbatch, such as [--exclusive, --nice=100]")
    for option in options:
        name = option.partition("=")[0]
        if not re.fullmatch(_OPTION, name):
            raise InvalidValueError(
                f"a list of options with their values, such as [--nice=100]; {option!r} is none"
            )
        if not name.startswith("--"):
            name = name[:2]
        if key := _BY_KEY.get(name):
            raise InvalidValueError(f"a list without {name}: use {key}")
        if name in _RESERVED:
            raise InvalidValueError(f"a list without {name}, which dvc-bridge sets itself")
    return options


def _read_lines(value: Any, valid: str = "a line of shell or a list of lines") -> tuple[str, ...]:
    lines = [value] if isinstance(value, str) else value
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise InvalidValueError(valid)
    if any("\0" in line for line in lines):
        raise InvalidValueError(f"{valid}, without NUL")
    return tuple(lines)


def _read_program(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_PROGRAM, value) or "\0" in value:
        raise InvalidValueError("the path of an interpreter, or its name")
    return value


def _read_folder(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_FOLDER, value) or "\0" in value:
        raise InvalidValueError("an absolute path, or a variable such as $SLURM_TMPDIR")
    return value


def _read_words(value: Any) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise InvalidValueError("a command, such as apptainer exec /shared/image.sif")
    return tuple(words)


_TEXT: Schema = {"type": "string"}
_NAME_SCHEMA: Schema = {"type": ["string", "integer"], "pattern": anchored(_NAME)}

NAME = Value(_read_name, _NAME_SCHEMA, "a name")
CONSTRAINT = Value(
    _read_constraint,
    {"type": "string", "pattern": anchored(_CONSTRAINT)},
    "features of nodes, such as `a100`",
)
EXTRA = Value(
    _read_extra,
    one_or_list({"type": "string", "pattern": rf"^{_OPTION}(=|$)"}),
    "an option or a list of options",
)
LINES = Value(_read_lines, one_or_list(_TEXT), "a line of shell or a list of lines")
PROGRAM = Value(_read_program, {"type": "string", "pattern": anchored(_PROGRAM)}, "a path")
FOLDER = Value(
    _read_folder,
    {"type": "string", "pattern": anchored(_FOLDER)},
    "a path, or a variable such as `$SLURM_TMPDIR`",
)
COMMAND = Value(
    _read_words,
    {"anyOf": [{**_TEXT, "minLength": 1}, {"type": "array", "items": _TEXT, "minItems": 1}]},
    "a command",
)
# What may differ between the jobs of one run.
OF_STAGE = {
    **dict.fromkeys(("partition", "account", "qos"), NAME),
    "constraint": CONSTRAINT,
    **dict.fromkeys(("reservation", "gres"), NAME),
    "extra": EXTRA,
}


def _read_own(value: Any) -> Pairs:
    if not isinstance(value, dict) or not value.keys() <= OF_STAGE.keys():
        raise InvalidValueError(f"a mapping with {', '.join(OF_STAGE)}")
    values = {}
    for key, own in value.items():
        try:
            values[key] = OF_STAGE[key].read(own)
        except InvalidValueError as exc:
            raise InvalidValueError(f"valid: {key} must be {exc}") from exc
    return tuple(sorted(values.items()))


OWN = Value(
    _read_own,
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: value.schema for key, value in OF_STAGE.items()},
    },
    f"a mapping with {', '.join(f'`{key}`' for key in OF_STAGE)}",
)
