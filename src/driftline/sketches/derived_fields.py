"""Features whose columns are made of their values: embeddings from lists of numbers, and dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from msgspec import Meta

from driftline.events.features import decimal_number
from driftline.sketches.columns import INFINITE, WRONG_TYPE, DateColumn, EmbeddingColumn
from driftline.sketches.date_values import date_numbers, date_times
from driftline.sketches.embeddings import EmbeddingReader, odd_vectors, packed_vectors
from driftline.sketches.feature_types import FeatureField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import Column
    from driftline.sketches.feature_columns import FeatureNotes

_NUMBERS: Final = frozenset((int, float, Decimal))
_DATE: Final[Any] = str | int | float | None


class DerivedFields:
    """Reads the features of a profile that are no columns by themselves.

    Parameters
    ----------
    columns : sequence of Column
        All features, of which the derived ones are looked at.

    Attributes
    ----------
    names : dict of str to int
        The features that columns are derived from, numbered from 0.
    fields : list of FeatureField
        What the typed decoder reads of each; ``None`` where there is no value.
    needs_times : bool
        Whether a column depends on when the event was.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        parts: dict[str, list[int]] = {}
        for index, column in enumerate(columns):
            if isinstance(column, EmbeddingColumn | DateColumn):
                parts.setdefault(column.feature, []).append(index)
        self.names = {name: number for number, name in enumerate(parts)}
        self._readers = [_reader_of(columns, indices) for indices in parts.values()]
        self.fields = [
            FeatureField(name, reader.type, None) for name, reader in zip(self.names, self._readers, strict=True)
        ]
        self.needs_times = any(isinstance(column, DateColumn) and column.measure == "age" for column in columns)

    def write(
        self,
        fields: Sequence[Sequence[Any]],
        into: Sequence[Any],
        start: int,
        events_ms: NDArray[np.int64] | None,
        notes: FeatureNotes,
    ) -> None:
        """Write the columns of a run of events.

        Parameters
        ----------
        fields : sequence of sequences
            By feature, then by event: what the typed decoder or :meth:`read` returned.
        into : sequence of arrays of numbers
            Those of all columns; written to from ``start`` on, and not-a-number where there is no value.
        start : int
            First event of the run.
        events_ms : ndarray of int64, shape (n,), optional
            Start of the pane of each event of the run.
        notes : FeatureNotes
            Where it is noted why a value is none.
        """
        for values, reader in zip(fields, self._readers, strict=True):
            numbers, odd = reader.numbers(values, events_ms)
            for row, code in odd:
                reader.note(start + row, code, notes)
            for index, found in zip(reader.indices, numbers, strict=True):
                into[index][start : start + len(values)] = found

    def read(self, number: int, row: int, value: object, notes: FeatureNotes) -> object:
        """Return what a value is that the typed decoder refused, noting why where it is none."""
        return self._readers[number].read(row, value, notes)


class _Vectors:
    """Reads one embedding."""

    def __init__(self, columns: Sequence[EmbeddingColumn], indices: Sequence[int]) -> None:
        self.indices = indices
        self._read = EmbeddingReader(columns)
        length = self._read.length
        self.type: Any = Annotated[list[float], Meta(min_length=length, max_length=length)] | None

    def numbers(
        self, values: Sequence[list[float] | None], _: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
        """Return the values of the columns, shape (k, n), and row and code of each vector that is not finite."""
        rows = np.array([row for row, value in enumerate(values) if value is not None], dtype=np.int64)
        vectors = packed_vectors([value for value in values if value is not None], self._read.length)
        odd = [(int(rows[place]), code) for place, code in odd_vectors(vectors)]
        if odd:
            kept = np.isin(rows, [row for row, _ in odd], invert=True)
            rows, vectors = rows[kept], vectors[kept]
        numbers = np.full((len(self.indices), len(values)), np.nan)
        numbers[:, rows] = self._read(vectors)
        return numbers, odd

    def read(self, row: int, value: object, notes: FeatureNotes) -> object:
        """Return a value as a vector, noting why where it is none."""
        if value is None:
            return None
        found, code = as_vector(value, self._read.length)
        if code is not None:
            self.note(row, code, notes)
        return found

    def note(self, row: int, code: int, notes: FeatureNotes) -> None:
        """Note why an event has no vector."""
        for index in self.indices:
            notes.exceptions[index].append((row, code))


class _Dates:
    """Reads one feature that is a date."""

    type: Any = _DATE

    def __init__(self, column: DateColumn, index: int) -> None:
        self.indices = (index,)
        self._measure = column.measure

    def numbers(
        self, values: Sequence[object], events_ms: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
        """Return the values of the column, shape (1, n), and row and code of each that is no date."""
        times, odd = date_times(values)
        return date_numbers(self._measure, times, events_ms)[None], odd

    def read(self, _row: int, value: object, _notes: FeatureNotes) -> object:
        """Return the value as it is, for :meth:`numbers`.

        What JSON has no type for is of a wrong type, as it is where features are kept as JSON.
        """
        return () if isinstance(value, date) else value

    def note(self, row: int, code: int, notes: FeatureNotes) -> None:
        """Note why an event has no date."""
        notes.exceptions[self.indices[0]].append((row, code))


def _reader_of(columns: Sequence[Column], indices: Sequence[int]) -> _Vectors | _Dates:
    first = columns[indices[0]]
    if isinstance(first, DateColumn):
        return _Dates(first, indices[0])
    return _Vectors([column for i in indices if isinstance(column := columns[i], EmbeddingColumn)], indices)


def as_vector(value: object, length: int | None) -> tuple[list[float] | None, int | None]:
    """Return a value as a vector, or the quality code of what is none.

    ``length`` is that of all vectors; None where any will do.

    Examples
    --------
    >>> as_vector([1, 2.5], 2), as_vector([1, "2"], 2), as_vector([1], 2)
    (([1.0, 2.5], None), (None, 3), (None, 3))
    """
    if not isinstance(value, list | tuple) or (length is not None and len(value) != length):
        return None, WRONG_TYPE
    kinds = set(map(type, value))
    if not kinds <= _NUMBERS:
        return None, WRONG_TYPE
    if kinds <= {float}:
        return list(value), None
    try:
        return [decimal_number(each) if isinstance(each, Decimal) else float(each) for each in value], None
    except OverflowError:  # a whole number beyond 1.8e308
        return None, INFINITE
