"""Which character stands between the cells of a CSV file: found in its header and first rows."""

from __future__ import annotations

import csv
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Final

from driftline.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEPARATORS: Final = (",", ";", "\t", "|")
_ROWS: Final = 20
"""Rows that are looked at, the header among them."""


def separator_of(text: str) -> str:
    r"""Return the separator by which the first rows have as many cells as the header, and most of them.

    Where none does, it is the one that makes most cells of the header; a file of one column has a comma.

    Parameters
    ----------
    text : str
        The beginning of the file, of whole lines.

    Examples
    --------
    >>> separator_of("name;fee\na;1,5\nb;2,25\n"), separator_of("a|b\n1|2\n"), separator_of("a\n1\n")
    (';', '|', ',')
    """
    found = {separator: [len(row) for _, row in islice(rows_of(text, separator), _ROWS)] for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: _fit(found[separator]))


def rows_of(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV text that are not empty, each with the line that it begins in.

    Raises
    ------
    ProfileError
        When a cell is larger than 128 KiB: a quotation mark was probably left open.
    """
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    start = 1
    try:
        for row in reader:
            if row:
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        message = f"the row that begins in line {start} cannot be read ({error}): is a quotation mark left open?"
        raise ProfileError(message) from error


def _fit(n_cells: list[int]) -> tuple[bool, int]:
    """Return how well a separator fits: whether all rows are alike, and the cells of the header."""
    if not n_cells:
        return False, 0
    return n_cells[0] > 1 and len(set(n_cells)) == 1, n_cells[0]
