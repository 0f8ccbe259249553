"""The embeddings among the features of events: read as lists of numbers, and made the columns of each."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from msgspec import Meta

from driftline.events.features import decimal_number
from driftline.sketches.columns import INFINITE, WRONG_TYPE, EmbeddingColumn
from driftline.sketches.embeddings import EmbeddingReader, odd_vectors, packed_vectors
from driftline.sketches.feature_types import FeatureField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.sketches.columns import Column
    from driftline.sketches.feature_columns import FeatureNotes

_NUMBERS: Final = frozenset((int, float, Decimal))


class VectorFields:
    """Reads the vectors of a profile's embeddings.

    Parameters
    ----------
    columns : sequence of Column
        All features, of which the columns of embeddings are looked at.

    Attributes
    ----------
    names : dict of str to int
        The features that hold vectors, numbered from 0.
    fields : list of FeatureField
        What the typed decoder reads of each; ``None`` where there is no vector.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        parts: dict[str, list[tuple[int, EmbeddingColumn]]] = {}
        for index, column in enumerate(columns):
            if isinstance(column, EmbeddingColumn):
                parts.setdefault(column.source, []).append((index, column))
        self.names = {name: number for number, name in enumerate(parts)}
        self._readers = [EmbeddingReader([column for _, column in each]) for each in parts.values()]
        self._indices = [[index for index, _ in each] for each in parts.values()]
        self.fields = [
            FeatureField(name, _type_of(reader.length), None)
            for name, reader in zip(self.names, self._readers, strict=True)
        ]

    def write(
        self, fields: Sequence[Sequence[list[float] | None]], into: Sequence[Any], start: int, notes: FeatureNotes
    ) -> None:
        """Write the columns of a run of events.

        Parameters
        ----------
        fields : sequence of sequence of lists of numbers
            By embedding, then by event: the vectors, all of the right length.
        into : sequence of arrays of numbers
            Those of the features, by column; written to from ``start`` on, and not-a-number where there is no vector.
        start : int
            First event of the run.
        notes : FeatureNotes
            Where vectors with numbers that are not finite are noted.
        """
        for values, reader, indices in zip(fields, self._readers, self._indices, strict=True):
            rows = np.array([row for row, value in enumerate(values) if value is not None], dtype=np.int64)
            vectors = packed_vectors([value for value in values if value is not None], reader.length)
            odd = odd_vectors(vectors)
            if odd:
                for row, code in odd:
                    self._note(indices, start + int(rows[row]), code, notes)
                kept = np.delete(np.arange(rows.size), [row for row, _ in odd])
                rows, vectors = rows[kept], vectors[kept]
            numbers = np.full((len(indices), len(values)), np.nan)
            numbers[:, rows] = reader(vectors)
            for index, found in zip(indices, numbers, strict=True):
                into[index][start : start + len(values)] = found

    def read(self, number: int, row: int, value: object, notes: FeatureNotes) -> list[float] | None:
        """Return the vector that a value is which the typed decoder refused, noting why where it is none."""
        if value is None:
            return None
        found, code = as_vector(value, self._readers[number].length)
        if code is not None:
            self._note(self._indices[number], row, code, notes)
        return found

    @staticmethod
    def _note(indices: Sequence[int], row: int, code: int, notes: FeatureNotes) -> None:
        for index in indices:
            notes.exceptions[index].append((row, code))


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


def _type_of(length: int) -> Any:  # noqa: ANN401  # a type
    return Annotated[list[float], Meta(min_length=length, max_length=length)] | None
