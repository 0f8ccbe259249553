"""Columns that froze: pane after pane has one value only, where the reference's varied.

As for other changes R ← (R + 1) L, but with L = 1 / P for a pane whose values are all equal, where P is how likely that
is by chance, and L = 0 for any other: E[L] is at most 1 on an unchanged stream, so the same bound holds. A column that
nearly always had one value is no matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.alerts.policy import CRITICAL_FACTOR
from driftline.checks.columns.change_size import ChangeSize
from driftline.checks.columns.mixture_findings import FROZEN, FoundChange
from driftline.checks.quality.frozen import frozen_value
from driftline.detectors.mixture.constancy import log_constant
from driftline.monitoring.state.table import Value
from driftline.sketches.columns import NumericColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.references.bet_reference import BetReference, Expected
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.monitoring.predictions.accumulator import ClosedPane
    from driftline.monitoring.state.table import Tables

_NOTHING: Final = -60.0
"""ln R of a column that has just begun."""
_ENOUGH: Final = 1.0
"""By how much ln R exceeds a threshold at most."""
_LEAST_VALUES: Final = 2
"""A pane with fewer says nothing."""


class ConstantRun(Struct, array_like=True):
    """Panes in a row in which a column had one value only."""

    since_ms: int
    n: int
    """Values."""
    log: float
    """ln R."""


class ConstantColumns:
    """Watches whether the columns of one profile freeze.

    Parameters
    ----------
    view : ReferenceView
    reference : BetReference
    threshold : float
        ln R from which on a column counts as frozen.

    Notes
    -----
    *State*: three numbers for each column that had one value only in the latest pane. *Cost* of a pane: one comparison
    a column, and O(groups) for each column whose values lie in one group.
    """

    def __init__(self, view: ReferenceView, reference: BetReference, threshold: float) -> None:
        self._view = view
        self._reference = reference
        self.threshold = threshold
        self._runs = Value("constant-columns", dict[int, ConstantRun], {})
        self.tables: Tables = (self._runs,)

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
        runs, values = self._runs.value, counts[:, :-1]
        n = values.sum(axis=1)
        alone = (values.max(axis=1, initial=0) == n) & (n >= _LEAST_VALUES)
        going = {column: run for column, run in runs.items() if alone[column] or n[column] < _LEAST_VALUES}
        found = []
        for column in np.flatnonzero(alone).tolist():
            value = self._value(column, pane)
            if value is None:
                going.pop(column, None)
                continue
            run = going.setdefault(column, ConstantRun(pane.start_ms, 0, _NOTHING))
            run.n += int(n[column])
            log_chance = self._log_chance(column, int(n[column]), expected, ratios)
            if log_chance < 0:
                run.log = min(float(np.logaddexp(run.log, 0.0)) - log_chance, self.threshold + _ENOUGH)
            change = self._change(column, run, value, int(values[column].argmax()), expected)
            if run.log >= self.threshold and change.matters:
                found.append(change)
        if going or runs:
            self._runs.set(going)
        return found

    def evidence(self) -> dict[int, float]:
        """Return ln R less the threshold, of the columns that had one value only in the latest pane."""
        return {column: run.log - self.threshold for column, run in self._runs.value.items()}

    def clear(self) -> None:
        """Start afresh."""
        self._runs.set({})

    def _value(self, column: int, pane: ClosedPane) -> str | None:
        described, place = self._view.profile.columns[column], self._view.profile.layout.places[column]
        extremes = pane.sketch.extremes[place.moments] if isinstance(described, NumericColumn) else None
        return frozen_value(described, pane.sketch.counts[place.bins], extremes, pane.sketch.unseen, column)

    def _log_chance(self, column: int, n: int, expected: Expected, ratios: NDArray[np.float64]) -> float:
        directions = self._reference.bets.directions[column]
        of_values = [place for place, each in enumerate(directions) if each.aspect != "missing"]
        if not of_values:
            return 0.0
        ratio = float(ratios[column, of_values].max())
        held = float(min(expected.sizes[column], self._reference.n_reference[column]))
        return log_constant(_of_values(expected.shares[column]), n, ratio, held)

    def _change(self, column: int, run: ConstantRun, value: str, group: int, expected: Expected) -> FoundChange:
        before = float(_of_values(expected.shares[column])[group])
        gate = self._view.settings.checks.min_share_change
        return FoundChange(
            column=column,
            check=FROZEN,
            aspect="constant",
            label=value,
            size=ChangeSize("share_change", 1 - before, 1 - before, gate, CRITICAL_FACTOR, before, 1.0),
            n=run.n,
            n_independent=float(run.n),
            statistic=round(run.log, 3),
            threshold=round(self.threshold, 3),
            since_ms=run.since_ms,
            matters=1 - before >= gate,
        )


def _of_values(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of values, given those of all events, shape (groups + 1,), those without a value last."""
    values: NDArray[np.float64] = shares[:-1] / max(float(shares[:-1].sum()), np.finfo(np.float64).tiny)
    return values
