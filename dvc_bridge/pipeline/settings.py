"""The settings in dvc-bridge.yaml: what a run needs to know that is not in dvc.yaml.

    argo:
      image: registry/team/image:1
      secrets: s3-credentials
    stages:
      "train@*":
        mutex: gpu          # only one of the stages with this word runs at a time
        gpu: 1
        memory: 8Gi

Keys of `stages` are globs over addresses; if several match a stage, the last one wins, key by key.
The settings are in a separate file so that dvc.yaml and its hashes stay unchanged.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline import task_settings
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.remote_options import SECRET
from dvc_bridge.pipeline.task_settings import InvalidValueError, Resources, parse_resources

FILE = "dvc-bridge.yaml"
KEYS = ("mutex", *task_settings.KEYS)
PULL = ("Always", "IfNotPresent", "Never")
# Settings of every engine; `argo: {image: ...}` and so on are older names of the same settings.
NEUTRAL_KEYS = ("image", "secrets", "fuse")
TOP_KEYS = ("engine", *NEUTRAL_KEYS, "stages", "snapshot", "argo", "processes")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ArgoSettings:
    """Settings of the whole Workflow.

    Parameters
    ----------
    image, secrets
        The image and the secrets of every pod; a stage may have another image and more secrets.
    service_account
        The service account whose token Argo's own containers use.
    user
        The UID of the pods; None: the cluster chooses it, and it must not be root.
    parallelism
        How many pods may run at a time; None: no limit.
    secret_files
        Secrets that every pod mounts as files: pairs of a Secret's name and a folder.
    remotes
        Options of DVC remotes whose values differ in pods: pairs of a remote's name and its
        options, which are pairs of a name and a value; an empty value removes the option.
    """

    image: str = ""
    image_pull_policy: str | None = None
    namespace: str | None = None
    service_account: str = "dvc-bridge"
    secrets: tuple[str, ...] = ()
    user: int | None = 10001
    fuse: Fuse = Fuse.AUTO
    parallelism: int | None = None
    secret_files: tuple[tuple[str, str], ...] = ()
    remotes: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that pods need, as variables or as files."""
        return (*self.secrets, *(secret for secret, _ in self.secret_files))

    @property
    def has_secrets(self) -> bool:
        """Whether pods have credentials: a Secret, or a service account of their own."""
        return bool(self.secrets) or self.service_account != ArgoSettings().service_account


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings of the engine `processes`.

    Parameters
    ----------
    parallelism
        How many tasks run at a time; None: one per CPU.
    """

    parallelism: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a project.

    Parameters
    ----------
    mutexes
        Mutex -> the globs of the stages of which only one runs at a time.
    pods
        Glob -> its pod settings, in the file's order.
    engine
        The name of the engine that executes runs.
    allow
        Globs, from the root of the git repository, over files that are sent although they look
        like secrets.
    """

    mutexes: Mapping[str, tuple[str, ...]]
    pods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    argo: ArgoSettings = ArgoSettings()
    allow: tuple[str, ...] = ()
    engine: str = "argo"
    processes: ProcessSettings = ProcessSettings()

    @property
    def is_remote(self) -> bool:
        """Whether the settings describe how to run stages remotely."""
        return bool(self.argo.image) or self.engine != "argo"

    def mutex_groups(self, addresses: Iterable[str]) -> tuple[frozenset[str], ...]:
        """Return the groups of stages of which only one runs at a time, by address."""
        all_addresses = list(addresses)
        groups = (
            frozenset(a for a in all_addresses if any(fnmatchcase(a, glob) for glob in globs))
            for globs in self.mutexes.values()
        )
        return tuple(group for group in groups if len(group) > 1)

    def mutex_words(self, address: str) -> frozenset[str]:
        """Return the mutexes that this stage holds while it runs."""
        return frozenset(
            mutex
            for mutex, globs in self.mutexes.items()
            if any(fnmatchcase(address, glob) for glob in globs)
        )

    def pod(self, address: str) -> Resources:
        """Return the settings of the pod of this stage."""
        values: dict[str, Any] = {"image": self.argo.image}
        for glob, pod_settings in self.pods.items():
            if fnmatchcase(address, glob):
                values |= pod_settings
        secrets = dict.fromkeys((*self.argo.secrets, *values.pop("secret_env", ())))
        return replace(Resources(), **values, secret_env=tuple(secrets))

    def images(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return the images of the pods of these stages.

        Raises
        ------
        UsageError
            A stage has no image.
        """
        images = {address: self.pod(address).image for address in addresses}
        if incomplete := [address for address, image in images.items() if not image]:
            suffix = f" and {len(incomplete) - _SHOWN} more" if len(incomplete) > _SHOWN else ""
            raise UsageError(
                f"no image for the pods of {', '.join(incomplete[:_SHOWN])}{suffix}",
                f"set image: NAME in {FILE}",
            )
        return tuple(dict.fromkeys(images.values()))

    def check(self, addresses: Iterable[str]) -> None:
        """Check that every glob matches a stage of the project; otherwise, a typo would be silent.

        Raises
        ------
        UsageError
            A glob matches no stage.
        """
        all_addresses = list(addresses)
        globs = [*(glob for globs in self.mutexes.values() for glob in globs), *self.pods]
        unmatched = [
            f"{FILE}: stages.{glob} matches no stage{_suggest(glob, all_addresses)}"
            for glob in dict.fromkeys(globs)
            if not any(fnmatchcase(address, glob) for address in all_addresses)
        ]
        if unmatched:
            raise UsageError("\n".join(unmatched), "`dvc stage list --all` lists all stages")


def parse_settings(content: Any) -> Settings:
    """Read the settings.

    Raises
    ------
    UsageError
        There are unknown keys or values of the wrong type; one message lists all of them.
    """
    problems: list[str] = []
    mutexes: dict[str, list[str]] = {}
    pods: dict[str, Mapping[str, Any]] = {}
    top = _parse_mapping(content, "", TOP_KEYS, problems)
    for glob, values in _parse_mapping(top.get("stages"), "stages", None, problems).items():
        section = _parse_mapping(values, f"stages.{glob}", KEYS, problems)
        if pod := parse_resources(section, f"stages.{glob}", problems):
            pods[str(glob)] = pod
        names = section.get("mutex", [])
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(mutex, str) for mutex in names):
            problems.append(f"stages.{glob}.mutex must be a word or a list of words")
            continue
        for mutex in names:
            mutexes.setdefault(mutex, []).append(str(glob))
    argo = _parse_argo(_merge_argo_section(top, problems), problems)
    engine = top.get("engine") or "argo"
    if not isinstance(engine, str):
        problems.append("engine must be the name of an engine")
    section = _parse_mapping(top.get("processes"), "processes", ("parallelism",), problems)
    processes = ProcessSettings(_parse_parallelism(section.get("parallelism"), problems))
    allow = _parse_allow(
        _parse_mapping(top.get("snapshot"), "snapshot", ("allow",), problems), problems
    )
    if problems:
        raise UsageError("\n".join(f"{FILE}: {p}" for p in problems), f"correct {FILE}")
    mutex_globs = {mutex: tuple(globs) for mutex, globs in mutexes.items()}
    return Settings(mutex_globs, pods, argo, allow, engine, processes)


def _merge_argo_section(top: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any]:
    """Return the section `argo` with the top-level keys that apply to every engine."""
    section = dict(_parse_mapping(top.get("argo"), "argo", tuple(_ARGO), problems))
    for key in NEUTRAL_KEYS:
        if top.get(key) is None:
            continue
        if section.get(key) not in (None, top[key]):
            problems.append(f"{key} and argo.{key} differ: keep {key}")
        section[key] = top[key]
    return section


def _parse_parallelism(value: Any, problems: list[str]) -> int | None:
    if value is None:
        return None
    try:
        return task_settings.at_least(1)(value)
    except InvalidValueError as exc:
        problems.append(f"processes.parallelism must be {exc}")
        return None


def _parse_allow(section: Mapping[str, Any], problems: list[str]) -> tuple[str, ...]:
    value = section.get("allow") or []
    globs = [value] if isinstance(value, str) else value
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        problems.append("snapshot.allow must be a path or a list of paths")
        return ()
    return tuple(globs)


def _parse_argo(section: Mapping[str, Any], problems: list[str]) -> ArgoSettings:
    values: dict[str, Any] = {}
    for key, value in section.items():
        if key not in _ARGO or value is None:
            continue
        try:
            values[key] = _ARGO[key](value)
        except InvalidValueError as exc:
            problems.append(f"argo.{key} must be {exc}")
    return replace(ArgoSettings(), **values)


def _parse_user(value: Any) -> int | None:
    return None if value == "any" else task_settings.at_least(1)(value)


def _parse_pull_policy(value: Any) -> str:
    if value not in PULL:
        raise InvalidValueError(f"one of {', '.join(PULL)}{_suggest(value, PULL)}")
    return str(value)


def _parse_fuse(value: Any) -> Fuse:
    names = [fuse.value for fuse in Fuse]
    if value not in names:
        raise InvalidValueError(f"one of {', '.join(names)}{_suggest(value, names)}")
    return Fuse(value)


def _parse_secret_files(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not value:
        raise InvalidValueError("a mapping of Secrets to folders, such as {gcs-key: /secrets/gcs}")
    folders = {task_settings.name(secret): folder for secret, folder in value.items()}
    for folder in folders.values():
        if not isinstance(folder, str) or not _FOLDER.fullmatch(folder) or folder in _RESERVED:
            raise InvalidValueError(
                "a mapping of Secrets to folders of the pod, such as /secrets/gcs"
            )
    if len(set(folders.values())) < len(folders):
        raise InvalidValueError("a mapping of Secrets to folders, a different one for each")
    return tuple(sorted(folders.items()))


def _parse_remotes(value: Any) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise InvalidValueError(
            "a mapping of remotes to options, such as {store: {endpointurl: URL}}"
        )
    for name, options in value.items():
        for option, text in options.items():
            if not isinstance(text, str | int | float) or "{{" in str(text):
                raise InvalidValueError(
                    f"a mapping of remotes to strings; {name}.{option} is not a string"
                )
            if option in SECRET and text != "":
                raise InvalidValueError(
                    f"a mapping without secrets: {name}.{option} belongs in a Secret listed in"
                    " argo.secrets"
                )
    return tuple(
        sorted((n, tuple(sorted((k, str(v)) for k, v in o.items()))) for n, o in value.items())
    )


_FOLDER = re.compile(r"/[\w.-]+(/[\w.-]+)*")
_RESERVED = ("/work", "/tmp")  # noqa: S108  folders that the pod uses itself
_ARGO: dict[str, Callable[[Any], Any]] = {
    "image": task_settings.image,
    "image_pull_policy": _parse_pull_policy,
    "namespace": task_settings.name,
    "service_account": task_settings.name,
    "secrets": task_settings.names,
    "user": _parse_user,
    "fuse": _parse_fuse,
    "parallelism": task_settings.at_least(1),
    "secret_files": _parse_secret_files,
    "remotes": _parse_remotes,
}


def _parse_mapping(
    value: Any, where: str, keys: tuple[str, ...] | None, problems: list[str]
) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"{where or 'the file'} must be a mapping, not {type(value).__name__}")
        return {}
    if keys is not None:
        for key in [key for key in value if key not in keys]:
            hint = _suggest(key, keys) or f"; valid keys: {', '.join(keys)}"
            problems.append("unknown key " + f"{where}.{key}".lstrip(".") + hint)
    return value


def _suggest(text: Any, candidates: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(text), candidates, n=1)
    return f"; did you mean {close[0]}?" if close else ""
