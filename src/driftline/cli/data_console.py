"""Consoles for data: what they print may come from anybody who writes predictions, and must not command a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType

UNSEEN: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\U000e0000-\U000e007f]"
)
"""Control characters but line breaks, and characters that are invisible or turn the direction of the text."""
_LAST_OF_BASIC_PLANE: Final = 0xFFFF
"""Characters beyond it are written as a pair of surrogates."""


def escaped(text: str) -> str:
    r"""Return a text whose control characters and invisible ones are shown, as Python and JSON write them.

    Examples
    --------
    >>> escaped("a\x1b[31m\u202ec")
    'a\\x1b[31m\\u202ec'
    """
    return UNSEEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < ord(" "):
        return f"\\x{code:02x}"
    if code <= _LAST_OF_BASIC_PLANE:
        return f"\\u{code:04x}"
    return "".join(f"\\u{half:04x}" for half in (0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code & 0x3FF)))


class DataConsole(Console):
    """A console on which names and texts of events command no terminal, and do not read backwards.

    Anybody who writes predictions may choose them. What is JSON stays JSON with the same content.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render with :func:`escaped` texts."""
        for segment in super().render(renderable, options):
            if segment.control is None and UNSEEN.search(segment.text):
                yield Segment(escaped(segment.text), segment.style)
            else:
                yield segment
