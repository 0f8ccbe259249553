"""All methods of the power table, over the events of one model."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.detection.chunked import EVIDENTLY_DEFAULT, NANNYML_DEFAULT, chunked_column
from benchmarks.detection.early import EarlyWatch, Panes
from benchmarks.detection.full import quiet
from benchmarks.detection.kswin import KSWIN_DEFAULT, kswin_alarms
from benchmarks.detection.reference import Reference, SimulatedModel, built, counted
from benchmarks.detection.scenarios import PER_PANE, POWER_STREAMS, correlated, twelve_features
from benchmarks.detection.sequential import (
    ADWIN_DEFAULT,
    DDM_DEFAULT,
    PAGE_HINKLEY_DEFAULT,
    adwin_alarms,
    page_hinkley_alarms,
    standardised,
)
from benchmarks.detection.traffic import PANE_MS, PANES_PER_DAY
from benchmarks.detection.verdicts import Checks
from driftline.profiles.profile import JointReference
from driftline.sketches.joint import Joint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.detection.chunked import ChunkedColumn
    from benchmarks.detection.traffic import Codes, ColumnKind, Day

    Setting = tuple[str, float]

HOUR_MS: Final = 3_600_000
REFERENCE_DAYS: Final = 14
OWN: Final = ("driftline", "driftline, no gates", "driftline, windows")
SCORED: Final = (*OWN, "NannyML rule", "Evidently rule")
"""Methods whose every verdict is a score, held against one number."""
EVENTWISE: Final = ("ADWIN", "Page-Hinkley", "KSWIN")
DEFAULTS: Final = {
    **dict.fromkeys(OWN, 0.0),
    "ADWIN": ADWIN_DEFAULT,
    "Page-Hinkley": PAGE_HINKLEY_DEFAULT,
    "KSWIN": KSWIN_DEFAULT,
    "DDM": DDM_DEFAULT,
    "NannyML rule": NANNYML_DEFAULT,
    "Evidently rule": EVIDENTLY_DEFAULT,
}
"""Of driftline a budget of one false alarm a month, whose logarithm is 0."""
LEAST_SCORES: Final = {**dict.fromkeys(OWN, -6.0), "NannyML rule": 1.5, "Evidently rule": 0.8}
"""Scores from which on they are kept: budgets are not raised past e⁶ false alarms a month."""


BEYOND: Final = 8.0
"""A score of driftline that is beyond every budget that methods are tuned to: that of e⁻⁸ false alarms a month."""


class Events(NamedTuple):
    """Events of a run: codes, shape (columns, n), and their times, even within each pane."""

    codes: Codes
    times_ms: NDArray[np.int64]


class Methods:
    """All methods, with one model's reference.

    Parameters
    ----------
    model : SimulatedModel
    reference : Reference
    joint : tuple
    """

    def __init__(self, model: SimulatedModel, reference: Reference, joint: tuple[Joint, JointReference]) -> None:
        settings = quiet(model.settings())
        self.kinds: Sequence[ColumnKind] = model.kinds
        self.live_ms = model.live_ms
        profile = counted(model, reference, settings, joint)
        self.checks = Checks(profile, model.kinds, settings)
        self._early: Callable[[], EarlyWatch] = lambda: EarlyWatch(profile, model.kinds, settings)
        hours = (reference.times_ms - reference.times_ms[0] // HOUR_MS * HOUR_MS) // HOUR_MS
        self._chunked: list[ChunkedColumn] = [
            chunked_column(kind, codes, hours) for kind, codes in zip(model.kinds, reference.codes, strict=True)
        ]

    def early_scores(self, events: Events, n_days: int) -> list[tuple[int, float, float]]:
        """Return the scores of the e-detectors after each pane, with gates and without: see :class:`EarlyWatch`."""
        watch = self._early()
        return watch.scores(self._counted(watch, events, 0, n_days * PANES_PER_DAY), self.live_ms)

    def watched(self, events: Events, n_panes: int) -> EarlyWatch:
        """Return e-detectors that saw the first panes."""
        watch = self._early()
        watch.scores(self._counted(watch, events, 0, n_panes), self.live_ms)
        return watch

    def further_scores(
        self, watch: EarlyWatch, events: Events, panes: tuple[int, int]
    ) -> list[tuple[int, float, float]]:
        """Return the scores after panes from one on, before another, up to :data:`BEYOND`; the watch stays as it is."""
        further = watch.forked()
        counts = self._counted(further, events, *panes)
        return further.scores(counts, self.live_ms + panes[0] * PANE_MS, BEYOND)

    def _counted(self, watch: EarlyWatch, events: Events, first: int, end: int) -> Panes:
        cuts = np.searchsorted(events.times_ms, self.live_ms + np.array([first, end]) * PANE_MS)
        held = slice(*cuts.tolist())
        panes = (events.times_ms[held] - self.live_ms) // PANE_MS - first
        return watch.counted(events.codes[:, held], panes, end - first)

    def chunk_scores(self, events: Events, n_hours: int, column: int) -> NDArray[np.float64]:
        """Return the scores of the chunked rules, shape (2, hours)."""
        hours = (events.times_ms - self.live_ms) // HOUR_MS
        return self._chunked[column].scores(events.codes[column], hours, n_hours)


def eventwise_alarms(
    kind: ColumnKind, reference: Codes, events: Events, column: int, settings: Sequence[Setting]
) -> dict[str, list[int]]:
    """Return the times of the alarms of event-wise detectors, by ``method/parameter``; KSWIN's of numbers only."""
    detectors = {"ADWIN": adwin_alarms, "Page-Hinkley": page_hinkley_alarms, "KSWIN": kswin_alarms}
    values, held = standardised(kind, reference, events.codes[column])
    times = events.times_ms[held]
    return {
        f"{method}/{parameter:g}": times[detectors[method](values, parameter)].tolist()
        for method, parameter in settings
        if kind.numeric or method != "KSWIN"
    }


def together(
    ends: Sequence[int], of_windows: NDArray[np.float64], early: Sequence[tuple[int, float, float]]
) -> list[tuple[list[int], list[float]]]:
    """Return times and scores of driftline, of it without gates, and of its windows alone, in the order of time.

    ``of_windows``, shape (2, windows), are those of windows with gates and without.
    """
    found = []
    for gates in (0, 1):
        both = sorted([*zip(ends, of_windows[gates].tolist(), strict=True), *((at, of[gates]) for at, *of in early)])
        found.append(([at for at, _ in both], [score for _, score in both]))
    return [*found, ([*ends], of_windows[0].tolist())]


def model_of(stream: str, seed: int, name: str) -> SimulatedModel:
    """Return a model of the power table."""
    kind = POWER_STREAMS[stream]
    return SimulatedModel(twelve_features(kind.marginal), kind, seed, REFERENCE_DAYS, PER_PANE, name)


def drawn(model: SimulatedModel, n_days: int) -> tuple[Reference, Events]:
    """Return reference and events of a model, the two correlated columns included."""
    reference, days = model.traffic(n_days)
    held = list(islice(days, n_days))
    codes = correlated(np.concatenate([day.codes for day in held], axis=1))
    times_ms = np.concatenate([even_times_ms(day) for day in held])
    return Reference(correlated(reference.codes), reference.times_ms), Events(codes, times_ms)


def even_times_ms(day: Day) -> NDArray[np.int64]:
    """Return the times of a day's events, even within each pane; shape (n,)."""
    counts, firsts = np.bincount(day.panes), np.searchsorted(day.panes, day.panes)
    within = (np.arange(day.panes.size) - firsts + 0.5) / counts[day.panes]
    return day.start_ms + ((day.panes + within) * PANE_MS).astype(np.int64)


def joint_of(stream: str, folder: Path) -> tuple[Joint, JointReference]:
    """Return what the correlations of a stream are held against, of a model that is in no table; kept in a file."""
    path = folder / f"joint-power-{stream.replace(', ', '-').replace(' ', '-')}.msgpack"
    if not path.exists():
        model = model_of(stream, 0, "joint")
        reference, _ = model.traffic(0)
        profile = built(model, Reference(correlated(reference.codes), reference.times_ms), quiet(model.settings()))
        path.write_bytes(msgspec.msgpack.encode((profile.joint, profile.joint_reference)))
    return msgspec.msgpack.decode(path.read_bytes(), type=tuple[Joint, JointReference])
