"""Write the text of a Metaflow flow from levels of groups; equal levels produce equal bytes.

A level with one group becomes a step; a level with several groups becomes a foreach and its join.
If the next level has one group, the join runs it, since each task costs a process or a pod.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dvc_bridge.metaflow.flow_levels import Needs
from dvc_bridge.metaflow.flow_limits import USUAL_SPLITS, check_step_count
from dvc_bridge.pipeline.task_settings import USUAL_RETRIES

_SUM = re.compile(r"^# sha256 of the rest: ([0-9a-f]{64})\n", re.MULTILINE)

# For steps that run no command: any pod may be lost.
_DEFAULT_NEEDS = Needs(cpu=None, memory=None, gpu=0, timeout=None, retries=USUAL_RETRIES)
_SUMMARY = "A DVC pipeline as a Metaflow flow. Do not edit: generate it with the command below."
_COMMANDS = (
    ("python FILE run", "on this machine"),
    ("python FILE run --with kubernetes", "run each task in a pod"),
    ("python FILE argo-workflows create", "deploy to Argo Workflows; then: trigger"),
    ("dvc-bridge sync NAME/RUN", "copy the results into dvc.lock and the workspace"),
    ("dvc-bridge flow -o FILE --check", "check that the flow still matches dvc.yaml"),
)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the flow.

    Parameters
    ----------
    groups
        For each task, the addresses of its stages.
    """

    groups: tuple[tuple[str, ...], ...]
    needs: Needs

    @property
    def wide(self) -> bool:
        """Whether the level has more than one task."""
        return len(self.groups) > 1


@dataclass(slots=True)
class _Step:
    name: str
    body: list[str]
    needs: Needs = _DEFAULT_NEEDS
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
    """Return the text of the flow.

    Parameters
    ----------
    name
        The name of the class.
    file
        The name of the flow's file.
    root
        The path of the project's folder, relative to the folder of the flow's file.
    shape
        The hash of the stages and their edges (`pipeline.ranges.shape`), which a run checks.
    words
        The arguments of the command that generates this text.
    alone
        Whether the stages upstream of the selected ones are left as they are.

    Raises
    ------
    UsageError
        The flow has more steps than Argo accepts.
    """
    steps = _steps(levels, alone=alone)
    check_step_count(len(steps), len(levels))
    text = "".join(
        [
            _docstring(name, file),
            f"# dvc-bridge flow {words}\n\n",
            *_imports(steps, levels),
            f"\nROOT = Path(__file__).resolve().parent{_root_suffix(root)}\n",
            f'SHAPE = "{shape}"  # hash of the stages and their edges\n',
            "# One line per task: its stages run one after the other or in parallel.\n",
            *_literal(levels),
            *_class(steps, name),
            f'\n\nif __name__ == "__main__":\n    {name}()\n',
        ]
    )
    return _sign(text)


def was_edited(text: str) -> bool:
    """Whether a text differs from what `flow_text` wrote, or is not such a text."""
    match = _SUM.search(text)
    return match is None or _sign(_SUM.sub("", text, count=1)) != text


def words_of(text: str) -> str | None:
    """Return the arguments of the command that wrote a text; None if it is not a flow text."""
    match = re.search(r"^# dvc-bridge flow ?(.*)$", text, re.MULTILINE)
    return match[1] if match and _SUM.search(text) else None


def _docstring(name: str, file: str) -> str:
    commands = [
        (c.replace("FILE", file).replace("NAME", name), comment) for c, comment in _COMMANDS
    ]
    width = max(len(command) for command, _ in commands)
    lines = [f"{command:{width}}  # {comment}\n" for command, comment in commands]
    return "".join([f'"""{_SUMMARY}\n\n', *lines, '"""\n'])


def _sign(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    command, line, rest = text.partition("# dvc-bridge flow")
    end = rest.index("\n") + 1
    return f"{command}{line}{rest[:end]}# sha256 of the rest: {digest}\n{rest[end:]}"


def _steps(levels: Sequence[Level], *, alone: bool) -> list[_Step]:
    options = "force=self.force, alone=True" if alone else "force=self.force"
    steps = [_Step("start", [f"self.dvc_run = begin_levels(ROOT, LEVELS, SHAPE, {options})"])]
    for number, level in enumerate(levels, 1):
        last = steps[-1]
        if level.wide:
            if last.joins:  # a Metaflow step cannot join and split
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
    return [*steps, _Step("end", ["self.dvc = told(self)"])]  # codespell:ignore told


def _imports(steps: Sequence[_Step], levels: Sequence[Level]) -> Iterator[str]:
    widest = max(len(level.groups) for level in levels)
    if widest > USUAL_SPLITS:
        yield "import os\n"
    yield "from pathlib import Path\n\n"
    used = {line.partition("(")[0][1:] for step in steps for line in _decorators(step.needs)}
    names = ["FlowSpec", "Parameter", *sorted({"card", "step", *used})]
    yield f"from metaflow import {', '.join(names)}\n\n"
    functions = "begin_levels, dvc_project, groups, told, work"  # codespell:ignore told
    yield f"from dvc_bridge.metaflow import {functions}\n"
    if widest > USUAL_SPLITS:
        yield "\n# Raise Metaflow's limit for the width of a foreach.\n"
        for command in ("RUN", "RESUME"):
            yield f'os.environ.setdefault("METAFLOW_{command}_MAX_NUM_SPLITS", "{widest}")\n'


def _root_suffix(root: str) -> str:
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
    yield '    """A DVC pipeline, run level by level."""\n\n'
    options = 'is_flag=True, default=False, help="run every stage again"'
    yield f'    force = Parameter("force", {options})\n'
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
    requests = {"cpu": needs.cpu, "memory": needs.memory, "gpu": needs.gpu or None}
    arguments = [f"{key}={value:g}" for key, value in requests.items() if value is not None]
    if arguments:
        yield f"@resources({', '.join(arguments)})"
    if needs.retries:
        yield f"@retry(times={needs.retries}, minutes_between_retries=0)"
    if needs.timeout:
        # Metaflow rejects shorter timeouts for pods.
        yield f"@timeout(seconds={max(60, needs.timeout)})"
