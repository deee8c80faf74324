"""One stage, in the steps that `dvc repro` takes, with the command left to the caller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from dvc.stage import PipelineStage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.run import _enforce_cmd_list, _make_cmd, get_executable, prepare_kwargs


class Step(Enum):
    """What a stage needs after its state has been looked at."""

    UNCHANGED = "unchanged"
    RECORDED = "recorded"
    RESTORED = "restored"
    COMMAND = "command"


@dataclass(frozen=True)
class Command:
    """The shells of one stage, to be started one after the other."""

    lines: list[str]
    argv: list[list[str]]
    cwd: str
    env: dict[str, str]


def begin(stage: Any, *, force: bool) -> Step:
    """Look at the stage and clear the way for its command; call with the repository locked.

    COMMAND: run `command(stage)`, then `finish`. RESTORED: the run cache had it, call `finish`.
    RECORDED: DVC has dealt with it (data, imports, frozen stages). UNCHANGED: nothing to do.
    """
    if not stage.cmd or stage.frozen:
        return Step.RECORDED if stage.reproduce(force=force) else Step.UNCHANGED
    if not force and not stage.changed():
        return Step.UNCHANGED
    stage.remove_outs(ignore_remove=False, force=False)
    if force:
        return Step.COMMAND
    try:
        stage.repo.stage_cache.restore(stage)
    except RunCacheNotFoundError:
        stage.save_deps()
        return Step.COMMAND
    return Step.RESTORED


def command(stage: Any) -> Command:
    """What to start for this stage, as DVC would start it."""
    kwargs = prepare_kwargs(stage)
    lines = _enforce_cmd_list(stage.cmd)
    executable = get_executable()
    return Command(
        lines, [_make_cmd(executable, line) for line in lines], kwargs["cwd"], kwargs["env"]
    )


def finish(stage: Any) -> None:
    """Hash and store what the command left, with its run-cache entry."""
    stage.save(run_cache=all(travels(out) for out in stage.outs))
    stage.commit()


def travels(out: Any) -> bool:
    """Whether DVC's run cache can hold the out: cached, or else a metric or plot."""
    return bool(out.use_cache or out.is_metric or out.is_plot)


def is_pipeline_stage(stage: Any) -> bool:
    """Whether it is a stage of a dvc.yaml, with an entry in dvc.lock."""
    return isinstance(stage, PipelineStage)
