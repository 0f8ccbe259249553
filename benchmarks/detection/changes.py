"""Changes at a random moment: how long each method takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct

from benchmarks.detection.methods import (
    HOUR_MS,
    SCORED,
    Events,
    Methods,
    drawn,
    eventwise_alarms,
    joint_of,
    model_of,
    together,
)
from benchmarks.detection.scenarios import SCENARIOS, Onward
from benchmarks.detection.traffic import DAY_MS, PANE_MS, PANES_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.detection.methods import Setting
    from benchmarks.detection.scenarios import Scenario
    from benchmarks.detection.verdicts import Span

DAYS_BEFORE: Final = 2
"""The onset is in the last of them."""


class Change(Struct, frozen=True, kw_only=True):
    """What each method made of one change.

    Parameters
    ----------
    stream : str
    seed : int
    scenario : str
    onset_ms : int
        From the beginning.
    scores : dict of str to list of (int, float)
        By method of :data:`~benchmarks.detection.methods.SCORED`: times from the onset, in ms, at which the score is
        higher than ever since the onset, and the score.
    alarms : dict of str to int
        By ``method/parameter``: time of the first alarm from the onset, in ms.
    """

    stream: str
    seed: int
    scenario: str
    onset_ms: int
    scores: dict[str, list[tuple[int, float]]]
    alarms: dict[str, int]

    def delay_ms(self, method: str, parameter: float) -> float:
        """Return the time from the onset to the first alarm of a method with its number; infinity where none was."""
        if method not in SCORED:
            return self.alarms.get(f"{method}/{parameter:g}", math.inf)
        return next((at for at, score in self.scores[method] if score >= parameter), math.inf)


class _Column(NamedTuple):
    """What one column of a run comes to: scores of checks and chunked rules, shape (2, windows); alarms."""

    checked: NDArray[np.float64]
    chunked: NDArray[np.float64]
    alarms: dict[str, list[int]]


class _Run:
    """One run without a change, from which those with a change are made."""

    def __init__(self, stream: str, seed: int, settings: Sequence[Setting], folder: Path) -> None:
        model = model_of(stream, seed, "change")
        self._n_days = DAYS_BEFORE + max(scenario.followed_hours for scenario in SCENARIOS) // 24
        self._reference, self.events = drawn(model, self._n_days)
        self._methods = Methods(model, self._reference, joint_of(stream, folder))
        self.rng = np.random.default_rng([seed, 7])
        self.live_ms, self.kinds, self._settings = model.live_ms, model.kinds, settings
        self.onset_ms = self.live_ms + (DAYS_BEFORE - 1) * DAY_MS + int(self.rng.integers(0, DAY_MS))
        spans = self._methods.checks.spans(self.events.times_ms, self.live_ms)
        self._spans = [span for span in spans if span.end_ms > self.onset_ms]
        self._columns = [self._column(self.events, self._n_days, index) for index in range(len(model.kinds))]
        self._first_pane = (self.onset_ms - self.live_ms) // PANE_MS
        self._watch = self._methods.watched(self.events, self._first_pane)
        self._pairs = self._methods.checks.joint_scores(self._spans, self.events.codes)

    def _within(self, n_days: int) -> list[Span]:
        return [span for span in self._spans if span.end_ms <= self.live_ms + n_days * DAY_MS]

    def _column(self, events: Events, n_days: int, index: int) -> _Column:
        return _Column(
            self._methods.checks.scores(self._within(n_days), index, events.codes[index]),
            self._methods.chunk_scores(events, n_days * 24, index),
            eventwise_alarms(self.kinds[index], self._reference.codes[index], events, index, self._settings),
        )

    def changed(self, scenario: Scenario) -> tuple[dict[str, list[tuple[int, float]]], dict[str, int]]:
        """Return scores and first alarms after the onset of a change, as in :class:`Change`."""
        n_days = DAYS_BEFORE + scenario.followed_hours // 24
        events = self._with(scenario, n_days)
        spans, chunk_ends = self._within(n_days), self.live_ms + (np.arange(n_days * 24) + 1) * HOUR_MS
        columns = [
            self._column(events, n_days, index) if index in scenario.columns else held
            for index, held in enumerate(self._columns)
        ]
        together_changed = len(scenario.columns) > 1
        pairs = self._methods.checks.joint_scores(spans, events.codes) if together_changed else self._pairs
        highest = np.max([*(each.checked[:, : len(spans)] for each in columns), pairs[:, : len(spans)]], axis=0)
        chunks = np.max([each.chunked[:, : chunk_ends.size] for each in columns], axis=0)
        panes = self._first_pane, n_days * PANES_PER_DAY
        early = self._methods.further_scores(self._watch, events, panes)
        scores = [
            *together([span.end_ms for span in spans], highest, early),
            *zip((chunk_ends.tolist(), chunk_ends.tolist()), chunks.tolist(), strict=True),
        ]
        end_ms = self.onset_ms + scenario.followed_hours * HOUR_MS
        alarms: dict[str, int] = {}
        for column in columns:
            for name, times in column.alarms.items():
                after = min((time for time in times if self.onset_ms < time <= end_ms), default=None)
                if after is not None:
                    alarms[name] = min(after - self.onset_ms, alarms.get(name, after - self.onset_ms))
        found = {}
        for name, of in zip(SCORED, scores, strict=True):
            followed = [(at, score) for at, score in zip(*of, strict=True) if self.onset_ms < at <= end_ms]
            found[name] = risen((at - self.onset_ms, score) for at, score in followed)
        return found, alarms

    def _with(self, scenario: Scenario, n_days: int) -> Events:
        n = int(np.searchsorted(self.events.times_ms, self.live_ms + n_days * DAY_MS))
        codes, times_ms = self.events.codes[:, :n].copy(), self.events.times_ms[:n]
        first = int(np.searchsorted(times_ms, self.onset_ms))
        hours = (times_ms[first:] - self.onset_ms) / HOUR_MS + 1e-9
        after = Onward(self.kinds, codes[:, first:].copy(), hours, codes[:, first - 1], self.rng)
        codes[list(scenario.columns), first:] = scenario.change(after)
        return Events(codes, times_ms)


def risen(scores: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the scores that are higher than all before.

    Examples
    --------
    >>> risen([(1, 0.5), (2, 0.4), (3, 0.9)])
    [(1, 0.5), (3, 0.9)]
    """
    found: list[tuple[int, float]] = []
    for at, score in scores:
        if score > (found[-1][1] if found else -math.inf):
            found.append((at, float(score)))
    return found


def changes(stream: str, seed: int, settings: Sequence[Setting], folder: Path) -> list[Change]:
    """Run all methods over all changes of one stream, all at the same random onset."""
    run = _Run(stream, seed, settings, folder)
    found = []
    for scenario in SCENARIOS:
        scores, alarms = run.changed(scenario)
        found.append(
            Change(
                stream=stream,
                seed=seed,
                scenario=scenario.name,
                onset_ms=run.onset_ms - run.live_ms,
                scores=scores,
                alarms=alarms,
            )
        )
    return found
