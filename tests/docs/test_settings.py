"""The page of settings and the JSON schema are what the tables of keys say."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import REPOSITORY


def test_the_page_of_settings_and_the_schema_are_what_the_tables_say() -> None:
    command = [sys.executable, "docs/tools/settings.py", "--check"]
    checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
