"""`python -m serving`: serve the bundle that the environment names (serving/settings.py)."""

from __future__ import annotations

import logging
import os
import sys

from .errors import ServingError
from .lifecycle import Server
from .settings import read_settings


def main() -> int:
    """Serve until told to stop; 0 after that, 2 if the settings or the bundle are refused."""
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.WARNING)
    try:
        server = Server(read_settings(os.environ))
    except ServingError as error:
        print(error, file=sys.stderr)
        return 2
    server.run()
    return 2 if server.failed else 0


if __name__ == "__main__":
    sys.exit(main())
