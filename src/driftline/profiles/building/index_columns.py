"""The row index that data frames write beside the columns: no feature, and nothing that events have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.building.coded_values import NumberValues, different
from driftline.profiles.building.stored_columns import some_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from driftline.profiles.building.coded_values import Values

_NAMED_BY_LIBRARY: Final = re.compile(r"|Unnamed: \d+(_level_\d+)?|__index_level_\d+__")
"""How an index without a name is called in CSV files, in CSV files that were read and written again, and in Parquet."""
_USUAL: Final = frozenset({"index", "level_0", "row_nr", "rownames"})
"""Names under which a data frame has its index as a column; they may also be a feature's."""
_FEWEST: Final = 2
"""Rows from which numbers can be seen to count."""


def index_remark(name: str, values: Values) -> str | None:
    """Return the remark on a column that is a table's row index, or None where it is something else.

    Parameters
    ----------
    name : str
        One that libraries give to an index is enough; one that is merely usual needs values that count.
    values : ndarray or sequence, shape (n,)

    Examples
    --------
    >>> index_remark("index", np.arange(3.0))
    'column `index` numbers the rows, as data frames write their index: it is left out'
    >>> index_remark("index", np.array([7.0, 7.0, 3.0]))
    """
    if not name.strip():
        return (
            "a column without a name is left out, as data frames write their row index so: name it in the table to "
            "keep it"
        )
    if _NAMED_BY_LIBRARY.fullmatch(name):
        return f"column `{name}` is the row index, as data frames write it: it is left out"
    if name in _USUAL and counts_rows(values):
        return f"column `{name}` numbers the rows, as data frames write their index: it is left out"
    return None


def without_indexes(
    features: Mapping[str, Values], configured: Collection[str]
) -> tuple[Mapping[str, Values], dict[str, str]]:
    """Return the features that are no row index, and the remark on each of the others by its name.

    Those that are ``configured`` are never taken for one.
    """
    suspects = [name for name in features if may_be_index(name) and name not in configured]
    remarks = {name: index_remark(name, features[name]) for name in suspects}
    indexes = {name: remark for name, remark in remarks.items() if remark is not None}
    return some_of(features, [name for name in features if name not in indexes]), indexes


def may_be_index(name: str) -> bool:
    """Return whether a row index may be called so."""
    return not name.strip() or name in _USUAL or bool(_NAMED_BY_LIBRARY.fullmatch(name))


def counts_rows(values: Values, fewest: int = _FEWEST) -> bool:
    """Return whether values number their rows: whole numbers that grow with each row, or that skip none in any order.

    Examples
    --------
    >>> counts_rows(np.array([3.0, 7.0, 8.0])), counts_rows([2, 0, 1]), counts_rows([1, 5, 2])
    (True, True, False)
    """
    numbers = whole_numbers(values)
    if numbers is None or numbers.size < fewest or np.isnan(numbers).any():
        return False
    if bool((np.diff(numbers) > 0).all()):
        return True
    return bool(numbers.max() - numbers.min() == numbers.size - 1) and np.unique(numbers).size == numbers.size


def whole_numbers(values: Values) -> NDArray[np.float64] | None:
    """Return values as whole numbers, shape (n,), not-a-number where one is missing; None where some are others.

    Examples
    --------
    >>> whole_numbers([1, None, 3]), whole_numbers([1, "a"]), whole_numbers(np.array([0.5]))
    (array([ 1., nan,  3.]), None, None)
    """
    if isinstance(values, np.ndarray):
        numbers = values
    elif isinstance(values, NumberValues):
        if not values.whole:
            return None
        numbers = values.numbers
    else:
        if not all(
            value is None or (isinstance(value, int) and not isinstance(value, bool)) for value in different(values)
        ):
            return None
        try:
            numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        except OverflowError:  # an integer beyond 1.8e308 numbers nothing
            return None
    present = numbers[~np.isnan(numbers)]
    return numbers if bool(np.isfinite(present).all()) and bool((present == np.rint(present)).all()) else None
