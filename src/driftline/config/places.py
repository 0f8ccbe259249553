"""Where a setting stands: its path in the configuration, and the line, variable or option it came from."""

from __future__ import annotations

import re
from typing import Final

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_LAST_PART: Final = re.compile(r"(\.[A-Za-z0-9_-]+|\[(\d+|\".*?\")\])$")


def child(path: str, key: object) -> str:
    """Return the path of a key below ``path``.

    Examples
    --------
    >>> child("$.models", "credit-risk")
    '$.models.credit-risk'
    >>> child("$.models", "a.b")
    '$.models["a.b"]'
    """
    text = str(key)
    return f"{path}.{text}" if _PLAIN_NAME.fullmatch(text) else f'{path}["{text}"]'


def item(path: str, index: int) -> str:
    """Return the path of a list's element."""
    return f"{path}[{index}]"


def with_origin(message: str, path: str, origins: dict[str, str]) -> str:
    """Return a message with the origin of its path, or of the nearest section above it, behind it.

    Examples
    --------
    >>> with_origin("Expected ... at `$.time.pane`", "$.time.pane", {"$.time": "line 7"})
    'Expected ... at `$.time.pane` (line 7)'
    """
    while path not in origins:
        above = _LAST_PART.sub("", path)
        if above == path:
            return message
        path = above
    return f"{message} ({origins[path]})"
