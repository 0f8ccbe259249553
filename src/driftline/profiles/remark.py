"""Remarks on reference rows and profiles: sentences, some of which strict readers take for errors."""

from __future__ import annotations


class Contradiction(str):
    """A remark that says that rows contradict themselves, what they are used for, or what is configured.

    Other remarks are plain text: they inform, and nothing needs to be mended. ``--strict`` makes an error of this kind.

    Examples
    --------
    >>> remark = Contradiction("column `row` counts the rows: leave it out with `--drop row`")
    >>> isinstance(remark, str), isinstance("only 12 rows", Contradiction)
    (True, False)
    """

    __slots__ = ()


def column_remark(name: str, text: str) -> str:
    """Return a remark on a column, of the kind of its text."""
    return type(text)(f"column `{name}` {text}") if isinstance(text, Contradiction) else f"column `{name}` {text}"
