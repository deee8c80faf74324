"""Find phrases that this project does not use: `python docs/tools/phrases.py PATH...`.

codespell checks single words (docs/tools/words.txt); this checks what it cannot: phrases, also
over a line break, and how docstrings begin. Lines of code blocks are not read.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PHRASES = Path(__file__).with_name("phrases.txt")
# Files that name the phrases.
OWN = ("docs/tools/phrases.txt", "docs/tools/words.txt", "test_prose.py")
SUFFIXES = (".md", ".py", ".toml", ".yaml", ".yml", ".cfg", ".txt")


def read_phrases(text: str) -> list[tuple[re.Pattern[str], str]]:
    """Read lines of the form `regular expression -> what to write`; blanks match line breaks."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    pairs = (line.split(" -> ", 1) for line in lines)
    return [
        (re.compile(regex.replace(" ", r"\s+(?:#\s*)?"), re.IGNORECASE | re.MULTILINE), better)
        for regex, better in pairs
    ]


def findings(
    text: str, phrases: Sequence[tuple[re.Pattern[str], str]]
) -> Iterator[tuple[int, str]]:
    """Yield the line (from 1) and a message for each phrase in `text`."""
    for pattern, better in phrases:
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield line, f"{' '.join(match[0].replace('#', ' ').split())!r}: {better}"


def without_code_blocks(text: str) -> str:
    """Blank fenced blocks of Markdown, so that line numbers stay."""
    return re.sub(
        r"^( *)```.*?^\1```",
        lambda m: "\n" * m[0].count("\n"),
        text,
        flags=re.DOTALL | re.MULTILINE,
    )


def files(paths: Sequence[str]) -> list[Path]:
    """Return the text files below `paths` that git knows or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    found = [Path(name) for name in names if name.endswith(SUFFIXES) and not name.endswith(OWN)]
    return [path for path in found if path.is_file()]


def main(paths: Sequence[str]) -> int:
    """Print every finding and return 1 if there is one."""
    phrases = read_phrases(PHRASES.read_text(encoding="utf-8"))
    count = 0
    for path in files(paths):
        text = path.read_text(encoding="utf-8", errors="replace")
        text = without_code_blocks(text) if path.suffix == ".md" else text
        for line, message in sorted(findings(text, phrases)):
            print(f"{path}:{line}: {message}")
            count += 1
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
