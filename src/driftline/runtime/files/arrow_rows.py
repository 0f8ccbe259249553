"""Rows of a batch of Arrow columns as plain values of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows_of(batch: Any) -> Iterator[tuple[object, ...]]:  # noqa: ANN401  # pyarrow publishes no types
    """Yield the rows of a record batch, cells in the order of the columns; times to the microsecond."""
    columns = [_values(batch.column(index)) for index in range(batch.num_columns)]
    yield from zip(*columns, strict=True)


def _values(column: Any) -> list[object]:  # noqa: ANN401  # pyarrow publishes no types
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    values: list[Any] = column.to_pylist()
    if pa.types.is_map(kind):
        return [None if value is None else dict(value) for value in values]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [None if value is None else value.decode("utf-8", "backslashreplace") for value in values]
    if pa.types.is_floating(kind):
        return [None if value is None or value != value else _finite(value) for value in values]  # noqa: PLR0124
    return values


def _finite(value: float) -> object:
    """Return a number, or the text that stands for one that JSON cannot say."""
    if value in {float("inf"), float("-inf")}:
        return "Infinity" if value > 0 else "-Infinity"
    return value
