#!/bin/bash
# Submits 4 stages in 3 jobs. Written by `dvc-bridge convert --kind slurm`.
# Usage: [RUN=name] bash this-script, on a login node, in a folder that nodes can write.
# The first jobs are held until all jobs are submitted; if one is refused, all are cancelled.
set -Eeuo pipefail
export DVC_BRIDGE_RUN=${RUN:-demo-$(date -u +%m%d-%H%M%S)}
folder=$PWD/slurm-$DVC_BRIDGE_RUN
mkdir -p "$folder/events" "$folder/logs"

cat >"$folder/job.sh" <<'END OF THE SCRIPT OF THE JOBS'
#!/bin/bash
# The jobs of run demo of dvc-bridge: each runs one task.
# Arguments: the number of the job, how often a task is retried, the megabytes and the seconds of
# each attempt (- if they do not change), and the references of its tasks.
# sbatch --chdir makes the folder of the run the current one.
folder=$PWD
python='/shared/my env/bin/python'
container=(apptainer exec --nv '/shared/my image.sif')
export DVC_BRIDGE_STORE='a'"'"'b "c" $(touch hacked) `touch hacked`
\'
export DVC_BRIDGE_REPO=/repo
job=$1 retries=$2
IFS=, read -ra memories <<<"$3"
IFS=, read -ra timeouts <<<"$4"
shift $((4 + ${SLURM_ARRAY_TASK_ID:-0}))
reference=$1
id=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
events=$folder/events/$job-${SLURM_ARRAY_TASK_ID:-0}
event() { printf '%s %(%s)T %s\n' "$1" -1 "$2" >>"$events"; }

# How many processes of this job the kernel has killed because the memory of the job was full.
kills() {
    local kind path file count all=0
    while IFS=: read -r _ kind path; do
        case $kind in
            '') file=/sys/fs/cgroup$path/memory.events ;;
            memory) file=/sys/fs/cgroup/memory$path/memory.oom_control ;;
            *) continue ;;
        esac
        count=$(sed -n 's/^oom_kill //p' "$file" 2>/dev/null)
        all=$((all + ${count:-0}))
    done </proc/self/cgroup
    echo $all
}
# Queue this job again, with the memory of the next attempt.
start_again() {
    local memory=${memories[grown + 1 < ${#memories[@]} ? grown + 1 : ${#memories[@]} - 1]}
    scontrol requeue "$id" || return
    [ "$memory" = - ] || scontrol update jobid="$id" minmemorynode="$memory"
    echo "the job is queued again, with more $1"
}

# The attempts that needed more memory or time than they had.
grown=$(grep -sc '^lacks ' "$events")
lost=$((${SLURM_RESTART_COUNT:-0} - grown))
if [ $lost -gt "$retries" ]; then
    echo "the job was lost or preempted $lost times, and retries is $retries"
    event lost 75
    exit 75
fi
event start "${SLURMD_NODENAME:-$HOSTNAME}"

# slurm.setup of dvc-bridge.yaml
module load python/3.11
# end of slurm.setup

base=${SCRATCH:?}'/dvc bridge'
if ! work=$(mktemp -d "${base:-/tmp}/dvc-bridge.XXXXXX"); then
    event end 75
    exit 75
fi
stopped=
trap 'stopped=1' TERM INT
trap 'cd /; rm -rf "$work"' EXIT
export TMPDIR=$work/tmp
if [ "${timeouts[0]}" != - ]; then
    export DVC_BRIDGE_TIMEOUT=${timeouts[grown < ${#timeouts[@]} ? grown : ${#timeouts[@]} - 1]}
fi
killed=$(kills)
try=0
while true; do
    [ -z "$stopped" ] || { event stopped 143; exit 143; }
    mkdir -p "$work/task" && cd "$work/task" || exit
    export DVC_BRIDGE_RETRIES=$(($(grep -c '^start ' "$events") - 1))
    # The worker and its commands are a process group, so that nothing of it stays behind.
    setsid "${container[@]}" "$python" -m dvc_bridge worker "$reference" &
    worker=$!
    # A signal ends `wait` before the worker has ended.
    until wait "$worker"; code=$?; ! kill -0 "$worker" 2>/dev/null; do :; done
    kill -KILL -- "-$worker" 2>/dev/null
    cd / && rm -rf "$work/task" "$work/tmp"
    [ -z "$stopped" ] || { event stopped $code; exit $code; }
    lacks=
    [ $code != 124 ] || [ "${timeouts[0]}" = - ] || lacks=time most=${#timeouts[@]}
    [ $code = 0 ] || [ "$(kills)" -le "$killed" ] || lacks=memory most=${#memories[@]}
    if [ -n "$lacks" ]; then
        event lacks $lacks
        [ $((grown + 1)) -ge "$most" ] || ! start_again $lacks || exit $code
        break
    fi
    case $code in 137|143|75) ;; *) break ;; esac
    [ $((try += 1)) -le "$retries" ] || break
    echo "exit code $code: the worker is started again, $try of $retries"
    [ $code != 75 ] || sleep 10 & wait $!
    event start "${SLURMD_NODENAME:-$HOSTNAME}"
done
event end $code
exit $code
END OF THE SCRIPT OF THE JOBS

jobs=()
trap '[ ${#jobs[@]} = 0 ] || scancel "${jobs[@]}"' ERR
submit() {
    local job
    job=$(sbatch --parsable --job-name="$DVC_BRIDGE_RUN" --chdir="$folder" --open-mode=append \
        --export=ALL --nodes=1 --ntasks=1 "$@")
    jobs+=("${job%%;*}")
}

# prep
submit --output=logs/0-0.log --hold --partition=cpu --cpus-per-task=1 --mem=1024M --requeue "$folder/job.sh" 0 1 - - 0:0

# 0: part@a
# 1: part@\n'b'
submit --output=logs/1-%a.log --array=0-1 --partition=cpu --cpus-per-task=1 --mem=1024M --requeue --kill-on-invalid-dep=yes --dependency="afterok:${jobs[0]}" "$folder/job.sh" 1 1 - - 1:1 2:2

# join
submit --output=logs/2-0.log --partition=cpu --gres=gpu:1 --time=2 --requeue --kill-on-invalid-dep=yes --dependency="afterok:${jobs[1]}" "$folder/job.sh" 2 2 - - 3:3

scontrol release "${jobs[0]}"
trap - ERR
echo "run $DVC_BRIDGE_RUN: ${#jobs[@]} jobs"
echo "when they have ended: dvc-bridge collect $DVC_BRIDGE_RUN"
