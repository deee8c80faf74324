"""`python -m dvc_bridge` is `dvc-bridge`."""

from dvc_bridge.cli import run

if __name__ == "__main__":
    run()
