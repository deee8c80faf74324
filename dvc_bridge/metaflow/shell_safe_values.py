"""Check the values that users pass to a flow before Metaflow sends them anywhere.

On Argo, Metaflow's pods source a shell script that contains the parameters, and their commands
contain the tags unquoted: a pod would run `$(...)` in either as a command. Such values are refused
in every environment, so that all environments behave the same way.
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

# Characters that are special to a shell, with or without double quotes.
_SHELL = re.compile(r"[$`\"'\\\x00-\x1f\x7f]")
_TAG = re.compile(r"[A-Za-z0-9_.:/@=-]+")
_TAG_OPTIONS = ("--tag", "--namespace")


def check_value(name: str, value: object) -> None:
    """Check that a parameter's value reaches a step unchanged in every environment.

    Parameters
    ----------
    value
        Text, a number or any JSON value.

    Raises
    ------
    UsageError
        The value contains a character that a shell would change.
    """
    for text in _texts(value):
        if match := _SHELL.search(text):
            raise UsageError(
                f"parameter {name}: {text!r} contains {_describe(match[0])}, which a shell in a pod"
                " would change or run",
                "remove it; letters, digits, spaces and other punctuation are safe",
            )


def check_parameters(parameters: Iterable[Parameter]) -> None:
    """Make each parameter check its values, including those from a command line or a program.

    Raises
    ------
    UsageError
        A default value is not safe.
    """
    for parameter in parameters:
        options = {**parameter.kwargs, **_overrides(parameter)}
        default = options.get("default")
        if isinstance(default, DeployTimeField):
            _check_later(parameter.name, default)
        elif not callable(default):
            check_value(parameter.name, default)
        parameter.kwargs["callback"] = _callback


def check_tags(arguments: Iterable[str]) -> None:
    """Check that the tags in the arguments of a command are safe in a shell.

    Raises
    ------
    UsageError
        A tag is not safe.
    """
    option = ""
    for argument in arguments:
        name, _, value = argument.partition("=")
        tag = value if name in _TAG_OPTIONS and "=" in argument else argument if option else None
        if tag is not None and not _TAG.fullmatch(tag):
            raise UsageError(
                f"{option or name}: {tag!r} has characters other than letters, digits and _.:/@=-,"
                " and a shell in a pod would interpret them",
                "choose another name",
            )
        option = argument if argument in _TAG_OPTIONS else ""


def check_origin(root: Path) -> None:
    """Check that the git remote's URL, which Metaflow sends to pods, contains no credentials.

    Raises
    ------
    UsageError
        It contains credentials.
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
            "the URL of the git remote origin contains credentials, and Metaflow would copy it"
            " into the code package, the metadata and every pod",
            "git remote set-url origin URL, without credentials; store them in a git credential"
            " helper",
        )


def _callback(_context: Any, option: Any, value: Any) -> Any:
    with as_metaflow_says():
        check_value(option.name, value)
    return value


def _check_later(name: str, default: DeployTimeField) -> None:
    original = default.fun

    def checked_default(context: Any) -> Any:
        value = original(context)
        with as_metaflow_says():
            check_value(name, value)
        return value

    default.fun = checked_default


def _overrides(parameter: Parameter) -> dict[str, Any]:
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


def _describe(character: str) -> str:
    return "a line break" if character in "\n\r" else repr(character)
