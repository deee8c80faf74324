"""Text from a repository, such as names and parameters, as literal text for GitHub.

Nothing in such a text may become markup, a mention, a workflow command or a terminal sequence.
"""

from __future__ import annotations

import string

from dvc_bridge.ui.visible_text import visible

# How many characters of one name, path or reason are shown.
MOST_CHARACTERS = 300
_PLAIN = frozenset(string.ascii_letters + string.digits + " ,-/=")
# GitHub's Markdown makes a link of an address of mail in one piece, entities included.
_ENTITIES = {"@": "<span>&#64;</span>"}


def code(text: str, limit: int = MOST_CHARACTERS) -> str:
    """Return a text as an HTML code element for Markdown; every special character is an entity.

    GitHub makes neither mentions nor links of the content of a code element.
    """
    return f"<code>{_entities(visible(text, limit))}</code>"


def _entities(text: str) -> str:
    return "".join(
        char if char in _PLAIN or not char.isascii() else _ENTITIES.get(char, f"&#{ord(char)};")
        for char in text
    )


def command_message(text: str) -> str:
    """Return the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """Return the value of a property of a workflow command, on one line."""
    return command_message(visible(text, MOST_CHARACTERS)).replace(":", "%3A").replace(",", "%2C")
