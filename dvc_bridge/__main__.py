"""`python -m dvc_bridge` is `dvc-bridge`."""

import sys

from dvc_bridge.cli import main

if __name__ == "__main__":
    sys.exit(main())
