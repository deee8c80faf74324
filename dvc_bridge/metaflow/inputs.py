"""What users hand to a flow, checked before it is sent anywhere.

On Argo, Metaflow's pods source a shell script with the parameters in it, and their commands have
the tags unquoted: `$(...)` in either is a command that the pod runs. Such a value is refused on
every way of running, so that none gives another result than the others.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from metaflow.parameters import DeployTimeField, Parameter

from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import holds_credentials

from .errors import as_metaflow_says

# What a shell sees more in than a character, between double quotes or without any.
_SHELL = re.compile(r"[$`\"'\\\x00-\x1f\x7f]")
_TAG = re.compile(r"[A-Za-z0-9_.:/@=-]+")
_TAG_OPTIONS = ("--tag", "--namespace")


def check_value(name: str, value: object) -> None:
    """Check that a parameter's value reaches a step as it is, whoever runs it.

    Parameters
    ----------
    value
        Text, a number, or what JSON may hold.

    Raises
    ------
    UsageError
        There is a character in it that a shell changes.
    """
    for text in _texts(value):
        if found := _SHELL.search(text):
            raise UsageError(
                f"parameter {name}: {text!r} has {_named(found[0])} in it, which a shell in a pod"
                " would change or run",
                "leave it out: letters, digits, spaces and other marks are taken as they are",
            )


def check_parameters(parameters: Iterable[Parameter]) -> None:
    """Have each parameter check its values, also those from a command line or another program.

    Raises
    ------
    UsageError
        A default is not right.
    """
    for parameter in parameters:
        options = {**parameter.kwargs, **_set(parameter)}
        default = options.get("default")
        if isinstance(default, DeployTimeField):
            _check_later(parameter.name, default)
        elif not callable(default):
            check_value(parameter.name, default)
        parameter.kwargs["callback"] = _callback


def check_tags(words: Iterable[str]) -> None:
    """Check that the tags among the words of a command are tags and nothing more.

    Raises
    ------
    UsageError
        One is not.
    """
    option = ""
    for word in words:
        name, _, value = word.partition("=")
        tag = value if name in _TAG_OPTIONS and "=" in word else word if option else None
        if tag is not None and not _TAG.fullmatch(tag):
            raise UsageError(
                f"{option or name}: {tag!r} is not written with letters, digits and _.:/@=- alone,"
                " and a shell in a pod would read it",
                "name it otherwise",
            )
        option = word if word in _TAG_OPTIONS else ""


def check_origin(root: Path) -> None:
    """Check that the git repository's address, which Metaflow sends along, holds no credentials.

    Raises
    ------
    UsageError
        It does.
    """
    try:
        done = subprocess.run(
            ["git", "config", "--get", "remote.origin.url"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return
    if holds_credentials(done.stdout.strip()):
        raise UsageError(
            "the address of the git remote origin holds credentials; Metaflow would send it along,"
            " into the code package, the metadata and every pod",
            "git remote set-url origin URL, without them; a credential helper of git keeps them",
        )


def _callback(_context: Any, option: Any, value: Any) -> Any:
    with as_metaflow_says():
        check_value(option.name, value)
    return value


def _check_later(name: str, default: DeployTimeField) -> None:
    made = default.fun

    def checked(context: Any) -> Any:
        value = made(context)
        with as_metaflow_says():
            check_value(name, value)
        return value

    default.fun = checked


def _set(parameter: Parameter) -> dict[str, Any]:
    return {k: v for k, v in parameter._override_kwargs.items() if v is not None}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _named(character: str) -> str:
    return "a line break" if character in "\n\r" else repr(character)
