"""The entries of one dvc.yaml: checked, and with ${...}, foreach and matrix resolved.

What has templates goes through DVC's own resolver; most entries have none, which is what makes
reading 5,000 stages quick.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from types import SimpleNamespace
from typing import Any, NamedTuple

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.params import LOOP, check_types
from dvc_bridge.dvcio.reading.schema import check_dvc_yaml
from dvc_bridge.dvcio.reading.yaml12 import line_of, path_to_loop, read
from dvc_bridge.errors import BridgeError, UsageError, of_system


class ResolvedStage(NamedTuple):
    """A stage of a dvc.yaml: its name, the resolved entry, and the group it came from."""

    name: str
    data: Mapping[str, Any]
    group: str = ""


def resolve_stages(project: Project, file: str, data: Any, text: str) -> Iterator[ResolvedStage]:
    """Return the stages that the dvc.yaml `file` describes, in DVC's order.

    Raises
    ------
    UsageError
        What DVC refuses, with the line, and matrix items that would have one name.
    """
    if "&" in text and "*" in text and (loop := path_to_loop(data)):
        raise UsageError(f"{file}:{line_of(text, loop)}: {loop[-1]} contains itself", LOOP)
    check_dvc_yaml(data, file, text)
    stages = data.get("stages") or {}
    plain = "${" not in text and "vars" not in data
    _check_defaults(project, file)
    if plain and not any(entry.keys() & {"foreach", "matrix", "vars"} for entry in stages.values()):
        for name, entry in stages.items():
            yield ResolvedStage(name, entry)
        return
    yield from _resolved(project, file, data)


def _check_defaults(project: Project, file: str) -> None:
    """Refuse a params.yaml that DVC cannot load as the values of templates, used or not."""
    shown = posixpath.join(posixpath.dirname(file), "params.yaml")
    if (project.root / shown).is_file():
        check_types(read(project.root / shown, shown), shown)


def _resolved(project: Project, file: str, data: Any) -> Iterator[ResolvedStage]:
    from dvc.exceptions import DvcException  # noqa: PLC0415  only for templates
    from dvc.fs import localfs  # noqa: PLC0415
    from dvc.parsing import DataResolver, MatrixDefinition, split_group_name  # noqa: PLC0415

    repo = SimpleNamespace(fs=localfs, config={"parsing": project.config.get("parsing", {})})
    try:
        resolver = DataResolver(repo, str((project.root / file).parent), data)
        for top in ("artifacts", "datasets", "metrics", "params", "plots"):
            # DVC refuses the file if one of them is wrong; 3.48 knows no datasets.
            getattr(resolver, f"resolve_{top}", list)()
        for name, definition in resolver.definitions.items():
            if isinstance(definition, MatrixDefinition):
                _check_names(file, name, definition)
        for name in resolver.get_keys():
            group, key = split_group_name(name)
            yield ResolvedStage(
                name, resolver.resolve_one(name)[name], group if key is not None else ""
            )
    except UsageError:
        raise
    except DvcException as exc:
        raise UsageError(message_with_causes(exc), _template_fix(project, file, exc)) from exc
    except RecursionError:
        raise UsageError(f"{file}: a value of its templates contains itself", LOOP) from None
    except Exception as exc:  # DVC ends with a traceback: a date, a file that is not what it says
        fix = f"correct that value in {file}, or in a file that its vars name; quote dates"
        raise UsageError(f"{file}: {message_with_causes(exc)}", fix) from exc


def _template_fix(project: Project, file: str, exc: BaseException | None) -> str:
    from dvc.parsing.context import ParamsLoadError  # noqa: PLC0415  only for templates

    while exc is not None and not isinstance(exc, ParamsLoadError):
        exc = exc.__cause__ or exc.__context__  # DVC keeps the first in its own log alone
    if exc is None:
        return f"correct {file}"
    if str(project.config.get("hydra", {}).get("enabled", "")).lower() == "true":
        return "Hydra composes that file (hydra.enabled): `dvc exp run` does it; then run again"
    return f"add or correct that file, or the vars of {file}"


def _check_names(file: str, name: str, definition: Any) -> None:
    """Refuse a matrix of which two items would have one name (`MatrixDefinition` keeps one)."""
    from dvc.parsing import is_map_or_seq, to_str  # noqa: PLC0415  only for a matrix

    values = [
        [f"{key}{i}" if is_map_or_seq(value) else to_str(value) for i, value in enumerate(of_key)]
        for key, of_key in definition.resolved_iterable.items()
    ]
    items = Counter("-".join(parts) for parts in product(*values))
    if twice := [f"{name}@{item}" for item, times in items.items() if times > 1]:
        raise UsageError(
            f"{file}: two items of matrix {name} are both called {', '.join(twice)};"
            " DVC would run one of them and drop the other",
            "rename values so that joining them with - gives different names",
        )


def message_with_causes(exc: BaseException) -> str:
    """Return an exception's message with those of its causes that say more."""
    if isinstance(exc, BridgeError):
        return exc.message
    if isinstance(exc, OSError) and (refused := of_system(exc)):
        return refused.message
    parts = [str(exc) or repr(exc)]
    cause = exc.__cause__
    while cause is not None:
        if str(cause) and str(cause) not in parts[-1]:
            parts.append(str(cause))
        cause = cause.__cause__
    return ": ".join(parts)
