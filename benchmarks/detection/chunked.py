"""Rules that look at chunks of an hour: NannyML's and Evidently's, written out as their documentation has them.

*NannyML*: the Jensen-Shannon distance (base 2) of each feature's chunk, over the bins that NumPy's rule ``doane`` cuts
the reference into, against the mean plus three standard deviations of the reference's own chunks.

*Evidently*: with more than 1,000 reference rows, the Wasserstein distance over the reference's standard deviation for
numbers, the Jensen-Shannon distance (natural logarithm) for categories; drift from 0.1 on.

Rows without a value are left out, as both do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import special

from benchmarks.detection.traffic import MISSING, N_CODES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind

NANNYML_DEFAULT: Final = 3.0
EVIDENTLY_DEFAULT: Final = 1.0
EVIDENTLY_THRESHOLD: Final = 0.1
QUANTILES: Final = 4_000
"""Parts into which both distributions are cut for the Wasserstein distance: 20 to an event of the chunk."""
LEAST_EVENTS: Final = 10


class ChunkedColumn(NamedTuple):
    """What one column of a chunk is held against.

    Attributes
    ----------
    cells : ndarray of int64, shape (65,536,)
        Cell of each code's value.
    n_cells : int
    shares : ndarray of float64, shape (n_cells,)
        Of the reference.
    mean, deviation : float
        Of the distances of the reference's chunks.
    values : ndarray of float64 or None
        Value of each code; None of a category.
    quantiles : ndarray of float64, shape (QUANTILES,)
        Of the reference.
    spread : float
    """

    cells: NDArray[np.int64]
    n_cells: int
    shares: NDArray[np.float64]
    mean: float
    deviation: float
    values: NDArray[np.float64] | None
    quantiles: NDArray[np.float64]
    spread: float

    def scores(self, codes: Codes, chunks: NDArray[np.int64], n_chunks: int) -> NDArray[np.float64]:
        """Return the scores of NannyML's and of Evidently's rule, shape (2, n_chunks): deviations over the mean, and
        times the threshold.
        """
        distances = self.distances(codes, chunks, n_chunks)
        nannyml = (distances - self.mean) / self.deviation
        if self.values is None:
            return np.stack([nannyml, distances * np.sqrt(np.log(2)) / EVIDENTLY_THRESHOLD])
        return np.stack([nannyml, self._wasserstein(codes, chunks, n_chunks) / EVIDENTLY_THRESHOLD])

    def distances(self, codes: Codes, chunks: NDArray[np.int64], n_chunks: int) -> NDArray[np.float64]:
        """Return the Jensen-Shannon distances, base 2, shape (n_chunks,)."""
        keys = chunks * (self.n_cells + 1) + self.cells[codes]
        counts = np.bincount(keys, minlength=n_chunks * (self.n_cells + 1)).reshape(n_chunks, -1)[:, : self.n_cells]
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return jensen_shannon(shares, self.shares)

    def _wasserstein(self, codes: Codes, chunks: NDArray[np.int64], n_chunks: int) -> NDArray[np.float64]:
        assert self.values is not None
        found = np.zeros(n_chunks)
        cuts = np.searchsorted(chunks, np.arange(n_chunks + 1))
        at = np.arange(QUANTILES) / QUANTILES
        for chunk in range(n_chunks):
            held = codes[cuts[chunk] : cuts[chunk + 1]]
            values = np.sort(self.values[held[held != MISSING]])
            if values.size >= LEAST_EVENTS:
                found[chunk] = np.abs(values[(at * values.size).astype(np.int64)] - self.quantiles).mean()
        return found / self.spread


def jensen_shannon(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each row of shares to others, base 2."""
    middle = (a + b) / 2
    divergence = (special.rel_entr(a, middle) + special.rel_entr(b, middle)).sum(axis=-1) / 2
    found: NDArray[np.float64] = np.sqrt(np.maximum(divergence, 0) / np.log(2))
    return found


def chunked_column(kind: ColumnKind, codes: Codes, hours: NDArray[np.int64]) -> ChunkedColumn:
    """Return what a column is held against, from its reference and the hour of each of its rows, ascending from 0."""
    if isinstance(kind.values, np.ndarray):
        values = kind.values[kind.table]
        held = values[codes[codes != MISSING]]
        edges = np.histogram_bin_edges(held, bins="doane")
        # What lies outside all bins is a bin of its own.
        cells = np.searchsorted(edges, values, side="right")
        cells[values == edges[-1]] = edges.size - 1
        cells[(cells == 0) | (cells == edges.size)] = edges.size
        cells -= 1
        n_cells = edges.size
        quantiles = np.quantile(held, (np.arange(QUANTILES) + 0.5) / QUANTILES)
        spread = float(held.std())
    else:
        values, n_cells, quantiles, spread = None, len(kind.values) - 1, np.empty(0), 1.0
        cells = kind.table.copy()
    cells[MISSING] = n_cells
    assert cells.size == N_CODES
    counts = np.bincount(cells[codes], minlength=n_cells + 1)[:n_cells]
    column = ChunkedColumn(cells, n_cells, counts / counts.sum(), 0.0, 1.0, values, quantiles, spread)
    distances = column.distances(codes, hours, int(hours[-1]) + 1)
    return column._replace(mean=float(distances.mean()), deviation=float(distances.std()))
