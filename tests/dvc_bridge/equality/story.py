"""A random project and what happens to it, as values that can be printed.

Every command is made of its stage's declaration: it reads all deps and params and nothing else.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from tests.dvc_bridge.equality.workbench import Case, Step, Workbench

FOLDERS = ("folder", "exec folder", "uncached folder", "persist folder")
KINDS = ("file", "uncached", "metric", "cached metric", "plot", "exec", "persist", *FOLDERS)
OPTIONS: dict[str, dict[str, bool]] = {
    "uncached": {"cache": False},
    "metric": {"cache": False},
    "persist": {"persist": True},
    "uncached folder": {"cache": False},
    "persist folder": {"persist": True},
}
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
        """What `dvc repro` calls it from the project's root."""
        return f"{self.home}/dvc.yaml:{self.name}" if self.home else self.name

    def declaration(self) -> dict[str, object]:
        """Give its value in dvc.yaml."""
        told: dict[str, object] = {"cmd": self._command()}
        if self.deps:
            told["deps"] = [self._here(dep) for dep in self.deps]
        if self.params:
            told["params"] = [{self._here("params.yaml"): list(self.params)}]
        for out in self.outs:
            section = told.setdefault(SECTIONS.get(out.kind, "outs"), [])
            assert isinstance(section, list)
            section.append({self._here(out.path): OPTIONS.get(out.kind, {})})
        flags = {"frozen": self.frozen, "always_changed": self.always}
        return {**told, **{name: True for name, on in flags.items() if on}}

    def _here(self, path: str) -> str:
        return posixpath.relpath(path, self.home or ".")

    def _command(self) -> list[str]:
        reads = [
            f"find {self._here(d)} -type f -name '[a-z]*' | sort | xargs cat" for d in self.deps
        ]
        reads += [f"grep '^{name}:' {self._here('params.yaml')}" for name in self.params]
        lines = [f"ran {self.name}", *(["sleep 0.03"] if self.slow else [])]
        text = "echo constant" if self.constant else f"{{ {'; '.join(reads) or ':'}; }} | md5sum"
        lines += (_making(self._here(o.path), o.kind, text, self.salt) for o in self.outs)
        return [*lines, *(["exit 1"] if self.fails else [])]


def _making(path: str, kind: str, text: str, salt: int) -> str:
    make = f"mkdir -p {posixpath.dirname(path) or '.'}"
    arrow = ">>" if kind == "persist" else ">"
    if kind not in FOLDERS:
        mode = f"; chmod 755 {path}" if kind == "exec" else ""
        return f"{make}; {{ echo {salt}; {text}; }} {arrow} {path}{mode}"
    new = f"; echo {salt} > {path}/x{salt}" if kind == "persist folder" else ""
    mode = f"; chmod 755 {path}/b" if kind == "exec folder" else ""
    return f"mkdir -p {path}; echo {salt} > {path}/b; {{ {text}; }} > {path}/a{new}{mode}"


@dataclass(frozen=True)
class Project:
    """Stages in the order of their dvc.yaml, and the files that no stage makes."""

    stages: tuple[Stage, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, int], ...] = ()

    def texts(self) -> dict[str, str]:
        """Give the files whose text the project decides."""
        texts = dict(self.files)
        texts["params.yaml"] = "".join(f"{name}: {value}\n" for name, value in self.params)
        for home in ("", "sub"):
            own = {s.name: s.declaration() for s in self.stages if s.home == home}
            if own or not home:
                lines = [f"  {name}: {json.dumps(told)}" for name, told in own.items()]
                stages = "\n".join(["stages:", *lines]) if own else "stages: {}"
                texts[posixpath.join(home, "dvc.yaml")] = stages + "\n"
        return texts


Deed = Callable[[Workbench], None]


@dataclass(frozen=True)
class Run:
    """Deeds, each with its name, then a project to stand there, then a repro."""

    project: Project
    argv: tuple[str, ...]
    deeds: tuple[tuple[str, Deed], ...] = ()


@dataclass(frozen=True)
class Story:
    """Runs, one after the other."""

    runs: tuple[Run, ...] = ()

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
            lines.append(f"  $ repro {' '.join(run.argv)}")
            shown = texts
        return "\n".join(lines)

    def case(self) -> Case:
        """Give the case that plays it on a project where only `dvc init` has been done."""
        steps = []
        before: dict[str, str] = {}
        for number, run in enumerate(self.runs, 1):
            texts = run.project.texts()
            change = _change(before, texts, run.deeds)
            steps.append(Step(f"{number}", change, run.argv, fails=None))
            before = texts
        return Case("random", Workbench.start, tuple(steps), keeps_ignores=True)


def _change(
    before: dict[str, str], texts: dict[str, str], deeds: tuple[tuple[str, Deed], ...]
) -> Deed:
    def change(bench: Workbench) -> None:
        bench.write({name: text for name, text in texts.items() if before.get(name) != text})
        bench.remove(*(before.keys() - texts.keys()))
        for _, deed in deeds:
            deed(bench)

    return change


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
