"""Levels of groups -> the text of a Metaflow flow; equal levels give equal bytes.

A level of one group is a step, one of several a foreach and its join; a join does the work of the
next level where that is one group, since each task costs a process or a pod.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.resources import USUAL_RETRIES
from dvc_bridge.planning.grouping.levels import Needs

# A step takes some 8 kB of the template that Argo keeps, and that may have 1 MB or so.
MOST_STEPS = 110
# Metaflow's own limit of a foreach, a guard that a command line or this variable lifts.
USUAL_SPLITS = 100
_SUM = re.compile(r"^# sha256 of the rest: ([0-9a-f]{64})\n", re.MULTILINE)

# Of steps that run no command: a pod may get lost in any.
_USUAL = Needs(cpu=None, memory=None, gpu=0, timeout=None, retries=USUAL_RETRIES)
_SAYS = "A pipeline of DVC as a Metaflow flow. Not to be edited: the command below writes it anew."
_COMMANDS = (
    ("python FILE run", "here"),
    ("python FILE run --with kubernetes", "each task in a pod"),
    ("python FILE argo-workflows create", "as an Argo Workflow; then: trigger"),
    ("dvc-bridge sync NAME/RUN", "the results into dvc.lock and the workspace"),
    ("dvc-bridge flow -o FILE --check", "whether it is that of dvc.yaml still"),
)


@dataclass(frozen=True, slots=True)
class Level:
    """What one level of the flow does.

    Parameters
    ----------
    groups
        The addresses of the stages of each of its tasks.
    """

    groups: tuple[tuple[str, ...], ...]
    needs: Needs

    @property
    def wide(self) -> bool:
        """Whether it has more than one task."""
        return len(self.groups) > 1


@dataclass(slots=True)
class _Step:
    name: str
    body: list[str]
    needs: Needs = _USUAL
    joins: bool = False
    works: bool = False
    words: list[str] = field(default_factory=list)


def flow_text(
    levels: Sequence[Level],
    name: str,
    file: str,
    root: str,
    shape: str,
    words: str,
    *,
    alone: bool = False,
) -> str:
    """Write the flow.

    Parameters
    ----------
    name
        Of the class.
    file
        The flow's file, as the project's folder is called from where it stands; see `root`.
    root
        The project's folder, from that of the flow's file.
    shape
        The hash of the stages and their edges (`plan.ranges.shape`): a run checks it.
    words
        Of the command that makes this text.
    alone
        Whether what is upstream of the stages is left as it stands.

    Raises
    ------
    UsageError
        It has more steps than Argo takes.
    """
    steps = _steps(levels, alone=alone)
    if len(steps) > MOST_STEPS:
        raise UsageError(
            f"{len(levels)} levels of stages make {len(steps)} steps, of which Argo takes"
            f" {MOST_STEPS} at most in one flow",
            "dvc-bridge submit has no such limit; or name targets: a flow for each part",
        )
    text = "".join(
        [
            _head(name, file),
            f"# dvc-bridge flow {words}\n\n",
            *_imports(steps, levels),
            f"\nROOT = Path(__file__).resolve().parent{_below(root)}\n",
            f'SHAPE = "{shape}"  # of the stages and their edges\n',
            "# A line a task: its stages run one after the other, or side by side in it.\n",
            *_literal(levels),
            *_class(steps, name),
            f'\n\nif __name__ == "__main__":\n    {name}()\n',
        ]
    )
    return _signed(text)


def was_edited(text: str) -> bool:
    """Whether a text of `flow_text` has been changed since; also for what is none."""
    found = _SUM.search(text)
    return found is None or _signed(_SUM.sub("", text, count=1)) != text


def words_of(text: str) -> str | None:
    """Return the words of the command that has made a text; None for what is none."""
    found = re.search(r"^# dvc-bridge flow ?(.*)$", text, re.MULTILINE)
    return found[1] if found and _SUM.search(text) else None


def _head(name: str, file: str) -> str:
    told = [(c.replace("FILE", file).replace("NAME", name), why) for c, why in _COMMANDS]
    width = max(len(command) for command, _ in told)
    lines = [f"{command:{width}}  # {why}\n" for command, why in told]
    return "".join([f'"""{_SAYS}\n\n', *lines, '"""\n'])


def _signed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    command, line, rest = text.partition("# dvc-bridge flow")
    end = rest.index("\n") + 1
    return f"{command}{line}{rest[:end]}# sha256 of the rest: {digest}\n{rest[end:]}"


def _steps(levels: Sequence[Level], *, alone: bool) -> list[_Step]:
    how = "force=self.force, alone=True" if alone else "force=self.force"
    steps = [_Step("start", [f"self.dvc_run = begin_levels(ROOT, LEVELS, SHAPE, {how})"])]
    for number, level in enumerate(levels, 1):
        last = steps[-1]
        if level.wide:
            if last.joins:  # Metaflow has no step that joins and splits
                last.words = [f"self.split_{number}"]
                last = _Step(f"split_{number}", [])
                steps.append(last)
            last.body.append(f"self.groups = groups(self.dvc_run, {number})")
            last.words = [f"self.level_{number}", 'foreach="groups"']
            steps.append(_Step(f"level_{number}", ["work(self, self.input)"], level.needs))
            steps[-1].words = [f"self.join_{number}"]
            steps.append(_Step(f"join_{number}", ["self.dvc_run = inputs[0].dvc_run"], joins=True))
        elif last.joins and not last.works:
            last.body.append(f"work(self, *groups(self.dvc_run, {number}))")
            last.needs, last.works = level.needs, True
        else:
            last.words = [f"self.level_{number}"]
            body = [f"work(self, *groups(self.dvc_run, {number}))"]
            steps.append(_Step(f"level_{number}", body, level.needs))
    steps[-1].words = ["self.end"]
    return [*steps, _Step("end", ["self.dvc = told(self)"])]


def _imports(steps: Sequence[_Step], levels: Sequence[Level]) -> Iterator[str]:
    widest = max(len(level.groups) for level in levels)
    if widest > USUAL_SPLITS:
        yield "import os\n"
    yield "from pathlib import Path\n\n"
    used = {line.partition("(")[0][1:] for step in steps for line in _decorators(step.needs)}
    names = ["FlowSpec", "Parameter", *sorted({"card", "step", *used})]
    yield f"from metaflow import {', '.join(names)}\n\n"
    yield "from dvc_bridge.metaflow import begin_levels, dvc_project, groups, told, work\n"
    if widest > USUAL_SPLITS:
        yield "\n# Metaflow runs no wider foreach unless it is told so.\n"
        for command in ("RUN", "RESUME"):
            yield f'os.environ.setdefault("METAFLOW_{command}_MAX_NUM_SPLITS", "{widest}")\n'


def _below(root: str) -> str:
    return "" if root == "." else f" / {root!r}"


def _literal(levels: Sequence[Level]) -> Iterator[str]:
    yield "LEVELS = [\n"
    for level in levels:
        yield "    [\n"
        yield from (f"        {list(group)!r},\n" for group in level.groups)
        yield "    ],\n"
    yield "]\n"


def _class(steps: Sequence[_Step], name: str) -> Iterator[str]:
    yield f"\n\n@dvc_project(root=ROOT)\nclass {name}(FlowSpec):\n"
    yield '    """A pipeline of DVC, a level of its stages after the other."""\n\n'
    said = 'is_flag=True, default=False, help="run every stage anew"'
    yield f'    force = Parameter("force", {said})\n'
    for step in steps:
        yield "\n"
        yield from (f"    {line}\n" for line in _decorators(step.needs))
        if step.name == "end":
            yield '    @card(type="dvc_run")\n'
        yield f"    @step\n    def {step.name}(self{', inputs' if step.joins else ''}):\n"
        yield from (f"        {line}\n" for line in step.body)
        if step.words:
            yield f"        self.next({', '.join(step.words)})\n"


def _decorators(needs: Needs) -> Iterator[str]:
    asked = {"cpu": needs.cpu, "memory": needs.memory, "gpu": needs.gpu or None}
    told = [f"{key}={value:g}" for key, value in asked.items() if value is not None]
    if told:
        yield f"@resources({', '.join(told)})"
    if needs.retries:
        yield f"@retry(times={needs.retries}, minutes_between_retries=0)"
    if needs.timeout:
        # Metaflow refuses less for pods.
        yield f"@timeout(seconds={max(60, needs.timeout)})"
