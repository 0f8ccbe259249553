"""What a sketch keeps of the numeric features *together*: cross-moments, and sums of random Fourier features.

Only events in which every joint feature has a value count. Everything is a whole number: a standardised value is
rounded to units of 2⁻⁸ and clipped at ±8, so a product of two is at most 2²² in size, and BLAS adds up whole numbers
below 2⁵³ exactly in whatever order it likes. One call may hold 2³¹ events; :func:`driftline.sketches.pane_sketch.count`
is given far fewer.

A random Fourier feature cos(wᵀz + b) (Rahimi and Recht 2007, "Random features for large-scale kernel machines",
Advances in Neural Information Processing Systems 20, algorithm 1) is read from a table: the phase is a whole number of
2⁻²⁸ turns, exact again, its first 12 bits are the row of the table, and the table's cosines are whole numbers of 2⁻¹²
units. So the same value gives the same feature on every machine. *Deviation*: the phase is rounded to 2⁻¹² turns, which
moves a feature by less than 0.0008, and the factor √2 is left to the reader of the sums.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct

from driftline.sketches.bottom_k import sample_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.sketches.bottom_k import SampledRows
    from driftline.sketches.encoding import EncodedColumns

MAX_JOINT: Final = 64
"""Numeric features that are looked at together at most: the cross-moments are quadratic in their number."""
MAX_FEATURES: Final = 64
"""Random Fourier features at most."""
Z_UNITS: Final = 1 << 8
"""Units of a standardised value."""
Z_CLIP: Final = 8
"""Standardised values are clipped at ± this."""
WEIGHT_UNITS: Final = 1 << 20
"""Units of a frequency, in turns per standard deviation."""
FEATURE_UNITS: Final = 1 << 12
"""Units of a random Fourier feature."""
_SHIFT: Final = 16
"""From units of 2⁻²⁴, as sketches have them, to units of 2⁻⁸."""
_PHASE_SHIFT: Final = 16
"""From 2⁻²⁸ turns to rows of the table, which are 2⁻¹² turns."""
_TABLE_ROWS: Final = 1 << 12
_BLOCK: Final = 2_048
"""Events whose features are made together: few enough for what they leave to stay in the processor's cache."""
COSINES: Final[NDArray[np.int64]] = np.array(
    [round(FEATURE_UNITS * math.cos(2 * math.pi * row / _TABLE_ROWS)) for row in range(_TABLE_ROWS)], dtype=np.int64
)
"""cos of each row's phase, shape (4096,), in units of 2⁻¹²."""


class Joint(Struct, frozen=True, array_like=True, dict=True):
    """Which columns are looked at together, and what is kept of them.

    Notes
    -----
    *State*: of a sketch, 16 bytes a cell; 1 + p + p(p + 1)/2 + m cells.
    """

    columns: tuple[int, ...]
    """Positions of p numeric features, ascending, at most ``MAX_JOINT``."""
    cross: bool
    """Whether Σz and Σzzᵀ are kept."""
    frequencies: bytes = b""
    """int32 little-endian, shape (m, p): turns per unit of z, in units of 2⁻²⁰; empty where there are no features."""
    phases: bytes = b""
    """int32 little-endian, shape (m,): in units of 2⁻²⁸ turns."""
    sampled: bool = False
    """Whether a sample of complete rows is kept."""

    @property
    def n_columns(self) -> int:
        """Number of columns p."""
        return len(self.columns)

    @property
    def n_features(self) -> int:
        """Number of random Fourier features m."""
        return len(self.phases) // 4

    @property
    def n_cross(self) -> int:
        """Cells of Σz and of the upper triangle of Σzzᵀ."""
        p = self.n_columns
        return p + p * (p + 1) // 2 if self.cross else 0

    @property
    def n_cells(self) -> int:
        """Cells: the number of events, Σz, Σzzᵀ by rows of the upper triangle, Σ cos."""
        return 1 + self.n_cross + self.n_features

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Frequencies as whole numbers, shape (m, p)."""
        return np.frombuffer(self.frequencies, dtype="<i4").reshape(-1, max(self.n_columns, 1)).astype(np.float64)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Phases as whole numbers, shape (m, 1)."""
        return np.frombuffer(self.phases, dtype="<i4").astype(np.int64).reshape(-1, 1)

    def features(self, z: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return cos(wᵀz + b) in units of 2⁻¹², shape (m, n), of whole numbers of 2⁻⁸, shape (p, n)."""
        phase = (self.weights @ z).astype(np.int64)
        phase += self.offsets + (1 << (_PHASE_SHIFT - 1))
        phase >>= _PHASE_SHIFT
        phase &= _TABLE_ROWS - 1
        return COSINES.take(phase)


class JointCount(NamedTuple):
    """What is kept of the complete events of one slot."""

    slot: int
    cells: NDArray[np.int64]
    """As long as ``joint.n_cells`` says."""
    rows: SampledRows
    """A sample, where one is kept."""


def quantised(z: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return fixed-point values (units of 2⁻²⁴) as whole numbers of 2⁻⁸, clipped at ±8; of the same shape.

    Examples
    --------
    >>> quantised(np.array([3 << 23, -(200 << 24)])).tolist()
    [384.0, -2048.0]
    """
    units = z + (1 << (_SHIFT - 1))
    units >>= _SHIFT
    limit = Z_CLIP * Z_UNITS
    np.maximum(units, -limit, out=units)
    np.minimum(units, limit, out=units)
    return units.astype(np.float64)


def complete_rows(
    joint: Joint, numeric: NDArray[np.int64], columns: EncodedColumns
) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """Return z of the events in which every joint feature has a value, and which events these are: None for all.

    ``numeric`` says which column each row of ``columns.z`` is of. z, shape (p, k), are whole numbers of 2⁻⁸.
    """
    rows_of_z = np.searchsorted(numeric, np.array(joint.columns, dtype=np.int64))
    z = quantised(columns.z[rows_of_z])
    absent = np.zeros(z.shape[1], dtype=np.bool_)
    for column in joint.columns:
        bins = columns.bins[column]
        if bins.min(initial=0) < 0:
            absent |= bins < 0
    if not absent.any():
        return z, None
    rows = np.flatnonzero(~absent)
    return z[:, rows], rows


def count_joint(
    joint: Joint, numeric: NDArray[np.int64], columns: EncodedColumns, slots: NDArray[np.int64]
) -> Iterator[JointCount]:
    """Yield what is kept of each slot that has a complete event, slots ascending."""
    z, rows = complete_rows(joint, numeric, columns)
    if rows is not None:
        slots = slots[rows]
    if not slots.size:
        return
    order = None
    if not bool((slots[1:] >= slots[:-1]).all()):
        order = np.argsort(slots, kind="stable")
        z, slots = z[:, order], slots[order]
    present, starts = np.unique(slots, return_index=True)
    upper = np.triu_indices(joint.n_columns)
    sampled: Iterator[tuple[int, SampledRows]] = ((slot, {}) for slot in present.tolist())
    if joint.sampled and columns.hashes is not None:
        hashes = columns.hashes if rows is None else columns.hashes[rows]
        sampled = sample_rows(z, hashes if order is None else hashes[order], slots)
    for slot, start, stop in zip(present.tolist(), starts.tolist(), [*starts[1:].tolist(), slots.size], strict=True):
        part = z[:, start:stop]
        cells = np.zeros(joint.n_cells, dtype=np.int64)
        cells[0] = stop - start
        if joint.cross:
            cells[1 : 1 + joint.n_columns] = part.sum(axis=1).astype(np.int64)
            cells[1 + joint.n_columns : 1 + joint.n_cross] = (part @ part.T)[upper].astype(np.int64)
        if joint.n_features:
            for first in range(0, stop - start, _BLOCK):
                cells[1 + joint.n_cross :] += joint.features(part[:, first : first + _BLOCK]).sum(axis=1)
        yield JointCount(slot, cells, next(sampled)[1])
