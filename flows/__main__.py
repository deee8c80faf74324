"""`python -m flows STAGE`: run one stage in the current folder, as dvc.yaml does."""

from __future__ import annotations

import sys
from pathlib import Path

from .dep_check import check_deps
from .errors import StageError
from .params import read_params
from .pipeline import run_stage


def main(argv: list[str]) -> int:
    """Run the stage that `argv` names and return the exit code: 1 if the stage fails."""
    if len(argv) != 1:
        print("usage: python -m flows STAGE, for example train@hgb", file=sys.stderr)
        return 2
    root = Path.cwd()
    try:
        params = read_params(root / "params.yaml")
        check_deps(root, argv[0], params)
        run_stage(root, params, argv[0])
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as in a shell
    except StageError as error:
        error.stage = argv[0]
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
