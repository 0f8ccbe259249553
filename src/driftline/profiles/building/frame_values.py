"""Values of a frame's column as JSON has them, whichever library holds them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from numpy.typing import NDArray


def floats(series: nw.Series[Any]) -> NDArray[np.float64]:
    """Return numbers of any type, shape (n,), not-a-number where one is missing.

    Integers beyond 2^53 become the nearest floating-point number, which some libraries refuse in a cast.
    """
    dtype = series.dtype
    if not dtype.is_integer() or isinstance(dtype, nw.Int128):  # for which NumPy has no type
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    absent = series.is_null()
    numbers = np.asarray((series.fill_null(0) if absent.any() else series).to_numpy()).astype(np.float64)
    numbers[absent.to_numpy().astype(np.bool_)] = np.nan
    return numbers


def json_values(series: nw.Series[Any]) -> list[object]:
    """Return values as JSON has them, None where one is missing; decimals become floating-point numbers.

    What JSON has no value for, such as a date, stays what it is.

    Examples
    --------
    >>> import pyarrow as pa
    >>> json_values(nw.from_native(pa.chunked_array([[Decimal("1.5"), None]]), series_only=True))
    [1.5, None]
    """
    absent, values = series.is_null(), series.to_list()
    if not isinstance(series.dtype, nw.String | nw.Boolean) and not series.dtype.is_integer():
        values = list(map(_plain, values))
    if not absent.any():
        return values
    return [None if missing else value for missing, value in zip(absent.to_list(), values, strict=True)]


def category_texts(series: nw.Series[Any]) -> list[object]:
    """Return the categories of a column that its library calls categorical as the texts that events know them by.

    Examples
    --------
    >>> import pyarrow as pa
    >>> column = pa.chunked_array([pa.array([7.0, None, 2.5]).dictionary_encode()])
    >>> category_texts(nw.from_native(column, series_only=True))
    ['7', None, '2.5']
    """
    texts = [value if (text := canonical_category(value)) is None else text for value in json_values(series)]
    return list(texts)


def holds_json(values: list[object]) -> bool:
    """Return whether values are texts, numbers or truth values, at least one of those that are not missing.

    Examples
    --------
    >>> holds_json([None, 1]), holds_json([None, 1j]), holds_json([None])
    (True, False, True)
    """
    present = [value for value in values if value is not None]
    return not present or any(isinstance(value, str | bool | int | float) for value in present)


def type_name(series: nw.Series[Any]) -> str:
    """Return what a column's values are called: the frame's type, or where it has none of its own that of Python."""
    if isinstance(series.dtype, nw.Object | nw.Unknown):
        first = next((value for value in json_values(series) if value is not None), None)
        return type(first).__name__
    return str(series.dtype)


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        value = float(value)
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124  # not-a-number is missing
