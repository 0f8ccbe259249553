"""Months without any change: every method is tuned on some, and its false alarms are counted on others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from benchmarks.detection.methods import (
    HOUR_MS,
    LEAST_SCORES,
    OWN,
    SCORED,
    Methods,
    drawn,
    eventwise_alarms,
    joint_of,
    model_of,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.detection.methods import Setting

MONTH_DAYS: Final = 30
MINUTE_MS: Final = 60_000


class Month(Struct, frozen=True, kw_only=True):
    """A month without change.

    Parameters
    ----------
    stream : str
    seed : int
    scores : dict of str to list of (int, float)
        By method of :data:`~benchmarks.detection.methods.SCORED`: time from the beginning in ms and the score of the
        highest column of a verdict.
    alarms : dict of str to list of int
        By ``method/parameter``: times of the alarms of any column, in ms from the beginning, one a minute.
    """

    stream: str
    seed: int
    scores: dict[str, list[tuple[int, float]]]
    alarms: dict[str, list[int]]


def month(stream: str, seed: int, folder: Path) -> Month:
    """Run all methods whose verdicts are scores over a month without change."""
    model = model_of(stream, seed, "month")
    reference, events = drawn(model, MONTH_DAYS)
    methods = Methods(model, reference, joint_of(stream, folder))
    columns = range(len(model.kinds))
    spans = methods.checks.spans(events.times_ms, model.live_ms)
    checked = [methods.checks.scores(spans, index, events.codes[index]) for index in columns]
    highest = np.max([*checked, methods.checks.joint_scores(spans, events.codes)], axis=0)
    n_hours = MONTH_DAYS * 24
    chunked = np.max([methods.chunk_scores(events, n_hours, index) for index in columns], axis=0)
    ends = [span.end_ms - model.live_ms for span in spans]
    hours = [(hour + 1) * HOUR_MS for hour in range(n_hours)]
    early = [(at - model.live_ms, gated, plain) for at, gated, plain in methods.early_scores(events, MONTH_DAYS)]
    scores = [*together(ends, highest, early), *zip((hours, hours), chunked, strict=True)]
    return Month(
        stream=stream,
        seed=seed,
        scores={
            name: [(at, float(score)) for at, score in zip(times, of, strict=True) if score > LEAST_SCORES[name]]
            for name, (times, of) in zip(SCORED, scores, strict=True)
        },
        alarms={},
    )


def alarms_of_month(stream: str, seed: int, settings: Sequence[Setting]) -> Month:
    """Run only the event-wise detectors over a month without change."""
    model = model_of(stream, seed, "month")
    reference, events = drawn(model, MONTH_DAYS)
    alarms: dict[str, list[int]] = {}
    for index, kind in enumerate(model.kinds):
        for name, times in eventwise_alarms(kind, reference.codes[index], events, index, settings).items():
            alarms.setdefault(name, []).extend(time - model.live_ms for time in times)
    return Month(stream=stream, seed=seed, scores={}, alarms={name: thinned(of) for name, of in alarms.items()})


def thinned(times_ms: Iterable[int]) -> list[int]:
    """Return the first alarm of each minute, ascending.

    Examples
    --------
    >>> thinned([61_000, 1_000, 2_000])
    [1000, 61000]
    """
    firsts: dict[int, int] = {}
    for time in sorted(times_ms):
        firsts.setdefault(time // MINUTE_MS, time)
    return [*firsts.values()]


def openings(times_ms: Sequence[int], quiet_ms: float) -> int:
    """Return how many alerts alarms open: an alert resolves after two clean windows, so what comes later is another.

    Examples
    --------
    >>> openings([0, 3_600_000, 36_000_000], 2.5 * HOUR_MS)
    2
    """
    count, last = 0, -math.inf
    for time in sorted(times_ms):
        count += time - last > quiet_ms
        last = time
    return count


def quiet_ms(method: str) -> float:
    """Return how long a method must be silent for an alert to resolve: two of its windows and a half.

    Those of driftline are of three hours here, as an hour has too few events for a verdict.
    """
    return (7.5 if method in OWN else 2.5) * HOUR_MS


def alarms_at(month: Month, method: str, parameter: float) -> list[int]:
    """Return the times at which a method with its number alarms."""
    if method in SCORED:
        return [at for at, score in month.scores[method] if score >= parameter]
    return month.alarms.get(f"{method}/{parameter:g}", [])


def rate_of(months: Sequence[Month], method: str, parameter: float) -> float:
    """Return the alerts that open in a month."""
    opened = (openings(alarms_at(each, method, parameter), quiet_ms(method)) for each in months)
    return sum(opened) / max(len(months), 1)


def alarmed(months: Sequence[Month], method: str, parameter: float) -> float:
    """Return the fraction of hours with an alarm."""
    hours = sum(len({at // HOUR_MS for at in alarms_at(each, method, parameter)}) for each in months)
    return hours / (max(len(months), 1) * MONTH_DAYS * 24)
