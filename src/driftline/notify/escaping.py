"""Makes texts of alerts harmless where they are shown: names of models and columns are data that anybody may send."""

from __future__ import annotations

import html
import json
import re
from typing import Final
from urllib.parse import quote

_ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL: Final = re.compile("[\x00-\x20\x7f-\xa0\u2028\u2029]+")
_HIDDEN: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_ZERO_WIDTH_SPACE: Final = "\u200b"
_MARKUP: Final = {
    "<": "\u2039",
    ">": "\u203a",
    "`": "'",
    "@": f"@{_ZERO_WIDTH_SPACE}",
    "](": f"]{_ZERO_WIDTH_SPACE}(",
}
_MARKUP_PATTERN: Final = re.compile(r"[<>`@]|\]\(")


def plain(text: object, limit: int = 4_000) -> str:
    r"""Return a text as one line of visible characters, at most ``limit`` of them.

    Sequences that control a terminal, control characters, line breaks, and characters that are invisible or turn the
    direction of the text are gone: a name can neither end a header, nor move a cursor, nor read backwards.

    Examples
    --------
    >>> plain("a\x1b[31mred\x1b[0m\r\nBcc: b")
    'ared Bcc: b'
    >>> plain("income", 4)
    'inc…'
    """
    return one_line(_HIDDEN.sub("", _ESCAPE_SEQUENCE.sub("", str(text))), limit)


def one_line(text: str, limit: int) -> str:
    r"""Return a text that is made of harmless parts as one line of at most ``limit`` characters.

    Examples
    --------
    >>> one_line("a\n b", 10)
    'a b'
    """
    shown = _CONTROL.sub(" ", text).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def for_chat(text: str) -> str:
    r"""Return a text that no chat service reads as a mention, a link or code.

    Slack's ``<!channel>`` and ``<url|text>``, mentions with ``@``, Markdown's links and code; whichever service it is.
    Angle brackets become single quotation marks of that shape.

    Examples
    --------
    >>> for_chat("<!channel> [here](http://x)").encode("ascii", "backslashreplace").decode()
    '\\u2039!channel\\u203a [here]\\u200b(http://x)'
    """
    return _MARKUP_PATTERN.sub(lambda found: _MARKUP[found[0]], text)


def for_html(text: str) -> str:
    """Return a text for HTML, in elements and in quoted attributes.

    Examples
    --------
    >>> for_html('<img src="x">')
    '&lt;img src=&quot;x&quot;&gt;'
    """
    return html.escape(text, quote=True)


def for_json(text: str) -> str:
    r"""Return a text as it stands between the quotes of a JSON string.

    Examples
    --------
    >>> for_json('a"b\n')
    'a\\"b\\n'
    """
    return json.dumps(text, ensure_ascii=False)[1:-1]


def for_url(text: str) -> str:
    """Return a text as a part of a URL's path or query.

    Examples
    --------
    >>> for_url("a/b&c")
    'a%2Fb%26c'
    """
    return quote(text, safe="")


def unchanged(text: str) -> str:
    """Return a text as it is, where plain text is shown."""
    return text
