"""Check the entries of one dvc.yaml and resolve ${...}, foreach and matrix.

DVC's own resolver handles files with templates. Most entries have none and skip it, which makes
reading 5,000 stages fast.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.params import LOOP, check_types
from dvc_bridge.dvcio.reading.schema import check_dvc_yaml
from dvc_bridge.dvcio.reading.yaml12 import line_of, path_to_loop, read
from dvc_bridge.errors import BridgeError, UsageError, of_system


class ResolvedStage(NamedTuple):
    """A stage of a dvc.yaml: its name, its resolved entry, and its foreach or matrix group."""

    name: str
    data: Mapping[str, Any]
    group: str = ""


def resolve_stages(project: Project, file: str, data: Any, text: str) -> Iterator[ResolvedStage]:
    """Return the stages that the dvc.yaml `file` describes, in DVC's order.

    Raises
    ------
    UsageError
        The file is invalid for DVC (the message has the line), or two matrix items would have the
        same name.
    """
    if "&" in text and "*" in text and (loop := path_to_loop(data)):
        raise UsageError(f"{file}:{line_of(text, loop)}: {loop[-1]} contains itself", LOOP)
    check_dvc_yaml(data, file, text)
    stages = data.get("stages") or {}
    has_templates = "${" in text or "vars" in data
    _check_default_params(project, file)
    if not has_templates and not any(
        entry.keys() & {"foreach", "matrix", "vars"} for entry in stages.values()
    ):
        for name, entry in stages.items():
            yield ResolvedStage(name, entry)
        return
    yield from _resolve_with_dvc(project, file, data)


def _check_default_params(project: Project, file: str) -> None:
    """Refuse a params.yaml that DVC cannot load for templates; DVC loads it even if unused."""
    params_file = posixpath.join(posixpath.dirname(file), "params.yaml")
    if (project.root / params_file).is_file():
        check_types(read(project.root / params_file, params_file), params_file)


def _resolve_with_dvc(project: Project, file: str, data: Any) -> Iterator[ResolvedStage]:
    from dvc.exceptions import DvcException  # noqa: PLC0415  only for templates
    from dvc.fs import localfs  # noqa: PLC0415
    from dvc.parsing import DataResolver, MatrixDefinition, split_group_name  # noqa: PLC0415

    repo = SimpleNamespace(fs=localfs, config={"parsing": project.config.get("parsing", {})})
    try:
        resolver = DataResolver(repo, str((project.root / file).parent), data)
        for section in ("artifacts", "datasets", "metrics", "params", "plots"):
            # DVC refuses the file if a section is invalid. DVC 3.48 has no datasets.
            getattr(resolver, f"resolve_{section}", list)()
        for name, definition in resolver.definitions.items():
            if isinstance(definition, MatrixDefinition):
                _check_item_names(file, name, definition)
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
        raise UsageError(f"{file}: a template value contains itself", LOOP) from None
    except (
        Exception
    ) as exc:  # DVC crashes on dates and on files whose content does not fit their suffix
        fix = f"correct that value in {file}, or in a file in its vars; quote dates"
        raise UsageError(f"{file}: {message_with_causes(exc)}", fix) from exc


def resolve_section(file: Path, data: Any, section: str) -> list[Any]:
    """Return a top-level section of a valid dvc.yaml with its templates resolved."""
    items = data.get(section) or []
    if "${" not in str(items):
        return list(items)
    from dvc.fs import localfs  # noqa: PLC0415  only for templates
    from dvc.parsing import DataResolver  # noqa: PLC0415

    repo = SimpleNamespace(fs=localfs, config={"parsing": {}})
    resolver = DataResolver(repo, str(file.parent), data)
    return list(getattr(resolver, f"resolve_{section}")())


def _template_fix(project: Project, file: str, exc: BaseException | None) -> str:
    from dvc.parsing.context import ParamsLoadError  # noqa: PLC0415  only for templates

    while exc is not None and not isinstance(exc, ParamsLoadError):
        exc = exc.__cause__ or exc.__context__  # DVC reports the first error only in its log
    if exc is None:
        return f"correct {file}"
    if str(project.config.get("hydra", {}).get("enabled", "")).lower() == "true":
        return "Hydra generates that file (hydra.enabled): run `dvc exp run`, then run again"
    return f"add or correct that file, or the vars of {file}"


def _check_item_names(file: str, name: str, definition: Any) -> None:
    """Refuse a matrix if two items would have the same name: `MatrixDefinition` keeps only one."""
    from dvc.parsing import is_map_or_seq, to_str  # noqa: PLC0415  only for a matrix

    values = [
        [f"{key}{i}" if is_map_or_seq(value) else to_str(value) for i, value in enumerate(options)]
        for key, options in definition.resolved_iterable.items()
    ]
    counts = Counter("-".join(parts) for parts in product(*values))
    if duplicates := [f"{name}@{item}" for item, count in counts.items() if count > 1]:
        raise UsageError(
            f"{file}: two items of matrix {name} have the name {', '.join(duplicates)};"
            " DVC would run only one of them",
            "rename values so that joining them with - results in different names",
        )


def message_with_causes(exc: BaseException) -> str:
    """Return an exception's message, with the messages of causes that add information."""
    if isinstance(exc, BridgeError):
        return exc.message
    if isinstance(exc, OSError) and (system_error := of_system(exc)):
        return system_error.message
    parts = [str(exc) or repr(exc)]
    cause = exc.__cause__
    while cause is not None:
        if str(cause) and str(cause) not in parts[-1]:
            parts.append(str(cause))
        cause = cause.__cause__
    return ": ".join(parts)
