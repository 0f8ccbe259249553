"""Whole-number sums over the series of panes, from which the dispersion of every column of a model is estimated.

With cᵢ the group counts of pane i, three matrices a column are all that is kept (nothing of them is an estimate yet)::

    A₀ = Σ cᵢ cᵢᵀ,   A = Σ cᵢ eᵢᵀ  with  eᵢ = w₀ cᵢ + 2 Σ_l w_l cᵢ₋ₗ,   W = Σ C_b C_bᵀ

A₀ is the variance between panes, A the Newey-West sum (symmetrised; its weights w in :data:`LAG_WEIGHTS`), W the
variance between blocks one verdict window long. Centring is linear: with dᵢ = cᵢ − nᵢπ = (I − π1ᵀ) cᵢ, the sums of any
centre π are (I − π1ᵀ) A (I − 1πᵀ), so one pass suffices and the shares may be set in afterwards. Likewise the sums of
unions of groups are sums of these sums.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from driftline.errors import ParameterError
from driftline.sketches.packed import Sparse
from driftline.sketches.sparse import pack, unpack_into

LAG_WEIGHTS: Final = (4, 4, 4, 4, 4, 3, 2, 1)
"""Weights of the lags 0 to 7, in quarters: the flat-top window of Politis & Romano (1995,
doi:10.1111/j.1467-9892.1995.tb00223.x). Newey and West's triangle of that length leaves out 6 % of the variance where
the correlation reaches over half a pane, and then rejects at 10⁻³ 2.1 times the level; this one 1.4 times."""
UNIT: Final = LAG_WEIGHTS[0]

_LARGEST: Final = float(2**62)
"""No sum may pass it: int64 would wrap silently."""


class PackedSums(Struct, frozen=True, array_like=True):
    """A run of columns' sums for the wire and the state; equal sums give equal bytes."""

    n_columns: int
    n_groups: int
    panes_per_window: int
    first_pane: int
    last_pane: int
    full: bool
    numbers: Sparse
    """All that is whole numbers, one after the other; of symmetric matrices the lower triangle."""


class ColumnSums(Struct, frozen=True):
    """The sums of one column, complete; what an estimate is made of."""

    between_panes: npt.NDArray[np.int64]
    """A₀."""
    lagged: npt.NDArray[np.int64]
    """A + Aᵀ in units of 1 / (2 :data:`UNIT`)."""
    between_windows: npt.NDArray[np.int64]
    """W, shape (G, G), symmetric as are the two before it."""
    events: npt.NDArray[np.int64]
    events_in_windows: npt.NDArray[np.int64]
    """Of the complete blocks alone; both by group, shape (G,)."""
    n_panes: int
    n_windows: int
    """Complete blocks with events, as ``n_panes`` are the panes with events."""
    span: int
    """Panes from the first to the last one, empty ones included."""


class DispersionSums:
    """The sums of all columns of a model, pane by pane; exact and the same however the panes are batched.

    Parameters
    ----------
    n_columns : int, at least 0
    n_groups : int, at least 1
        G, groups a column has at most; shorter columns are filled up with zeros.
    panes_per_window : int, at least 1
        Panes of a block, one verdict window long. Block k holds the panes k × panes_per_window and on.

    Notes
    -----
    *State*: C × (3 G² + 10 G) numbers of 8 bytes: 42 KB a column of 40 groups; packed about 6 KB. *Cost* of a pane:
    2 C G² multiplications, 0.1 ms for 50 columns of 20 groups.

    Safe while all sums stay below 2⁶²: the sums take no further pane (:attr:`full`) before one could pass it. At 10,000
    events a pane that is after 10⁸ panes, at a million after 36,000.

    Examples
    --------
    >>> sums = DispersionSums(1, 2, panes_per_window=2)
    >>> for pane, counts in enumerate([[3, 1], [2, 2], [0, 4]]):
    ...     sums.add(pane, np.array([counts]))
    >>> sums.column(0).between_panes.tolist(), sums.column(0).between_windows.tolist()
    ([[13, 7], [7, 21]], [[25, 15], [15, 9]])
    """

    __slots__ = (
        "_between_panes",
        "_between_windows",
        "_events",
        "_events_in_windows",
        "_lagged",
        "_n_panes",
        "_n_windows",
        "_open",
        "_recent",
        "_totals",
        "first_pane",
        "full",
        "last_pane",
        "panes_per_window",
    )

    def __init__(self, n_columns: int, n_groups: int, *, panes_per_window: int) -> None:
        if panes_per_window < 1:
            raise ParameterError("at least one pane a window", panes_per_window, "$.panes_per_window")
        matrices, vectors = (n_columns, n_groups, n_groups), (n_columns, n_groups)
        self._between_panes: npt.NDArray[np.int64] = np.zeros(matrices, dtype=np.int64)
        self._lagged: npt.NDArray[np.int64] = np.zeros(matrices, dtype=np.int64)
        self._between_windows: npt.NDArray[np.int64] = np.zeros(matrices, dtype=np.int64)
        self._events: npt.NDArray[np.int64] = np.zeros(vectors, dtype=np.int64)
        self._events_in_windows: npt.NDArray[np.int64] = np.zeros(vectors, dtype=np.int64)
        self._open: npt.NDArray[np.int64] = np.zeros(vectors, dtype=np.int64)
        self._recent: npt.NDArray[np.int64] = np.zeros((len(LAG_WEIGHTS) - 1, *vectors), dtype=np.int64)
        """Counts of the last panes, the latest first."""
        self._n_panes: npt.NDArray[np.int64] = np.zeros(n_columns, dtype=np.int64)
        self._n_windows: npt.NDArray[np.int64] = np.zeros(n_columns, dtype=np.int64)
        self._totals: npt.NDArray[np.int64] = np.zeros((2, n_columns), dtype=np.int64)
        """What `_lagged` and `_between_windows` sum to."""
        self.panes_per_window = panes_per_window
        self.first_pane = -1
        self.last_pane = -1
        self.full = False

    def add(self, pane: int, counts: npt.NDArray[np.int64]) -> None:
        """Count a pane's events by group; a pane that is left out counts as one without events.

        Parameters
        ----------
        pane : int, at least 0
            Number of the pane since the epoch, above that of every pane before.
        counts : ndarray of int64, shape (C, G), each at least 0

        Raises
        ------
        ParameterError
            A pane out of order.
        """
        if self.full:
            return
        if pane <= self.last_pane:
            raise ParameterError(f"a pane after {self.last_pane}", pane, "$.pane")
        self._move_to(pane)
        weighed = UNIT * counts + 2 * np.tensordot(np.array(LAG_WEIGHTS[1:]), self._recent, axes=1)
        size = counts.sum(axis=1)
        block = self._open + counts
        steps = np.stack([size.astype(float) * weighed.sum(axis=1), block.sum(axis=1).astype(float) ** 2])
        if ((self._totals + steps) * [[2], [1]] >= _LARGEST).any():
            self.full = True
            return
        self._totals[0] += size * weighed.sum(axis=1)
        self._lagged += counts[:, :, None] * weighed[:, None, :]
        self._between_panes += counts[:, :, None] * counts[:, None, :]
        self._events += counts
        self._open = block
        self._n_panes += size > 0
        self._recent[1:] = self._recent[:-1].copy()
        self._recent[0] = counts

    def _move_to(self, pane: int) -> None:
        """Let time pass up to the beginning of a pane; close the block that ends before it."""
        if self.first_pane < 0:
            self.first_pane = pane
        missed = min(pane - self.last_pane - 1, len(LAG_WEIGHTS) - 1) if self.last_pane >= 0 else 0
        if missed:
            self._recent[missed:] = self._recent[: len(self._recent) - missed].copy()
            self._recent[:missed] = 0
        if self.last_pane // self.panes_per_window != pane // self.panes_per_window:
            self._close()
        self.last_pane = pane

    def end(self, pane: int) -> None:
        """Let time pass up to the beginning of a pane that may never come: the block that ends by then is complete."""
        if self.last_pane >= 0 and self.last_pane // self.panes_per_window < pane // self.panes_per_window:
            self._close()

    def leave(self, columns: npt.NDArray[np.bool_]) -> None:
        """Forget what is open of some columns, shape (C,): as long as they are given no more events, they stay as they
        are.
        """
        self._open[columns] = 0
        self._recent[:, columns] = 0

    @property
    def panes_of_columns(self) -> npt.NDArray[np.int64]:
        """Panes with events of each column, shape (C,)."""
        return self._n_panes.copy()

    @property
    def n_windows(self) -> int:
        """Complete blocks with events in the column that has most of them."""
        return int(self._n_windows.max(initial=0))

    def _close(self) -> None:
        block = self._open
        size = block.sum(axis=1)
        self._totals[1] += size * size
        self._between_windows += block[:, :, None] * block[:, None, :]
        self._events_in_windows += block
        self._n_windows += size > 0
        self._open = np.zeros_like(block)

    def column(self, column: int) -> ColumnSums:
        """Return the sums of one column; the block that is still open is left out."""
        lagged = self._lagged[column]
        return ColumnSums(
            self._between_panes[column].copy(),
            lagged + lagged.T,
            self._between_windows[column].copy(),
            self._events[column].copy(),
            self._events_in_windows[column].copy(),
            int(self._n_panes[column]),
            int(self._n_windows[column]),
            self.last_pane - self.first_pane + 1 if self.first_pane >= 0 else 0,
        )

    def pack(self, start: int = 0, stop: int | None = None) -> PackedSums:
        """Return the sums of the columns from `start` to before `stop`."""
        columns = slice(start, stop)
        n_groups = self._events.shape[1]
        lower = np.tril_indices(n_groups)
        twice = self._lagged[columns] + self._lagged[columns].transpose(0, 2, 1)
        parts = (
            self._between_panes[columns][:, lower[0], lower[1]],
            twice[:, lower[0], lower[1]],
            self._between_windows[columns][:, lower[0], lower[1]],
            self._events[columns],
            self._events_in_windows[columns],
            self._open[columns],
            *self._recent[:, columns],
            self._n_panes[columns, None],
            self._n_windows[columns, None],
        )
        numbers = np.concatenate(parts, axis=1)
        return PackedSums(
            len(numbers),
            n_groups,
            self.panes_per_window,
            self.first_pane,
            self.last_pane,
            self.full,
            pack(numbers.ravel()),
        )

    @classmethod
    def unpack(cls, packed: list[PackedSums]) -> DispersionSums:
        """Return the sums that were packed, from all their runs of columns in order.

        Raises
        ------
        ParameterError
            Runs that are not of the same sums.
        """
        first = packed[0]
        about = [(p.n_groups, p.panes_per_window, p.first_pane, p.last_pane, p.full) for p in packed]
        if any(other != about[0] for other in about):
            raise ParameterError("runs of columns of the same sums", about, "$.packed")
        n_groups = first.n_groups
        sums = cls(sum(p.n_columns for p in packed), n_groups, panes_per_window=first.panes_per_window)
        sums.first_pane, sums.last_pane, sums.full = first.first_pane, first.last_pane, first.full
        lower = np.tril_indices(n_groups)
        triangle, n_lags = lower[0].size, len(LAG_WEIGHTS) - 1
        widths = [triangle] * 3 + [n_groups] * (3 + n_lags) + [1, 1]
        at = 0
        for run in packed:
            numbers = np.zeros(run.n_columns * sum(widths), dtype=np.int64)
            unpack_into(run.numbers, numbers)
            parts = np.split(numbers.reshape(run.n_columns, -1), np.cumsum(widths)[:-1], axis=1)
            columns = slice(at, at + run.n_columns)
            at += run.n_columns
            for matrix, values in zip((sums._between_panes, sums._between_windows), (parts[0], parts[2]), strict=True):
                matrix[columns, lower[0], lower[1]] = values
                matrix[columns, lower[1], lower[0]] = values
            # Only the symmetric part is kept: as one side of it, with the diagonal halved.
            sums._lagged[columns, lower[0], lower[1]] = np.where(lower[0] == lower[1], parts[1] // 2, parts[1])
            sums._events[columns], sums._events_in_windows[columns], sums._open[columns] = parts[3:6]
            for lag in range(n_lags):
                sums._recent[lag, columns] = parts[6 + lag]
            sums._n_panes[columns], sums._n_windows[columns] = parts[-2][:, 0], parts[-1][:, 0]
        sums._totals[:] = sums._lagged.sum(axis=(1, 2)), sums._between_windows.sum(axis=(1, 2))
        return sums
