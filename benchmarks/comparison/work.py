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
import sys
import time
from pathlib import Path

# A task that reads this file fails while its content is `closed`.
GATE = "gate.txt"
# The environment variable that names the file for the times of tasks.
TASKS = "COMPARISON_TASKS"
_BLOCK = bytes(1 << 20)


def main(arguments: list[str]) -> int:
    """Do the work of one task, note when, and return the exit code."""
    start_s = time.monotonic()
    exit_code = work(arguments)
    if TASKS in os.environ and not exit_code:
        with Path(os.environ[TASKS]).open("a") as file:
            file.write(f"{start_s} {time.monotonic()}\n")
    return exit_code


def work(arguments: list[str]) -> int:
    """Do the work of one task and return the exit code."""
    kind, amount, out, *inputs = arguments
    if GATE in inputs and Path(GATE).read_text().strip() == "closed":
        print(f"{GATE} is closed", file=sys.stderr)
        return 1
    digest = hashlib.sha256()
    for path in inputs:
        digest.update(Path(path).read_bytes())
    state = digest.digest()
    if kind == "bytes":
        Path(out).write_bytes((state * (int(amount) // len(state) + 1))[: int(amount)])
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
