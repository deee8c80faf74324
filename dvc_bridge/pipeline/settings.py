"""dvc-bridge.yaml: what a run should know of stages that dvc.yaml does not say.

    argo:
      image: registry/team/image:1
      secrets: s3-credentials
    stages:
      "train@*":
        mutex: gpu          # of the stages with this word, one runs at a time
        gpu: 1
        memory: 8Gi

Keys of `stages` are globs over addresses; of two that name a stage, the later one wins, key by
key. It is a file of its own so that dvc.yaml and its hashes stay as they are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline import resources
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.remote_options import SECRET
from dvc_bridge.pipeline.resources import InvalidValueError, Resources, parse_resources

FILE = "dvc-bridge.yaml"
KEYS = ("mutex", *resources.KEYS)
PULL = ("Always", "IfNotPresent", "Never")
# What every engine has; `argo: {image: ...}` and so on are older names of the same settings.
NEUTRAL_KEYS = ("image", "secrets", "fuse")
TOP_KEYS = ("engine", *NEUTRAL_KEYS, "stages", "snapshot", "argo", "processes")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ArgoSettings:
    """What holds for the whole Workflow.

    Parameters
    ----------
    image, secrets
        Of every pod; a stage may name another image, and more secrets.
    service_account
        Whose token Argo's own containers use.
    user
        The UID of the pods; None: the cluster's choice, which must not be root.
    parallelism
        How many pods may run at a time; None: as many as there is room for.
    secret_files
        Secrets whose keys are files in a folder of every pod: pairs of name and folder.
    remotes
        Options of DVC remotes that are other ones in pods: pairs of a remote's name and of pairs
        of an option and its value, empty for none.
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
        """Name the Secrets that pods need, as variables or as files."""
        return (*self.secrets, *(secret for secret, _ in self.secret_files))

    @property
    def has_secrets(self) -> bool:
        """Whether pods have credentials: a Secret, or an account with rights of its own."""
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
        Word -> the globs of the stages of which one runs at a time.
    pods
        Glob -> the settings of a pod that it gives, in the file's order.
    engine
        The name of the engine that carries out runs.
    allow
        Globs over files, from the root of the git repository, that are sent although they look
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
        """Whether they say how stages run elsewhere."""
        return bool(self.argo.image) or self.engine != "argo"

    def mutex_groups(self, addresses: Iterable[str]) -> tuple[frozenset[str], ...]:
        """Return the groups of stages that keep out of each other's way, by address."""
        known = list(addresses)
        groups = (
            frozenset(a for a in known if any(fnmatchcase(a, glob) for glob in globs))
            for globs in self.mutexes.values()
        )
        return tuple(group for group in groups if len(group) > 1)

    def mutex_words(self, address: str) -> frozenset[str]:
        """Return the words of which this stage must be the only one to run."""
        return frozenset(
            word
            for word, globs in self.mutexes.items()
            if any(fnmatchcase(address, glob) for glob in globs)
        )

    def pod(self, address: str) -> Resources:
        """Return the settings of the pod of this stage."""
        values: dict[str, Any] = {"image": self.argo.image}
        for glob, given in self.pods.items():
            if fnmatchcase(address, glob):
                values |= given
        secrets = dict.fromkeys((*self.argo.secrets, *values.pop("secret_env", ())))
        return replace(Resources(), **values, secret_env=tuple(secrets))

    def images(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Name the images of the pods of these stages.

        Raises
        ------
        UsageError
            A stage has none.
        """
        found = {address: self.pod(address).image for address in addresses}
        if without := [address for address, image in found.items() if not image]:
            more = f" and {len(without) - _SHOWN} more" if len(without) > _SHOWN else ""
            raise UsageError(
                f"no image for the pods of {', '.join(without[:_SHOWN])}{more}",
                f"image: NAME in {FILE}",
            )
        return tuple(dict.fromkeys(found.values()))

    def check(self, addresses: Iterable[str]) -> None:
        """Check that every glob names a stage of the project, or its settings would be nobody's.

        Raises
        ------
        UsageError
            One does not.
        """
        known = list(addresses)
        globs = [*(glob for globs in self.mutexes.values() for glob in globs), *self.pods]
        lost = [
            f"{FILE}: stages.{glob} names no stage{_meant(glob, known)}"
            for glob in dict.fromkeys(globs)
            if not any(fnmatchcase(address, glob) for address in known)
        ]
        if lost:
            raise UsageError("\n".join(lost), "dvc stage list --all names them all")


def parse_settings(content: Any) -> Settings:
    """Read the settings.

    Raises
    ------
    UsageError
        Keys that mean nothing, or values of the wrong type; all of them in one message.
    """
    problems: list[str] = []
    mutexes: dict[str, list[str]] = {}
    pods: dict[str, Mapping[str, Any]] = {}
    top = _mapping(content, "", TOP_KEYS, problems)
    for glob, values in _mapping(top.get("stages"), "stages", None, problems).items():
        given = _mapping(values, f"stages.{glob}", KEYS, problems)
        if pod := parse_resources(given, f"stages.{glob}", problems):
            pods[str(glob)] = pod
        words = given.get("mutex", [])
        words = [words] if isinstance(words, str) else words
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            problems.append(f"stages.{glob}.mutex must be a word or a list of words")
            continue
        for word in words:
            mutexes.setdefault(word, []).append(str(glob))
    argo = _argo(_argo_section(top, problems), problems)
    engine = top.get("engine") or "argo"
    if not isinstance(engine, str):
        problems.append("engine must be the name of an engine")
    given = _mapping(top.get("processes"), "processes", ("parallelism",), problems)
    processes = ProcessSettings(_parallelism(given.get("parallelism"), problems))
    allow = _allow(_mapping(top.get("snapshot"), "snapshot", ("allow",), problems), problems)
    if problems:
        raise UsageError("\n".join(f"{FILE}: {p}" for p in problems), f"correct {FILE}")
    named = {word: tuple(globs) for word, globs in mutexes.items()}
    return Settings(named, pods, argo, allow, engine, processes)


def _argo_section(top: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any]:
    """Return the section `argo`, with the keys that stand at the top for every engine."""
    section = dict(_mapping(top.get("argo"), "argo", tuple(_ARGO), problems))
    for key in NEUTRAL_KEYS:
        if top.get(key) is None:
            continue
        if section.get(key) not in (None, top[key]):
            problems.append(f"{key} and argo.{key} differ: keep {key}")
        section[key] = top[key]
    return section


def _parallelism(value: Any, problems: list[str]) -> int | None:
    if value is None:
        return None
    try:
        return resources.at_least(1)(value)
    except InvalidValueError as exc:
        problems.append(f"processes.parallelism must be {exc}")
        return None


def _allow(given: Mapping[str, Any], problems: list[str]) -> tuple[str, ...]:
    value = given.get("allow") or []
    globs = [value] if isinstance(value, str) else value
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        problems.append("snapshot.allow must be a path or a list of paths")
        return ()
    return tuple(globs)


def _argo(given: Mapping[str, Any], problems: list[str]) -> ArgoSettings:
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in _ARGO or value is None:
            continue
        try:
            found[key] = _ARGO[key](value)
        except InvalidValueError as exc:
            problems.append(f"argo.{key} must be {exc}")
    return replace(ArgoSettings(), **found)


def _user(value: Any) -> int | None:
    return None if value == "any" else resources.at_least(1)(value)


def _pull(value: Any) -> str:
    if value not in PULL:
        raise InvalidValueError(f"one of {', '.join(PULL)}{_meant(value, PULL)}")
    return str(value)


def _fuse(value: Any) -> Fuse:
    words = [fuse.value for fuse in Fuse]
    if value not in words:
        raise InvalidValueError(f"one of {', '.join(words)}{_meant(value, words)}")
    return Fuse(value)


def _secret_files(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not value:
        raise InvalidValueError("a mapping of Secrets to folders, as {gcs-key: /secrets/gcs}")
    found = {resources.name(secret): folder for secret, folder in value.items()}
    for folder in found.values():
        if not isinstance(folder, str) or not _FOLDER.fullmatch(folder) or folder in _TAKEN:
            raise InvalidValueError("a mapping of Secrets to folders of the pod, as /secrets/gcs")
    if len(set(found.values())) < len(found):
        raise InvalidValueError("a mapping of Secrets to folders, another one for each")
    return tuple(sorted(found.items()))


def _remotes(value: Any) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise InvalidValueError("a mapping of remotes to options, as {store: {endpointurl: URL}}")
    for name, options in value.items():
        for option, text in options.items():
            if not isinstance(text, str | int | float) or "{{" in str(text):
                raise InvalidValueError(f"a mapping of texts, which {name}.{option} is not")
            if option in SECRET and text != "":
                raise InvalidValueError(
                    f"a mapping without secrets: {name}.{option} belongs into a Secret that"
                    " argo.secrets names"
                )
    return tuple(
        sorted((n, tuple(sorted((k, str(v)) for k, v in o.items()))) for n, o in value.items())
    )


_FOLDER = re.compile(r"/[\w.-]+(/[\w.-]+)*")
_TAKEN = ("/work", "/tmp")  # noqa: S108  folders of the pod itself
_ARGO: dict[str, Callable[[Any], Any]] = {
    "image": resources.image,
    "image_pull_policy": _pull,
    "namespace": resources.name,
    "service_account": resources.name,
    "secrets": resources.names,
    "user": _user,
    "fuse": _fuse,
    "parallelism": resources.at_least(1),
    "secret_files": _secret_files,
    "remotes": _remotes,
}


def _mapping(
    value: Any, where: str, keys: tuple[str, ...] | None, problems: list[str]
) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"{where or 'the file'} must be a mapping, not {type(value).__name__}")
        return {}
    if keys is not None:
        for key in [key for key in value if key not in keys]:
            hint = _meant(key, keys) or f"; known here: {', '.join(keys)}"
            problems.append(f"{where}.{key}".lstrip(".") + f" means nothing{hint}")
    return value


def _meant(word: Any, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
