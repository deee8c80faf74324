"""`python -m flows.stages NAME`: run one stage in this folder, as dvc.yaml does."""

from __future__ import annotations

import sys
from pathlib import Path

from .errors import StageError
from .params import read_params
from .run import run_stage
from .wiring import check_deps


def main(argv: list[str]) -> int:
    """Run the stage named by `argv`; 1 if it refuses, with every problem on stderr."""
    if len(argv) != 1:
        print("usage: python -m flows.stages STAGE, for example train@hgb", file=sys.stderr)
        return 2
    root = Path.cwd()
    try:
        params = read_params(root / "params.yaml")
        check_deps(root, argv[0], params)
        run_stage(root, params, argv[0])
    except KeyboardInterrupt:
        return 130  # as a shell says it
    except StageError as error:
        error.stage = argv[0]
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
