"""The submission of a run as one script that users read and start themselves."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.engines.slurm.job_options import megabytes, resource_options
from dvc_bridge.engines.slurm.job_script import ScriptSpec, job_script
from dvc_bridge.engines.slurm.jobs import Job, JobTask, group_jobs
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.remote_run.worker_contract import RUN

# SLURM's default of MaxArraySize is 1001; the script may run at another site than it is made.
ARRAY_SIZE = 1000
_HEAD = """\
#!/bin/bash
# Submits {stages} stages in {count} jobs. Written by `dvc-bridge convert --kind slurm`.
# Usage: [RUN=name] bash this-script, on a login node, in a folder that nodes can write.
# The first jobs are held until all jobs are submitted; if one is refused, all are cancelled.
set -Eeuo pipefail
export {run_variable}=${{RUN:-{name}-$(date -u +%m%d-%H%M%S)}}
folder=$PWD/slurm-${run_variable}
mkdir -p "$folder/events" "$folder/logs"

cat >"$folder/job.sh" <<'END OF THE SCRIPT OF THE JOBS'
{script}END OF THE SCRIPT OF THE JOBS

jobs=()
trap '[ ${{#jobs[@]}} = 0 ] || scancel "${{jobs[@]}}"' ERR
submit() {{
    local job
    job=$(sbatch --parsable --job-name="${run_variable}" --chdir="$folder" --open-mode=append \\
        --export=ALL --nodes=1 --ntasks=1 "$@")
    jobs+=("${{job%%;*}}")
}}
"""
_TAIL = """
scontrol release {held}
trap - ERR
echo "run ${run_variable}: ${{#jobs[@]}} jobs"
echo "when they have ended: dvc-bridge collect ${run_variable}"
"""


def submission_script(
    tasks: Sequence[TaskSpec], *, name: str, variables: Mapping[str, str], settings: Settings
) -> str:
    """Return the text of the script.

    Parameters
    ----------
    name
        The beginning of the names of its runs.
    variables
        The environment of the workers, without secrets; the name of the run is not used.
    """
    slurm = settings.slurm
    jobs = group_jobs([_job_task(task, settings) for task in tasks], ARRAY_SIZE)
    others = {key: value for key, value in variables.items() if key != RUN}
    spec = ScriptSpec(name, slurm.python or "python3", slurm, others)
    head = _HEAD.format(
        stages=sum(len(task.stages) for task in tasks),
        count=len(jobs),
        name=name,
        run_variable=RUN,
        script=job_script(spec),
    )
    stages = {task.number: task.stages for task in tasks}
    held = " ".join(f'"${{jobs[{job.number}]}}"' for job in jobs if not job.waits)
    body = [line for job in jobs for line in _submission(job, stages)]
    return head + "\n".join(body) + "\n" + _TAIL.format(held=held, run_variable=RUN)


def _job_task(task: TaskSpec, settings: Settings) -> JobTask:
    return JobTask(
        task.number,
        task.reference,
        task.upstream,
        task.after,
        resource_options(task.resources, task.timeout_s, settings.slurm),
        task.resources.retries,
        tuple(map(megabytes, task.resources.memories)),
        task.timeouts_s,
    )


def _submission(job: Job, stages: Mapping[TaskNumber, Sequence[str]]) -> Iterator[str]:
    """Yield the lines that submit a job."""
    yield ""
    for index, task in sorted(job.tasks.items()):
        names = ", ".join(
            address.encode("unicode_escape").decode() for address in stages[task.number]
        )
        yield f"# {index}: {names}" if job.is_array else f"# {names}"
    options = [f"--output=logs/{job.number}-{'%a' if job.is_array else 0}.log"]
    if job.is_array:
        options.append(f"--array={job.array()}")
    if not job.waits:
        options.append("--hold")
    words = [*options, *job.options]
    text = " ".join(map(shlex.quote, words))
    if job.waits:
        ids = [f"${{jobs[{number}]}}" for number in range(job.number)]
        text += f' --kill-on-invalid-dep=yes --dependency="{job.dependency(ids)}"'
    arguments = " ".join(map(shlex.quote, job.arguments()))
    yield f'submit {text} "$folder/job.sh" {arguments}'
