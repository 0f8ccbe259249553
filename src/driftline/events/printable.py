"""Texts that records hold, as they can be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return a text on one line: values of records may hold line breaks and what terminals obey.

    Examples
    --------
    >>> print(printable("a\nb\x1b[31m"))
    a\nb\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
