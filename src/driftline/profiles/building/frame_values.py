"""Values of a frame's column as JSON has them, whichever library holds them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from driftline.profiles.building.coded_values import CodedValues, coded_numbers, narrow
from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_EXACT: Final = float(1 << 53)
"""Whole numbers below it are floating-point numbers too."""


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


def packed_values(series: nw.Series[Any]) -> Sequence[object]:
    """Return what :func:`json_values` does, numbers, texts and truth values in few bytes each.

    Examples
    --------
    >>> import pyarrow as pa
    >>> packed_values(nw.from_native(pa.chunked_array([[7, None]]), series_only=True)) == [7, None]
    True
    """
    dtype = series.dtype
    if isinstance(dtype, nw.String | nw.Boolean):
        return coded_values(series)
    if dtype.is_float() or (dtype.is_integer() and not isinstance(dtype, nw.Int128)):
        numbers = floats(series)
        if dtype.is_float() or not (np.abs(numbers) >= _EXACT).any():
            return coded_numbers(numbers, whole=dtype.is_integer())
    return json_values(series)


def coded_values(series: nw.Series[Any]) -> CodedValues:
    """Return texts or truth values as JSON has them, by code."""
    arrow = _arrow(series)
    return CodedValues.of(json_values(series)) if arrow is None else _coded(arrow, lambda value: value)


def category_texts(series: nw.Series[Any]) -> CodedValues:
    """Return the categories of a column that its library calls categorical as the texts that events know them by.

    Examples
    --------
    >>> import pyarrow as pa
    >>> column = pa.chunked_array([pa.array([7.0, None, 2.5]).dictionary_encode()])
    >>> category_texts(nw.from_native(column, series_only=True)) == ["7", None, "2.5"]
    True
    """
    arrow = _arrow(series)
    return CodedValues.of(map(_text, json_values(series))) if arrow is None else _coded(arrow, _text)


def _text(value: object) -> object:
    plain = _plain(value)
    text = canonical_category(plain)
    return plain if text is None else text


def _arrow(series: nw.Series[Any]) -> Any:  # noqa: ANN401  # pyarrow publishes no types
    """Return an Arrow column, in chunks; None of a series of another library."""
    return series.to_native() if series.implementation.is_pyarrow() else None


def _coded(chunked: Any, meaning: Callable[[object], object]) -> CodedValues:  # noqa: ANN401
    """Return the values of an Arrow column by what each different one means."""
    places: dict[tuple[type, object], int] = {}
    parts = []
    for chunk in chunked.chunks:
        encoded = chunk if hasattr(chunk, "dictionary") else chunk.dictionary_encode()
        meanings = [*map(meaning, encoded.dictionary.to_pylist())]
        here = [
            -1 if value is None else places.setdefault((type(value), value), len(places)) for value in (*meanings, None)
        ]
        codes = np.asarray(encoded.indices.cast("int32").fill_null(len(meanings)).to_numpy(zero_copy_only=False))
        parts.append(narrow(np.array(here, dtype=np.int64), len(places))[codes])
    whole = np.concatenate([np.empty(0, dtype=np.int8), *parts])
    return CodedValues([value for _, value in places], whole)


def holds_json(values: Sequence[object]) -> bool:
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
