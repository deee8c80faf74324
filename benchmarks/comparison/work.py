"""The program that every task runs: `python -I -S work.py KIND AMOUNT OUT [INPUT ...]`.

It needs no package. An out is text that contains a digest of all inputs, so that outs are equal
only if everything upstream of them was done too.

Kinds: `fibo N` computes the N-th Fibonacci number by recursion, as Windmill's benchmark does;
`spin N` computes N times the SHA-256 of one MiB, without Python's global lock; `bytes N` writes N
bytes.

If an environment variable names a file, a finished task appends when it started and ended.
"""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

# A task that reads this file fails while its content is `closed`.
GATE = "gate.txt"
# The environment variable that names the file for the times of tasks.
TASKS = "COMPARISON_TASKS"
# A task that reads this file kills its worker once; the variable names a file that then exists.
KILL, KILLED = "kill.txt", "COMPARISON_KILLED"
_SHELLS = {"sh", "bash", "dash"}
_BLOCK = bytes(1 << 20)


def main(arguments: list[str]) -> int:
    """Do the work of one task, note when, and return the exit code."""
    start_s = time.monotonic()
    exit_code = work(arguments)
    if TASKS in os.environ and not exit_code:
        with Path(os.environ[TASKS]).open("a") as file:
            file.write(f"{start_s} {time.monotonic()}\n")
    return exit_code


def kill_worker_once(out: str) -> None:
    """End as if the worker died in the middle: half an out is there, and no process is.

    The worker is the process that started this command, apart from shells; or this process, if it
    is that of the toolchain. Only the first call does so, and only if a variable names a file that
    does not exist yet.
    """
    marker = Path(os.environ.get(KILLED, os.devnull))
    if marker.exists():
        return
    marker.touch()
    Path(out).write_text("half of")
    if __name__ == "__main__" and (worker := find_worker(os.getppid())):
        os.kill(worker, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def find_worker(pid: int) -> int:
    """Return the next process above that is no shell; 0 if it is the comparison itself."""
    while Path(f"/proc/{pid}/comm").read_text().strip() in _SHELLS:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    is_ours = b"supervise.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return 0 if is_ours or pid == 1 else pid


def work(arguments: list[str]) -> int:
    """Do the work of one task and return the exit code."""
    kind, amount, out, *inputs = arguments
    if GATE in inputs and Path(GATE).read_text().strip() == "closed":
        print(f"{GATE} is closed", file=sys.stderr)
        return 1
    if KILL in inputs:
        kill_worker_once(out)
    digest = hashlib.sha256()
    for path in inputs:
        with Path(path).open("rb") as file:
            while chunk := file.read(len(_BLOCK)):
                digest.update(chunk)
    state = digest.digest()
    if kind == "bytes":
        write_bytes(Path(out), state, int(amount))
        return 0
    if kind == "fibo":
        result = str(fibo(int(amount)))
    elif kind == "spin":
        result = spin(int(amount), state)
    else:
        print(f"unknown kind of work: {kind}", file=sys.stderr)
        return 2
    Path(out).write_text(f"{result} {state.hex()}\n")
    return 0


def write_bytes(path: Path, state: bytes, amount: int) -> None:
    """Write so many bytes that repeat the state, a block at a time."""
    block = state * (len(_BLOCK) // len(state))
    with path.open("wb") as file:
        for written in range(0, amount, len(block)):
            file.write(block[: amount - written])


def fibo(number: int) -> int:
    """Return a Fibonacci number, by plain recursion."""
    return number if number < 2 else fibo(number - 1) + fibo(number - 2)


def spin(blocks: int, state: bytes) -> str:
    """Hash a block of one MiB as often as asked; every round depends on the one before."""
    for _ in range(blocks):
        digest = hashlib.sha256(state)
        digest.update(_BLOCK)
        state = digest.digest()
    return state.hex()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
