"""Columns that froze: event after event has one and the same value, where the reference's varied.

As for other changes there is a factor for each pane. Given the latest value it is L = 1 / P where all values of the
pane equal that one, with P how likely that is by chance, else 0: E[L] is at most 1 on an unchanged stream. The product
of these factors since a value first came is never above the R ← (R + 1) L of the other bets, so the same bound holds.
A column that nearly always had one value is no matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash
from msgspec import Struct

from driftline.alerts.policy import CRITICAL_FACTOR, FROZEN
from driftline.checks.columns.change_size import ChangeSize
from driftline.checks.columns.mixture_findings import FoundChange
from driftline.checks.quality.frozen import value_in
from driftline.detectors.mixture.constancy import log_goes_on
from driftline.monitoring.state.table import Codec, Value
from driftline.sketches.fixed_point import Z_LIMIT, Z_SCALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.references.bet_reference import BetReference, Expected
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.monitoring.predictions.accumulator import ClosedPane
    from driftline.monitoring.state.table import Tables

_UNIT: Final = 1_024.0
"""Evidence is kept in whole parts of it, rounded down."""
_MOST: Final = float(np.iinfo(np.uint16).max)
_TINY: Final = 1e-9


class ConstantState(Struct, array_like=True):
    """The latest values of all columns, as they are stored: 6 bytes a column."""

    made_of: int
    """Of which columns."""
    values: bytes
    """A hash of each, 32 bits, little-endian; 0 where the latest pane had several."""
    evidence: bytes
    """ln of the product since it first came, in units of 1 / 1024, 16 bits, little-endian."""


class ConstantColumns:
    """Watches whether the columns of one profile freeze.

    Parameters
    ----------
    view : ReferenceView
    reference : BetReference
    threshold : float
        ln of the product from which on a column counts as frozen, below 63.

    Notes
    -----
    *State*: 6 bytes a column. *Cost* of a pane: O(columns), and one pass over the cells of categories.
    """

    def __init__(self, view: ReferenceView, reference: BetReference, threshold: float) -> None:
        self._view = view
        self._reference = reference
        self.threshold = threshold
        layout = view.profile.layout
        n_columns = len(layout.places)
        self._values = np.zeros(n_columns, dtype=np.uint32)
        self._evidence = np.zeros(n_columns, dtype=np.uint16)
        names = [column.name for column in view.profile.columns]
        self._made_of = xxhash.xxh3_64_intdigest("\0".join((view.profile.profile_id, *names)).encode())
        listed = [index for index in range(n_columns) if index not in set(layout.numeric.tolist())]
        bins = [np.arange(layout.places[index].bins.start, layout.places[index].bins.stop - 1) for index in listed]
        self._listed = np.array(listed, dtype=np.int64)
        self._cells = np.concatenate([np.empty(0, dtype=np.int64), *bins])
        self._codes = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(each.size) + 1 for each in bins)])
        self._of_column = np.repeat(np.arange(len(bins)), [each.size for each in bins])
        self._of_values = self._masked(reference)
        codec = Codec(ConstantState, self._pack, self._unpack)
        self._state = Value("constant-columns", codec, self._values)
        self.tables: Tables = (self._state,)

    @staticmethod
    def _masked(reference: BetReference) -> NDArray[np.bool_]:
        """Return which directions of each column are about its values, shape (C, D)."""
        found: NDArray[np.bool_] = np.isfinite(reference.bets.log_weights).any(axis=2) & ~reference.bets.of_events
        return found

    def _pack(self, _values: NDArray[np.uint32]) -> ConstantState:
        values, evidence = self._values.astype("<u4"), self._evidence.astype("<u2")
        return ConstantState(self._made_of, values.tobytes(), evidence.tobytes())

    def _unpack(self, stored: ConstantState) -> NDArray[np.uint32] | None:
        values, evidence = np.frombuffer(stored.values, dtype="<u4"), np.frombuffer(stored.evidence, dtype="<u2")
        if stored.made_of != self._made_of or values.size != self._values.size or evidence.size != values.size:
            return None
        self._values[:], self._evidence[:] = values, evidence
        return self._values

    def add(
        self, pane: ClosedPane, counts: NDArray[np.int64], expected: Expected, ratios: NDArray[np.float64]
    ) -> list[FoundChange]:
        """Add a pane; return the columns that it shows to be frozen.

        Parameters
        ----------
        pane : ClosedPane
        counts : ndarray of int64, shape (C, groups + 1)
            Of its values by group, events without a value last.
        expected : Expected
        ratios : ndarray of float64, shape (C, D), at least 1
            λ of each direction; infinite where it is not known.
        """
        n = counts[:, :-1].sum(axis=1)
        groups = counts[:, :-1].argmax(axis=1)
        values = self._latest(pane, n)
        shares = _of_values(expected.shares)[np.arange(groups.size), groups]
        ratio = np.where(self._of_values, ratios, 1.0).max(axis=1, initial=1.0)
        gains = -log_goes_on(shares, ratio, np.minimum(expected.sizes, self._reference.n_reference))
        same = (values == self._values) & (values != 0)
        before = np.where(same, self._evidence / _UNIT, 0.0)
        after = np.where(values != 0, before + np.where(same, n, n - 1) * gains, 0.0)
        seen = n > 0
        self._evidence[seen] = np.minimum(np.floor(after[seen] * _UNIT), _MOST)
        self._values[seen] = values[seen]
        self._state.changed()
        gate = self._view.settings.checks.min_share_change
        frozen = seen & (self._evidence >= self.threshold * _UNIT) & (1 - shares >= gate)
        return [
            self._change(pane, column, float(shares[column]), float(gains[column]))
            for column in np.flatnonzero(frozen).tolist()
        ]

    def evidence(self) -> NDArray[np.float64]:
        """Return ln of the product less the threshold of each column, shape (C,)."""
        return self._evidence / _UNIT - self.threshold

    def begin(self, column: int) -> None:
        """Begin the evidence of a column anew; what its latest value was stays known."""
        self._evidence[column] = 0
        self._state.changed()

    def clear(self) -> None:
        """Start afresh."""
        self._values[:] = 0
        self._evidence[:] = 0
        self._state.changed()

    def _latest(self, pane: ClosedPane, n: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return a hash of the one value that each column has in a pane, shape (C,); 0 where there are several.

        Values too far out to be told apart, and categories that the reference does not list, count as several.
        """
        values = np.zeros(n.size, dtype=np.uint32)
        lowest, highest = -pane.sketch.extremes[:, 0], pane.sketch.extremes[:, 1]
        told_apart = (lowest == highest) & (np.abs(highest) < Z_LIMIT * Z_SCALE)
        folded = (highest ^ (highest >> 31)) & 0xFFFFFFFF
        numeric = self._view.profile.layout.numeric
        values[numeric] = np.where(told_apart & (n[numeric] > 0), np.maximum(folded, 1), 0)
        cells = pane.sketch.counts[self._cells]
        held = np.zeros(self._listed.size, dtype=np.int64)
        np.maximum.at(held, self._of_column, cells)
        codes = np.zeros(self._listed.size, dtype=np.int64)
        np.add.at(codes, self._of_column, np.where(cells > 0, self._codes, 0))
        values[self._listed] = np.where((held == n[self._listed]) & (held > 0), codes, 0)
        return values

    def _change(self, pane: ClosedPane, column: int, before: float, gain: float) -> FoundChange:
        value = value_in(pane.sketch, self._view.profile, column)
        log, gate = float(self._evidence[column]) / _UNIT, self._view.settings.checks.min_share_change
        n = round(log / max(gain, _TINY)) + 1
        return FoundChange(
            column=column,
            check=FROZEN,
            aspect="constant",
            label=value or "",
            size=ChangeSize("share_change", 1 - before, 1 - before, gate, CRITICAL_FACTOR, before, 1.0),
            n=n,
            n_independent=float(n),
            statistic=round(log, 3),
            threshold=round(self.threshold, 3),
            since_ms=pane.start_ms,
            matters=True,
        )


def _of_values(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of values, given those of all events, shape (C, groups + 1), those without a value last."""
    whole = np.maximum(shares[:, :-1].sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    values: NDArray[np.float64] = shares[:, :-1] / whole
    return values
