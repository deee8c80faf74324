"""The script of the jobs of a run, which starts a worker.

All jobs of an attempt have the same script. What differs between jobs is in its arguments: the
number of the job, the retries, the memory and the time of each attempt, and the references of the
tasks, of which an array takes the one at its index. Paths and words of the settings are quoted;
`setup` is the user's own shell.

A task that needs more memory or time than its attempt has requeues its own job, with the values of
the next attempt. The controller then carries the run on, and jobs that wait for this one go on
waiting. Users may not raise the time limit of a job, so the worker limits its time itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.pipeline.slurm_settings import SlurmSettings, folder_parts
from dvc_bridge.remote_run.worker_contract import (
    KILLED,
    OUT_OF_TIME,
    RETRIES,
    TIMEOUT,
    TRY_AGAIN,
)

# The pause before a worker is started again after a fault of the storage.
PAUSE_S = 10

_SCRIPT = """\
#!/bin/bash
# The jobs of run {run} of dvc-bridge: each runs one task.
# Arguments: the number of the job, how often a task is retried, the megabytes and the seconds of
# each attempt (- if they do not change), and the references of its tasks.
# sbatch --chdir makes the folder of the run the current one.
folder=$PWD
python={python}
container=({container})
{exports}
job=$1 retries=$2
IFS=, read -ra memories <<<"$3"
IFS=, read -ra timeouts <<<"$4"
shift $((4 + ${{SLURM_ARRAY_TASK_ID:-0}}))
reference=$1
id=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}
events=$folder/events/$job-${{SLURM_ARRAY_TASK_ID:-0}}
event() {{ printf '%s %(%s)T %s\\n' "$1" -1 "$2" >>"$events"; }}

# How many processes of this job the kernel has killed because the memory of the job was full.
kills() {{
    local kind path file count all=0
    while IFS=: read -r _ kind path; do
        case $kind in
            '') file=/sys/fs/cgroup$path/memory.events ;;
            memory) file=/sys/fs/cgroup/memory$path/memory.oom_control ;;
            *) continue ;;
        esac
        count=$(sed -n 's/^oom_kill //p' "$file" 2>/dev/null)
        all=$((all + ${{count:-0}}))
    done </proc/self/cgroup
    echo $all
}}
# Queue this job again, with the memory of the next attempt.
start_again() {{
    local memory=${{memories[grown + 1 < ${{#memories[@]}} ? grown + 1 : ${{#memories[@]}} - 1]}}
    scontrol requeue "$id" || return
    [ "$memory" = - ] || scontrol update jobid="$id" minmemorynode="$memory"
    echo "the job is queued again, with more $1"
}}

# The attempts that needed more memory or time than they had.
grown=$(grep -sc '^lacks ' "$events")
lost=$((${{SLURM_RESTART_COUNT:-0}} - grown))
if [ $lost -gt "$retries" ]; then
    echo "the job was lost or preempted $lost times, and retries is $retries"
    event lost {try_again}
    exit {try_again}
fi
event start "${{SLURMD_NODENAME:-$HOSTNAME}}"

{setup}
base={base}
if ! work=$(mktemp -d "${{base:-/tmp}}/dvc-bridge.XXXXXX"); then
    event end {try_again}
    exit {try_again}
fi
stopped=
trap 'stopped=1' TERM INT
trap 'cd /; rm -rf "$work"' EXIT
export TMPDIR=$work/tmp
if [ "${{timeouts[0]}}" != - ]; then
    export {timeout}=${{timeouts[grown < ${{#timeouts[@]}} ? grown : ${{#timeouts[@]}} - 1]}}
fi
killed=$(kills)
try=0
while true; do
    [ -z "$stopped" ] || {{ event stopped 143; exit 143; }}
    mkdir -p "$work/task" && cd "$work/task" || exit
    export {retries_variable}=$(($(grep -c '^start ' "$events") - 1))
    # The worker and its commands are a process group, so that nothing of it stays behind.
    setsid "${{container[@]}}" "$python" -m {module} "$reference" &
    worker=$!
    # A signal ends `wait` before the worker has ended.
    until wait "$worker"; code=$?; ! kill -0 "$worker" 2>/dev/null; do :; done
    kill -KILL -- "-$worker" 2>/dev/null
    cd / && rm -rf "$work/task" "$work/tmp"
    [ -z "$stopped" ] || {{ event stopped $code; exit $code; }}
    lacks=
    [ $code != {out_of_time} ] || [ "${{timeouts[0]}}" = - ] || lacks=time most=${{#timeouts[@]}}
    [ $code = 0 ] || [ "$(kills)" -le "$killed" ] || lacks=memory most=${{#memories[@]}}
    if [ -n "$lacks" ]; then
        event lacks $lacks
        [ $((grown + 1)) -ge "$most" ] || ! start_again $lacks || exit $code
        break
    fi
    case $code in {codes}) ;; *) break ;; esac
    [ $((try += 1)) -le "$retries" ] || break
    echo "exit code $code: the worker is started again, $try of $retries"
    [ $code != {try_again} ] || sleep {pause} & wait $!
    event start "${{SLURMD_NODENAME:-$HOSTNAME}}"
done
event end $code
exit $code
"""


@dataclass(frozen=True, slots=True)
class ScriptSpec:
    """What the script of an attempt depends on.

    Parameters
    ----------
    python
        The interpreter of the workers.
    variables
        Environment variables that the script sets; others come from the environment of sbatch.
    module
        The module of the worker, and its first argument.
    """

    run: str
    python: str
    slurm: SlurmSettings
    variables: Mapping[str, str]
    module: str = "dvc_bridge worker"


def job_script(spec: ScriptSpec) -> str:
    """Return the text of the script."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in spec.variables.items()]
    return _SCRIPT.format(
        run=spec.run,
        python=shlex.quote(spec.python),
        module=spec.module,
        container=_words(spec.slurm.container),
        exports="\n".join(exports),
        setup=_setup(spec.slurm.setup),
        base=_base(spec.slurm.work_dir),
        codes="|".join(map(str, (*KILLED, TRY_AGAIN))),
        try_again=TRY_AGAIN,
        out_of_time=OUT_OF_TIME,
        timeout=TIMEOUT,
        retries_variable=RETRIES,
        pause=PAUSE_S,
    )


def _words(words: Sequence[str]) -> str:
    return " ".join(map(shlex.quote, words))


def _setup(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return "\n".join(("# slurm.setup of dvc-bridge.yaml", *lines, "# end of slurm.setup", ""))


def _base(work_dir: str) -> str:
    if not work_dir:
        return "${SLURM_TMPDIR:-${TMPDIR:-}}"
    variable, path = folder_parts(work_dir)
    return (f"${{{variable}:?}}" if variable else "") + shlex.quote(path)
