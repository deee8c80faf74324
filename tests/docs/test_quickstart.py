"""The quickstart works when a reader pastes it, and prints what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.docs.blocks import Block, blocks

PAGE = REPOSITORY / "docs" / "quickstart.md"
_MARK = " end of block "


def test_every_command_of_the_quickstart_works_and_prints_what_the_page_shows(
    tmp_path: Path,
) -> None:
    shown = blocks(PAGE)
    commands = [n for n, block in enumerate(shown) if _is_to_run(block)]
    script = f"\necho '{_MARK}'\n".join(shown[n].text for n in commands)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
    }
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    printed = ran.stdout.split(f"{_MARK}\n")
    for number, output in zip(commands, printed, strict=True):
        after = shown[number + 1] if number + 1 < len(shown) else None
        if after and after.language == "text":
            missing = Counter(_lines(after.text)) - Counter(_lines(output))
            assert not missing, f"line {after.line} of {PAGE}; printed:\n{output}"


def _is_to_run(block: Block) -> bool:
    return block.language == "bash" and "pip install" not in block.text


def _lines(text: str) -> list[str]:
    """Return the lines without numbers of seconds, which differ from run to run."""
    return [re.sub(r"\d+\.\d+", "N", line.rstrip()) for line in text.splitlines() if line.strip()]
