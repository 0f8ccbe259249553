"""The e-detector of a model's errors: it steps at every pane to which labels came, on the first ones of predictions.

Which labels come in a pane depends on how long labels take. Where they are usual for the stream, the errors of those
that come are those of all that come in the end; before, only early labels are there, which may be of easy or of hard
cases. So it begins when the first performance window has so many of its labels that it is tested.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash
from msgspec import Struct, field

from driftline.checks.labels.error_bets import (
    BETTER,
    COLUMNS,
    LEAST_BASELINE,
    WORSE,
    counts_of,
    error_variation,
)
from driftline.checks.labels.error_findings import FoundErrors
from driftline.checks.labels.gates import gate_of
from driftline.checks.labels.loss_bets import bets_on
from driftline.detectors.mixture.bets import pane_of
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions.event_times import EventTimes
from driftline.monitoring.state.table import Value
from driftline.profiles.season import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.checks.labels.error_bets import ErrorBets, ErrorVariation
    from driftline.checks.labels.loss_bets import LossBets
    from driftline.detectors.mixture.e_detectors import Alarm
    from driftline.monitoring.labels.open_joins import ClosedLabels
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.profile import Profile

_MEMORY: Final = 4
"""Performance windows over which the rate of labels is measured."""
_KEPT_LABELS: Final = 1_000.0
"""Labels over which their delays are known, fading."""
_HALF: Final = 0.5
"""Part of the labels that come sooner than the usual delay."""


class WatchState(Struct, array_like=True):
    """What is kept of the errors."""

    since_ms: int | None = None
    """From when on panes count; None before labels are as usual."""
    made_of: int = 0
    """Of which bets the numbers are."""
    numbers: bytes = b""
    """32-bit floating point, little-endian: ln R, labels since, and the sum of their scores, of each bet."""
    times: EventTimes = field(default_factory=EventTimes)
    last_ms: int = 0
    behind: list[float] = []
    """Labels by how many windows ago their predictions were, as a pane has them, fading."""
    labels: float = 0.0
    hours: float = 0.0
    """Labels and hours, both fading: their quotient is the rate of labels."""
    told: dict[int, tuple[int, bool]] = {}
    """By direction, until when it tells of no other change, but for one that matters after one that did not."""


class ErrorWatch:
    """Watches the errors of one model, or of a segment of it, pane by pane.

    Parameters
    ----------
    setup : ModelSetup
    segment : str
    variation : callable, optional
        Returns how much errors vary, None where it is not known; by default as all of the model's do.

    Notes
    -----
    *State*: three numbers a bet, eight bets, and the dates of the latest labels. *Cost* of a pane: O(bets).
    """

    def __init__(
        self,
        setup: ModelSetup,
        segment: str = SEGMENT_ALL,
        variation: Callable[[Profile], ErrorVariation | None] | None = None,
    ) -> None:
        self._setup = setup
        self._segment = segment
        self._variation = partial(error_variation, settings=setup.budget.settings) if variation is None else variation
        self._state = Value("error-watch", WatchState, WatchState())
        self._bets: ErrorBets | LossBets | None = None
        self._mixture: MixtureState | None = None
        self._known: tuple[str, int] | None = None
        self.tables: Tables = (self._state,)

    def begin(self, at_ms: int) -> None:
        """Begin with the panes from a moment on: from now on labels come as they usually do."""
        if self._state.value.since_ms is None:
            self._state.value.since_ms = at_ms
            self._state.changed()

    @property
    def since_ms(self) -> int | None:
        """From when on panes count; None before labels are as usual."""
        return self._state.value.since_ms

    def clear(self) -> None:
        """Forget everything, as the model or its reference is another one."""
        if self._state.value != WatchState():
            self._state.set(WatchState())
        self._bets = self._mixture = self._known = None

    def add(
        self,
        profile: Profile,
        baseline: PerformanceBaseline | None,
        pane: ClosedLabels,
        counts: Sequence[int],
        *,
        untold: float = 0.0,
    ) -> FoundErrors | None:
        """Add a pane; return a change that it brought to light.

        Parameters
        ----------
        counts : sequence of int
            First labels by group of their error: of classes right and wrong predictions.
        untold : float
            From how large a fall on there is one to tell: infinite where an open alert tells of one, and windows
            describe it. Evidence begins anew in any case.
        """
        state, n = self._state.value, sum(counts)
        known = state.since_ms is not None and baseline is not None and pane.start_ms >= state.since_ms
        if not known or baseline is None or n <= 0 or min(counts) < 0:
            return None
        bets = self._against(profile, baseline)
        if bets is None or self._mixture is None:
            return None
        self._state.changed()
        state.times.add(pane.start_ms, n)
        self._note_delays(pane)
        elapsed_ms = max(0, pane.end_ms - state.last_ms) if state.last_ms else self._setup.pane_ms
        rate = self._measure(n, elapsed_ms)
        state.last_ms = pane.end_ms
        thresholds = np.full(COLUMNS, self._threshold(profile))
        alarms = self._mixture.step(
            pane_of(bets.bets, counts_of(counts)),
            bets.fair,
            bets.variation.ratios(rate),
            thresholds,
            elapsed_ms / bets.variation.known_ms,
        )
        found = [self._found(bets, alarm, baseline, pane, rate) for alarm in alarms]
        news = [change for change in found if self._is_news(change, pane.end_ms, untold)]
        self._pack(bets, self._mixture)
        return news[0] if news else None

    def _is_news(self, change: FoundErrors, at_ms: int, untold: float) -> bool:
        """Whether a change is told. Of what matters evidence begins anew; of what does not it stays."""
        state, column = self._state.value, WORSE if change.worse else BETTER
        matters = change.matters(gate_of(change.metric, self._setup.budget.settings))
        if matters and self._mixture is not None:
            self._mixture.clear(column)
        if change.worse and change.change < untold:
            return False
        until_ms, before = state.told.get(column, (0, False))
        if at_ms < until_ms and not (matters and not before):
            return False
        state.told[column] = at_ms + int(self._setup.budget.settings.windows.performance), matters
        return True

    def _measure(self, n: int, elapsed_ms: int) -> float:
        """Return the rate of labels, an hour, lately."""
        state = self._state.value
        memory_ms = _MEMORY * int(self._setup.budget.settings.windows.performance)
        kept = math.exp(-elapsed_ms / memory_ms)
        state.labels = state.labels * kept + n
        state.hours = state.hours * kept + min(elapsed_ms, memory_ms) / HOUR_MS
        return state.labels / state.hours

    def _threshold(self, profile: Profile) -> float:
        budget = self._setup.budget
        horizon_panes = -(-int(budget.settings.alerts.false_alarm_budget.horizon) // self._setup.pane_ms)
        of_segment, n_columns = self._segment != SEGMENT_ALL, len(profile.columns)
        alarms = budget.segment_alarms(n_columns) if of_segment else budget.detector_alarms(n_columns)
        return max(0.0, math.log(COLUMNS * horizon_panes / alarms))

    def _against(self, profile: Profile, baseline: PerformanceBaseline) -> ErrorBets | LossBets | None:
        """Return the bets against a baseline; None where nothing is known of how errors vary."""
        known = (profile.profile_id, xxhash.xxh3_64_intdigest(baseline.vector.tobytes()))
        if known != self._known:
            variation = self._variation(profile)
            bets = None if variation is None else bets_on(profile, baseline, variation)
            self._bets = None if bets is None or bets.n < LEAST_BASELINE else bets
            self._mixture = None if self._bets is None else self._restored(self._bets)
            self._known = known
        return self._bets

    def _restored(self, bets: ErrorBets | LossBets) -> MixtureState:
        """Return what the state holds of these bets, or a fresh beginning."""
        mixture, numbers = MixtureState(bets.bets), np.frombuffer(self._state.value.numbers, dtype="<f4")
        arrays = (mixture.logs, mixture.events, mixture.totals)
        if self._state.value.made_of == _made_of(bets) and numbers.size == sum(each.size for each in arrays):
            for each, own in zip(arrays, np.split(numbers, len(arrays)), strict=True):
                each[...] = own.reshape(each.shape)
        return mixture

    def _pack(self, bets: ErrorBets | LossBets, mixture: MixtureState) -> None:
        parts = (mixture.logs, mixture.events, mixture.totals)
        self._state.value.made_of = _made_of(bets)
        self._state.value.numbers = b"".join(part.astype("<f4").tobytes() for part in parts)

    def _note_delays(self, pane: ClosedLabels) -> None:
        state, n = self._state.value, sum(max(0, each) for each in pane.behind)
        kept = math.exp(-n / _KEPT_LABELS)
        longest = max(len(pane.behind), len(state.behind))
        now, before = ([*each, *[0] * (longest - len(each))] for each in (pane.behind, state.behind))
        state.behind = [kept * old + max(0, new) for old, new in zip(before, now, strict=True)]

    def _usual_delay_ms(self) -> int:
        """Return the median delay of labels, by the middle of windows: so long before it shows a change may begin."""
        size_ms, every = int(self._setup.budget.settings.windows.performance), self._state.value.behind
        seen = 0.0
        for place, n in enumerate(every):
            seen += n
            if seen >= _HALF * sum(every):
                return ((1 << place >> 1) * 2 - 1) * size_ms // 2 if place else 0
        return 0

    def _found(
        self, bets: ErrorBets | LossBets, alarm: Alarm, baseline: PerformanceBaseline, pane: ClosedLabels, rate: float
    ) -> FoundErrors:
        worse = alarm.column == WORSE
        after = bets.after(alarm.change, worse=worse)
        since_ms = self._state.value.times.start_of(max(1.0, alarm.n)) - self._usual_delay_ms()
        return FoundErrors(
            key=self._setup.key,
            segment=self._segment,
            start_ms=pane.start_ms,
            end_ms=pane.end_ms,
            offsets=pane.offsets,
            flags=pane.flags,
            statistic=round(alarm.statistic, 3),
            threshold=round(self._threshold(bets.profile), 3),
            n=round(alarm.n),
            n_independent=alarm.n / bets.variation.ratio(rate),
            metric=bets.metric,
            before=bets.before,
            after=after,
            deviation=bets.deviation(after),
            n_baseline=bets.n,
            origin="the reference" if baseline.origin == "reference" else "the first windows",
            since_ms=since_ms - since_ms % self._setup.pane_ms,
            worse=worse,
        )


def _made_of(bets: ErrorBets | LossBets) -> int:
    return xxhash.xxh3_64_intdigest(bets.bets.thetas.tobytes() + bets.fair.log_means.tobytes())
