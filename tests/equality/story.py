"""A random project and the changes to it, as values that can be printed.

Every command follows from its stage's declaration: it reads all deps and params and nothing else.
"""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from tests.equality.workbench import Case, Step, Workbench

FOLDERS = ("folder", "exec folder", "uncached folder", "persist folder")
KINDS = ("file", "uncached", "metric", "cached metric", "plot", "exec", "persist", *FOLDERS)
OPTIONS: dict[str, dict[str, bool]] = {
    "uncached": {"cache": False},
    "metric": {"cache": False},
    "persist": {"persist": True},
    "uncached folder": {"cache": False},
    "persist folder": {"persist": True},
}
# Folders of dvc.yaml files, in neither alphabetical nor graph order.
HOMES = ("", "sub", "a/deep")
SECTIONS = {"metric": "metrics", "cached metric": "metrics", "plot": "plots"}


@dataclass(frozen=True)
class Out:
    """Path from the project's root, and kind."""

    path: str
    kind: str


@dataclass(frozen=True)
class Stage:
    """A stage; `home` is the folder of its dvc.yaml, paths are from the project's root."""

    name: str
    home: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[Out, ...]
    salt: int = 0
    constant: bool = False
    slow: bool = False
    fails: bool = False
    frozen: bool = False
    always: bool = False

    @property
    def address(self) -> str:
        """The address of the stage for `dvc repro` in the project's root."""
        return f"{self.home}/dvc.yaml:{self.name}" if self.home else self.name

    def declaration(self) -> dict[str, object]:
        """Return its value in dvc.yaml."""
        declaration: dict[str, object] = {"cmd": self._command()}
        if self.deps:
            declaration["deps"] = [self._here(dep) for dep in self.deps]
        if self.params:
            declaration["params"] = [{self._here("params.yaml"): list(self.params)}]
        for out in self.outs:
            section = declaration.setdefault(SECTIONS.get(out.kind, "outs"), [])
            assert isinstance(section, list)
            section.append({self._here(out.path): OPTIONS.get(out.kind, {})})
        flags = {"frozen": self.frozen, "always_changed": self.always}
        return {**declaration, **{name: True for name, on in flags.items() if on}}

    def _here(self, path: str) -> str:
        return posixpath.relpath(path, self.home or ".")

    def _command(self) -> list[str]:
        reads = [_reading(self._here(dep)) for dep in self.deps]
        reads += [f"grep '^{name}:' {self._here('params.yaml')}" for name in self.params]
        lines = [f"ran {self.name}", *(["sleep 0.03"] if self.slow else [])]
        text = "echo constant" if self.constant else f"{{ {'; '.join(reads) or ':'}; }} | md5sum"
        lines += (_making(self._here(o.path), o.kind, text, self.salt) for o in self.outs)
        return [*lines, f"during {self.name}.end", *(["exit 1"] if self.fails else [])]


def _reading(path: str) -> str:
    """Return a command that prints a file, or a folder's files except those of git and DVC."""
    return f"find -H {shlex.quote(path)} -type f ! -name '.*' -print0 | sort -z | xargs -0r cat"


def _making(path: str, kind: str, text: str, salt: int) -> str:
    make = f"mkdir -p {shlex.quote(posixpath.dirname(path) or '.')}"
    path = shlex.quote(path)
    arrow = ">>" if kind == "persist" else ">"
    if kind not in FOLDERS:
        mode = f"; chmod 755 {path}" if kind == "exec" else ""
        return f"{make}; {{ echo {salt}; {text}; }} {arrow} {path}{mode}"
    new = f"; echo {salt} > {path}/x{salt}" if kind == "persist folder" else ""
    mode = f"; chmod 755 {path}/b" if kind == "exec folder" else ""
    return f"mkdir -p {path}; echo {salt} > {path}/b; {{ {text}; }} > {path}/a{new}{mode}"


@dataclass(frozen=True)
class Project:
    """Stages in the order of their dvc.yaml, and the files that no stage writes."""

    stages: tuple[Stage, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, int], ...] = ()

    def texts(self) -> dict[str, str]:
        """Return the text of each file that the project defines."""
        texts = dict(self.files)
        texts["params.yaml"] = "".join(f"{name}: {value}\n" for name, value in self.params)
        for home in HOMES:
            own = {s.name: s.declaration() for s in self.stages if s.home == home}
            if own or not home:
                lines = [
                    f"  {name}: {json.dumps(declaration)}" for name, declaration in own.items()
                ]
                stages = "\n".join(["stages:", *lines]) if own else "stages: {}"
                texts[posixpath.join(home, "dvc.yaml")] = stages + "\n"
        return texts


Deed = Callable[[Workbench], None]
# How the name of a deed begins that removes an object from the cache.
LOST_OBJECT = "rm object"


@dataclass(frozen=True)
class Interference:
    """An action once during the run: a shell line in the project's root.

    Parameters
    ----------
    moment
        `NAME.start` or `NAME.end`: the first or the last moment of that stage's command.
    """

    moment: str
    line: str


@dataclass(frozen=True)
class Run:
    """Named manual changes, then the project to write, then a repro."""

    project: Project
    argv: tuple[str, ...]
    deeds: tuple[tuple[str, Deed], ...] = ()
    interferences: tuple[Interference, ...] = ()
    concurrent: tuple[tuple[str, ...], ...] = ()

    @property
    def jobs(self) -> int:
        """How many stages of ours may run at the same time."""
        return int(self.argv[self.argv.index("-j") + 1]) if "-j" in self.argv else 1

    @property
    def loses_object(self) -> bool:
        """Whether a deed before the run removes an object from the cache."""
        return any(name.startswith(LOST_OBJECT) for name, _ in self.deeds)


@dataclass(frozen=True)
class Story:
    """Runs, one after the other; at the end DVC may take over.

    Parameters
    ----------
    remote
        Whether the project has its own remote in a folder.
    """

    runs: tuple[Run, ...] = ()
    handed_over: bool = False
    remote: bool = True

    def __repr__(self) -> str:
        shown: dict[str, str] = {}
        lines = []
        for number, run in enumerate(self.runs, 1):
            lines.append(f"run {number}:")
            texts = run.project.texts()
            for name in sorted(shown.keys() | texts.keys()):
                if shown.get(name) != texts.get(name):
                    lines += [f"  {name}:", *_indented(texts.get(name, "(gone)"))]
            lines += [f"  {name}" for name, _ in run.deeds]
            lines += [f"  at {other.moment}: {other.line}" for other in run.interferences]
            lines.append(f"  $ repro {' '.join(run.argv)}")
            lines += [f"  at the same time: $ {' '.join(words)}" for words in run.concurrent]
            shown = texts
        return "\n".join(lines)

    def case(self) -> Case:
        """Return the case that plays the story on a project after `dvc init`."""
        steps = []
        before: dict[str, str] = {}
        for number, run in enumerate(self.runs, 1):
            texts = run.project.texts()
            change = _change(before, texts, run)
            steps.append(
                Step(
                    f"{number}",
                    change,
                    run.argv,
                    fails=None,
                    concurrent=run.concurrent,
                    may_run_more=run.loses_object and run.jobs > 1,
                )
            )
            before = texts
        quiet = not any(run.interferences or run.concurrent for run in self.runs)
        return Case(
            "random",
            started if self.remote else _started_without_remote,
            tuple(steps),
            keeps_ignores=True,
            handed_over=self.handed_over,
            foreseen=quiet,
            looks=True,
        )


def started(bench: Workbench) -> None:
    """Create a project with a remote in its own folder."""
    bench.start()
    bench.dvc("remote", "add", "-q", "-d", "storage", "storage")
    bench.write({".dvcignore": "/storage\n"})
    bench.git("add", "-A")
    bench.git("commit", "-q", "-m", "start")


def _started_without_remote(bench: Workbench) -> None:
    bench.start()
    bench.git("add", "-A")
    bench.git("commit", "-q", "-m", "start")


def _change(before: dict[str, str], texts: dict[str, str], run: Run) -> Deed:
    def change(bench: Workbench) -> None:
        bench.write({name: text for name, text in texts.items() if before.get(name) != text})
        bench.remove(*(name for name in before.keys() - texts.keys() if bench.has(name)))
        for _, deed in run.deeds:
            deed(bench)
        bench.interfere({other.moment: other.line for other in run.interferences})

    return change


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
