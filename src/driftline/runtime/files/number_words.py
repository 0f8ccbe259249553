"""Words that stand for missing and for infinite where the other cells of a column are numbers."""

from __future__ import annotations

import csv
import re
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MISSING_WORDS: Final = (
    *("NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NaN", "-NaN", "nan", "-nan", "NAN", "NULL", "Null", "null", "None"),
    *("NaT", "", "-"),
)
"""What data frames, databases and spreadsheets write where a number is missing."""
INFINITE_WORDS: Final = {
    f"{sign}{word}": f"{sign.replace('+', '')}inf"
    for sign in ("", "-", "+")
    for word in ("inf", "Inf", "INF", "Infinity", "infinity")
}
"""What they write where a number is infinite, and which of them it is."""
_WORDS: Final = frozenset((*MISSING_WORDS, *INFINITE_WORDS))
_TELLING: Final = _WORDS - {""}
_IS_PLAIN: Final = re.compile(r"\s*-?(?!0\d)(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*").fullmatch
"""Matches a plain number; one with a leading zero is none."""
_BLOCK: Final = 10_000


def number_columns(rows: Callable[[], Iterator[list[str]]]) -> frozenset[int]:
    """Return the numbers of the columns in which words mean missing or infinite: the other cells are plain numbers.

    Parameters
    ----------
    rows : callable
        Begins to read the cells of each row below the header; called once, and a second time where there are words.

    Examples
    --------
    >>> sorted(number_columns(lambda: iter([["1", "DE", "007"], ["NA", "NA", "NA"], ["-.5", "FR", "1"]])))
    [0]
    """
    try:
        found: set[int] = set()
        for columns in _blocks(rows()):
            found.update(i for i, column in enumerate(columns) if not _TELLING.isdisjoint(column))
        with_numbers: set[int] = set()
        for columns in _blocks(rows()) if found else ():
            for i in [*found]:
                cells = set(columns[i]) - _WORDS
                if all(map(_IS_PLAIN, cells)):
                    with_numbers.update([i] if cells else ())
                else:
                    found.remove(i)
    except (ValueError, csv.Error):  # rows of different lengths, or bytes that are no text: whoever reads them says so
        return frozenset()
    return frozenset(found & with_numbers)


def _blocks(rows: Iterator[list[str]]) -> Iterator[list[tuple[str, ...]]]:
    """Yield the columns of some rows at a time; an empty line is no row."""
    full = (row for row in rows if row)
    while block := [*islice(full, _BLOCK)]:
        yield [*zip(*block, strict=True)]


def word_meaning(text: str) -> str | None:
    """Return what a word beside numbers means: nothing, or an infinity as events may have it; other texts stay."""
    if text in MISSING_WORDS:
        return None
    sign = INFINITE_WORDS.get(text)
    return text if sign is None else sign.replace("inf", "Infinity")
