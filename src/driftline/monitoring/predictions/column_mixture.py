"""The mixture e-detector of one model: it steps at every closed pane, for all columns at once."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash
from msgspec import Struct, field, structs

from driftline.checks.columns.change_size import change_of
from driftline.checks.columns.mixture_findings import FoundChange, check_of
from driftline.checks.references.bet_reference import BetReference
from driftline.detectors.mixture.bets import pane_of
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.monitoring.predictions.constant_columns import ConstantColumns
from driftline.monitoring.predictions.event_times import EventTimes
from driftline.monitoring.state.table import Codec, Value
from driftline.profiles.season import HOUR_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.references.reference_view import ReferenceView
    from driftline.detectors.mixture.e_detectors import Alarm
    from driftline.monitoring.predictions.accumulator import ClosedPane
    from driftline.monitoring.state.table import Tables

BLOCK_COLUMNS: Final = 25
"""Columns whose e-detectors are one value of the state."""
FAR_GREATER: Final = 2.5
"""A column tells of a change at most once in the shortest verdict window, and of one so many times as large at once."""
_ERRORS: Final = 2.0
"""Standard errors by which it must be so much larger."""
_MEMORY_MS: Final = 4 * HOUR_MS
"""Time over which the rate of events is measured."""
_OF_CONSTANTS: Final = 1 / 16
"""Part of a column's false alarms that may be of columns that count as frozen."""


class MixtureBlock(Struct, array_like=True):
    """The e-detectors of some columns, as they are stored."""

    made_of: int
    """Of which bets: those of another reference or of other settings begin anew."""
    numbers: bytes
    """32-bit floating point, little-endian, of the bets in use: ln R, the events since, and the sum of their scores."""


class MixtureBook(Struct, array_like=True):
    """What the e-detectors of all columns have in common."""

    times: EventTimes = field(default_factory=EventTimes)
    last_ms: int = 0
    """End of the latest one."""
    events: float = 0.0
    hours: float = 0.0
    """Events and hours, both fading: their quotient is the rate of events."""
    told: dict[int, tuple[int, float]] = {}
    """By column, until when it tells of no change that is not far greater, and the size of the one that it told of, in
    multiples of what matters; 0 of one that did not matter."""


class ColumnMixture:
    """The mixture e-detector of one model under one profile.

    Parameters
    ----------
    view : ReferenceView
    pane_ms : int
    expected_alarms : float, above 0
        False alarms that one column may raise within the budget's horizon.

    Notes
    -----
    *State*: at most 200 bytes a column. *Cost* of a pane: one pass over its cells, and O(bets) a column.
    """

    def __init__(self, view: ReferenceView, pane_ms: int, expected_alarms: float) -> None:
        self._view = view
        self._pane_ms = pane_ms
        self._reference = BetReference(view, expected_alarms)
        settings = view.settings
        horizon_panes = -(-int(settings.alerts.false_alarm_budget.horizon) // pane_ms)
        self._threshold = max(0.0, math.log(horizon_panes / expected_alarms / (1 - _OF_CONSTANTS)))
        of_constants = max(0.0, math.log(horizon_panes / expected_alarms / _OF_CONSTANTS))
        self._constants = ConstantColumns(view, self._reference, of_constants)
        bets = self._reference.bets
        self._thresholds = np.full(bets.thetas.shape[0], self._threshold)
        self._quiet_ms = min(int(size) for size in settings.windows.verdict)
        self._state = MixtureState(bets)
        self._decides = True
        self._used = np.isfinite(bets.log_weights)
        self._made_of = xxhash.xxh3_64_intdigest(bets.thetas.tobytes() + bets.scores.tobytes())
        self._book = Value("mixture", MixtureBook, MixtureBook())
        starts = range(0, len(view.profile.columns), BLOCK_COLUMNS)
        self._blocks = [self._block(slice(start, start + BLOCK_COLUMNS)) for start in starts]
        self._learnt = view.unknown_now()
        self._ratios = self._reference.ratios
        self.tables: Tables = (self._book, *self._blocks, *self._constants.tables)

    def _block(self, columns: slice) -> Value[slice]:
        codec = Codec(MixtureBlock, self._pack, partial(self._unpack, columns))
        return Value(f"mixture-{columns.start}", codec, columns)

    def _pack(self, columns: slice) -> MixtureBlock:
        used = self._used[columns]
        parts = [each[columns][used] for each in self._arrays()]
        return MixtureBlock(self._made_of, b"".join(part.astype("<f4").tobytes() for part in parts))

    def _unpack(self, columns: slice, stored: MixtureBlock) -> slice | None:
        used, arrays = self._used[columns], self._arrays()
        numbers = np.frombuffer(stored.numbers, dtype="<f4")
        if stored.made_of != self._made_of or numbers.size != len(arrays) * int(used.sum()):
            return None
        for each, own in zip(arrays, np.split(numbers, len(arrays)), strict=True):
            each[columns][used] = own
        return columns

    def _arrays(self) -> tuple[NDArray[np.float32], ...]:
        return self._state.logs, self._state.events, self._state.totals

    def add(self, pane: ClosedPane) -> list[FoundChange]:
        """Add a pane of the profile's grid; return the changes that it brought to light, in the order of columns."""
        unknown = self._view.unknown_now()
        if unknown != self._learnt:
            self._learnt = unknown
            self._reference.learn()
        self._book.value.times.add(pane.start_ms, pane.n_events)
        counts = self._reference.counts_of(pane.sketch.counts)
        elapsed_ms = pane.end_ms - (self._book.value.last_ms or pane.start_ms)
        rate = self._measure(pane)
        expected = self._reference.expected(pane.start_ms, pane.end_ms)
        ratios = self._reference.ratios * (1 + rate / expected.sizes)[:, None]
        self._book.changed()
        for block in self._blocks:
            block.changed()
        seen = pane_of(self._reference.bets, counts)
        fading = max(0, elapsed_ms) / self._reference.known_ms
        alarms = self._state.step(seen, expected.fair, ratios, self._thresholds, fading)
        self._ratios = ratios
        changes = [self._dated(change) for change in self._constants.add(pane, counts, expected, ratios)]
        changes += [self._change(alarm, expected.fair.means, pane) for alarm in alarms]
        news = [change for change in changes if self._decides and self._is_news(change, pane.end_ms)]
        for change in news:
            if change.aspect == "constant":
                self._constants.begin(change.column)
            elif change.matters:
                self._state.clear(change.column)
        return news

    def _dated(self, change: FoundChange) -> FoundChange:
        """Return a change with its onset, by the number of its values."""
        n_events = max(1.0, change.n / float(self._reference.shares_of_values[change.column]))
        return structs.replace(change, since_ms=self._book.value.times.start_of(n_events))

    def decide_nothing(self) -> None:
        """Let no column begin anew from now on: :meth:`evidence` then shows what stands at any budget."""
        self._thresholds[:] = np.inf
        self._decides = False

    def evidence(self, least: float) -> list[tuple[float, float]]:
        """Return what stands of each column whose evidence is at least so much, in no order.

        Parameters
        ----------
        least : float
            Of the evidence: ln of the column's e-value, less that of its threshold; 0 is an alarm.

        Returns
        -------
        list of (float, float)
            The evidence, and the size of the change in multiples of the smallest that matters.
        """
        standing = self._state.statistics() - self._threshold
        seen = [self._state.seen_in(column) for column in np.flatnonzero(standing >= least).tolist()]
        checks = self._view.settings.checks
        means = self._reference.usual_means
        found = []
        for each in seen:
            direction = self._reference.column(each.column).directions[each.direction]
            size = change_of(direction, float(means[each.column, each.direction]), each.change, checks)
            found.append((each.statistic - self._threshold, size.multiple))
        return [*found, *((each, math.inf) for each in self._constants.evidence().tolist() if each >= least)]

    def _measure(self, pane: ClosedPane) -> float:
        """Return the rate of events, an hour, lately."""
        book = self._book.value
        fading = math.exp(-max(0, pane.end_ms - book.last_ms) / _MEMORY_MS) if book.last_ms else 0.0
        hours = (pane.end_ms - book.last_ms) / HOUR_MS if book.last_ms else self._pane_ms / HOUR_MS
        book.events = book.events * fading + pane.n_events
        book.hours = book.hours * fading + min(hours, _MEMORY_MS / HOUR_MS)
        book.last_ms = pane.end_ms
        return book.events / book.hours

    def _change(self, alarm: Alarm, means: NDArray[np.float64], pane: ClosedPane) -> FoundChange:
        column = self._reference.column(alarm.column)
        direction, labels = column.directions[alarm.direction], column.grouping.labels
        before = float(means[alarm.column, alarm.direction])
        # a direction of values counts those alone: of all events they are the reference's share
        share = 1.0 if direction.aspect == "missing" else float(self._reference.shares_of_values[alarm.column])
        profile = self._view.profile
        quality = profile.layout.places[alarm.column].quality
        n_independent = alarm.n / float(self._ratios[alarm.column, alarm.direction])
        size = change_of(direction, before, alarm.change, self._view.settings.checks)
        return FoundChange(
            column=alarm.column,
            check=check_of(direction.aspect, pane.sketch.counts[quality], profile.reference.counts[quality]),
            aspect=direction.aspect,
            label=labels[direction.group] if 0 <= direction.group < len(labels) else "",
            size=size,
            n=round(alarm.n),
            n_independent=n_independent,
            matters=size.multiple >= 1,
            statistic=round(alarm.statistic, 3),
            threshold=round(self._threshold, 3),
            since_ms=self._book.value.times.start_of(max(1.0, alarm.n / share)),
        )

    def _is_news(self, change: FoundChange, at_ms: int) -> bool:
        """Whether a change is told: at most one of a column in a while, but for one that is far greater.

        What does not matter yet is told once, and evidence goes on to be gathered.
        """
        told, size = self._book.value.told, change.size.multiple if change.matters else 0.0
        for column in [column for column, (until_ms, _) in told.items() if until_ms <= at_ms]:
            del told[column]
        _, before = told.get(change.column, (0, None))
        if before is not None:
            greater = change.size.sure(change.n_independent, _ERRORS) >= FAR_GREATER * before
            if not change.matters or (before > 0 and not greater):
                return False
        told[change.column] = at_ms + self._quiet_ms, max(size, before or 0.0)
        return True

    def clear(self) -> None:
        """Start afresh."""
        for column in range(len(self._thresholds)):
            self._state.clear(column)
        for block in self._blocks:
            block.changed()
        self._constants.clear()
        self._book.set(MixtureBook())
