"""Reference rows in the terms of a profile's columns, a block of rows at a time."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.building.array_store import MemoryStore, RowMatrix
from driftline.sketches.columns import NumericColumn
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.joint import complete_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.profiles.building.array_store import ArrayStore
    from driftline.sketches.columns import Column
    from driftline.sketches.encoding import EncodedColumn
    from driftline.sketches.joint import Joint

BLOCK_ROWS: Final = 1 << 15
"""Rows encoded together: about 2 MB a column while they are looked at."""


@dataclass(frozen=True)
class Encoder:
    """What makes bins of one source of values: a feature, a prediction or a score."""

    columns: tuple[Column, ...]
    """One, or all of an embedding."""
    encode: Callable[[slice], Sequence[EncodedColumn]]
    """Returns the rows of a slice in these columns."""


class EncodedRows:
    """The n rows of a reference in its k columns; only their bins are kept.

    Parameters
    ----------
    encoders : sequence of Encoder
    n : int
    scores : ndarray of float64, shape (n,), optional
        The probabilities themselves, not-a-number where there is none.
    store : ArrayStore, optional
        Keeps the bins; by default memory does.
    block_rows : int, optional
        Rows encoded together; whatever it is, it does not show.
    advance : callable, optional
        Receives the number of values of each block when it is done with, for a progress bar.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        n: int,
        scores: NDArray[np.float64] | None,
        store: ArrayStore | None = None,
        *,
        block_rows: int | None = None,
        advance: Callable[[int], None] = lambda _n_values: None,
    ) -> None:
        self.columns = tuple(column for encoder in encoders for column in encoder.columns)
        self.n = n
        self.scores = scores
        self._encoders = encoders
        self._store = MemoryStore() if store is None else store
        self._block_rows = block_rows or BLOCK_ROWS
        self._advance = advance
        self._only_block: EncodedColumns | None = None
        self._bins: RowMatrix[np.int16] | None = None

    def blocks(self) -> Iterator[tuple[slice, EncodedColumns]]:
        """Yield runs of rows, and these rows encoded; without their scores."""
        for start in range(0, self.n, self._block_rows):
            rows = slice(start, min(start + self._block_rows, self.n))
            yield rows, self._encoded(rows)
            self._advance((rows.stop - rows.start) * len(self.columns))
            if self.n > self._block_rows:
                gc.collect()  # counting rows leaves objects that refer to themselves and to all of the block

    @property
    def bins(self) -> RowMatrix[np.int16]:
        """The bin of each value, or -1 - quality code where there is none, by column."""
        if self._bins is None:
            self._bins = self._read_bins(None)[0]
        return self._bins

    def complete(self, joint: Joint) -> RowMatrix[np.int16]:
        """Return z, in whole numbers of 2⁻⁸, of the rows in which every joint feature has a value."""
        self._bins, z = self._read_bins(joint)
        return z

    def _read_bins(self, joint: Joint | None) -> tuple[RowMatrix[np.int16], RowMatrix[np.int16]]:
        """Return the bins of all rows, and what :meth:`complete` returns; both are made by one reading."""
        numeric = np.array(
            [i for i, column in enumerate(self.columns) if isinstance(column, NumericColumn)], dtype=np.int64
        )
        bins = RowMatrix(len(self.columns), self.n, np.int16, self._store)
        z = RowMatrix(0 if joint is None else joint.n_columns, self.n, np.int16, self._store)
        for _, encoded in self.blocks():
            bins.add(encoded.bins)
            if joint is not None:
                z.add(complete_rows(joint, numeric, encoded)[0])
        return bins, z

    def _encoded(self, rows: slice) -> EncodedColumns:
        if self._only_block is not None:
            return self._only_block
        parts = [column for encoder in self._encoders for column in encoder.encode(rows)]
        encoded = EncodedColumns.of(parts, rows.stop - rows.start)
        if self.n <= self._block_rows:
            self._only_block = encoded
        return encoded
