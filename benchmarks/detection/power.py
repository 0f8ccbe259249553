"""Detection delays at equal rates of false alarms: driftline beside other rules, tuned on separate streams.

Two passes, each kept a line a stream: months without any change, on which every method is tuned, and others on which
its rate of false alarms is counted; then changes, with the onset at random.
"""

from __future__ import annotations

import math
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from benchmarks.detection.chunked import chunked_column
from benchmarks.detection.early import EarlyWatch
from benchmarks.detection.full import quiet
from benchmarks.detection.reference import Reference, SimulatedModel, built, counted
from benchmarks.detection.scenarios import PER_PANE, POWER_STREAMS, SCENARIOS, correlated, twelve_features, z_of
from benchmarks.detection.sequential import adwin_alarms, page_hinkley_alarms, standardised
from benchmarks.detection.traffic import DAY_MS, PANE_MS
from benchmarks.detection.verdicts import Checks
from driftline.profiles.profile import JointReference
from driftline.sketches.joint import Joint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.detection.chunked import ChunkedColumn
    from benchmarks.detection.traffic import Codes, ColumnKind

_T = TypeVar("_T")

HOUR_MS: Final = 3_600_000
REFERENCE_DAYS: Final = 14
MONTH_DAYS: Final = 30
N_MONTHS: Final = 15
"""Two thirds of them to tune on."""
N_RUNS: Final = 40
LIVE_DAYS: Final = 4
FOLLOWED_HOURS: Final = 48
"""After the onset, which lies in the second day: later than that counts as not found."""
SCORED: Final = ("driftline", "driftline, no gates", "driftline, windows", "NannyML rule", "Evidently rule")
"""Methods whose every verdict is a score, held against one number."""
ADWIN_DELTAS: Final = {
    "independent": (0.05, 0.02, 0.007, 0.002, 5e-4, 1e-4, 1e-5),
    "autocorrelated, seasonal": (0.002, 1e-40, 1e-60, 1e-75, 1e-90, 1e-110),
}
PAGE_HINKLEY_THRESHOLDS: Final = {
    "independent": (50.0, 200.0, 280.0, 330.0, 380.0, 430.0, 500.0, 600.0, 800.0),
    "autocorrelated, seasonal": (50.0, 800.0, 1_200.0, 1_500.0, 1_800.0, 2_200.0, 2_800.0, 3_600.0),
}
"""Numbers between which the event-wise detectors are tuned, and their defaults."""


class Month(Struct, frozen=True, kw_only=True):
    """A month without change.

    Parameters
    ----------
    stream : str
    seed : int
    scores : dict of str to list of (int, float)
        By method of :data:`SCORED`: time from the beginning in ms and the score of the highest column of a verdict.
    alarms : dict of str to list of int
        By ``method/parameter``: times of the alarms of any column, in ms from the beginning.
    """

    stream: str
    seed: int
    scores: dict[str, list[tuple[int, float]]]
    alarms: dict[str, list[int]]


class Change(Struct, frozen=True, kw_only=True):
    """What each method made of one change.

    Parameters
    ----------
    stream : str
    seed : int
    scenario : str
    onset_ms : int
    scores : dict of str to list of (int, float)
        As in :class:`Month`, from the onset on, in ms from it.
    alarms : dict of str to list of int
        The same.
    """

    stream: str
    seed: int
    scenario: str
    onset_ms: int
    scores: dict[str, list[tuple[int, float]]]
    alarms: dict[str, list[int]]


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
        self._reference = reference
        profile = counted(model, reference, settings, joint)
        self.checks = Checks(profile, model.kinds, settings)
        self._early: Callable[[], EarlyWatch] = lambda: EarlyWatch(profile, model.kinds, settings)
        hours = (reference.times_ms - reference.times_ms[0] // HOUR_MS * HOUR_MS) // HOUR_MS
        self._chunked: list[ChunkedColumn] = [
            chunked_column(kind, codes, hours) for kind, codes in zip(model.kinds, reference.codes, strict=True)
        ]

    def early_scores(self, events: Events, since_ms: int, n_days: int) -> list[tuple[int, float, float]]:
        """Return the scores of the e-detectors after each pane, with gates and without: see :class:`EarlyWatch`."""
        watch, n_panes = self._early(), n_days * DAY_MS // PANE_MS
        panes = (events.times_ms - since_ms) // PANE_MS
        return watch.scores(watch.counted(events.codes, panes, n_panes), since_ms)

    def chunk_scores(self, events: Events, since_ms: int, n_hours: int, column: int) -> NDArray[np.float64]:
        """Return the scores of the chunked rules, shape (2, hours)."""
        hours = (events.times_ms - since_ms) // HOUR_MS
        return self._chunked[column].scores(events.codes[column], hours, n_hours)

    def alarms(self, events: Events, column: int, settings: Sequence[tuple[str, float]]) -> dict[str, list[int]]:
        """Return the times of the alarms of event-wise detectors, by ``method/parameter``."""
        values, held = standardised(self.kinds[column], self._reference.codes[column], events.codes[column])
        times = events.times_ms[held]
        found = {}
        for method, parameter in settings:
            detect = adwin_alarms if method == "ADWIN" else page_hinkley_alarms
            found[f"{method}/{parameter:g}"] = times[detect(values, parameter)].tolist()
        return found


def model_of(stream: str, seed: int, name: str) -> SimulatedModel:
    """Return a model of the power table."""
    return SimulatedModel(twelve_features(), POWER_STREAMS[stream], seed, REFERENCE_DAYS, PER_PANE, name)


def drawn(model: SimulatedModel, n_days: int) -> tuple[Reference, Events]:
    """Return reference and events of a model, the two correlated columns included."""
    reference, days = model.traffic(n_days)
    held = list(islice(days, n_days))
    codes = correlated(np.concatenate([day.codes for day in held], axis=1))
    times = []
    for day in held:
        first = np.searchsorted(day.panes, day.panes)
        counts = np.bincount(day.panes)
        within = (np.arange(day.panes.size) - first + 0.5) / counts[day.panes]
        times.append(day.start_ms + ((day.panes + within) * PANE_MS).astype(np.int64))
    return Reference(correlated(reference.codes), reference.times_ms), Events(codes, np.concatenate(times))


def joint_of(stream: str, folder: Path) -> tuple[Joint, JointReference]:
    """Return what the correlations of a stream are held against, of a model that is in no table; kept in a file."""
    path = folder / f"joint-power-{list(POWER_STREAMS).index(stream)}.msgpack"
    if not path.exists():
        model = model_of(stream, 0, "joint")
        profile = built(model, _reference_of(model), quiet(model.settings()))
        path.write_bytes(msgspec.msgpack.encode((profile.joint, profile.joint_reference)))
    return msgspec.msgpack.decode(path.read_bytes(), type=tuple[Joint, JointReference])


def _reference_of(model: SimulatedModel) -> Reference:
    reference, _ = model.traffic(0)
    return Reference(correlated(reference.codes), reference.times_ms)


def month(stream: str, seed: int, settings: Sequence[tuple[str, float]], folder: Path) -> Month:
    """Run all methods over a month without change."""
    model = model_of(stream, seed, "month")
    reference, events = drawn(model, MONTH_DAYS)
    methods = Methods(model, reference, joint_of(stream, folder))
    columns = range(len(model.kinds))
    spans = methods.checks.spans(events.times_ms, model.live_ms)
    checked = [methods.checks.scores(spans, index, events.codes[index]) for index in columns]
    highest = np.max([*checked, methods.checks.joint_scores(spans, events.codes)], axis=0)
    n_hours = MONTH_DAYS * 24
    chunked = np.max([methods.chunk_scores(events, model.live_ms, n_hours, index) for index in columns], axis=0)
    ends = [span.end_ms - model.live_ms for span in spans]
    hours = [(hour + 1) * HOUR_MS for hour in range(n_hours)]
    alarms: dict[str, list[int]] = {}
    for index in columns:
        for name, times in methods.alarms(events, index, settings).items():
            alarms.setdefault(name, []).extend(time - model.live_ms for time in times)
    early = methods.early_scores(events, model.live_ms, MONTH_DAYS)
    early = [(at - model.live_ms, gated, plain) for at, gated, plain in early]
    scores = [*together(ends, highest, early), *zip((hours, hours), chunked, strict=True)]
    return Month(
        stream=stream,
        seed=seed,
        scores={
            name: [(at, float(score)) for at, score in zip(times, of, strict=True) if score > _LEAST[name]]
            for name, (times, of) in zip(SCORED, scores, strict=True)
        },
        alarms={name: sorted(times) for name, times in alarms.items()},
    )


_LEAST: Final = {
    "driftline": -6.0,
    "driftline, no gates": -6.0,
    "driftline, windows": -6.0,
    "NannyML rule": 1.5,
    "Evidently rule": 0.8,
}
"""Scores from which on they are kept."""


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


def changes(stream: str, seed: int, settings: Sequence[tuple[str, float]], folder: Path) -> list[Change]:
    """Run all methods over all changes of one stream, all at the same random onset."""
    model = model_of(stream, seed, "change")
    reference, before = drawn(model, LIVE_DAYS)
    methods = Methods(model, reference, joint_of(stream, folder))
    rng = np.random.default_rng([seed, 7])
    onset_ms = model.live_ms + DAY_MS + int(rng.integers(0, DAY_MS))
    end_ms = onset_ms + FOLLOWED_HOURS * HOUR_MS
    after = before.times_ms >= onset_ms
    hours = (before.times_ms[after] - onset_ms) / HOUR_MS + 1e-9
    spans = methods.checks.spans(before.times_ms, model.live_ms)
    n_hours, columns = LIVE_DAYS * 24, range(len(model.kinds))
    ends = np.array([span.end_ms for span in spans])
    chunk_ends = model.live_ms + (np.arange(n_hours) + 1) * HOUR_MS
    checked = {index: methods.checks.scores(spans, index, before.codes[index]) for index in columns}
    chunked = {index: methods.chunk_scores(before, model.live_ms, n_hours, index) for index in columns}
    alarms = {index: methods.alarms(before, index, settings) for index in columns}
    joint = methods.checks.joint_scores(spans, before.codes)
    found = []
    for scenario in SCENARIOS:
        codes = before.codes.copy()
        wanted = list(scenario.columns)
        z = z_of(codes[wanted][:, after])
        codes[np.ix_(np.array(wanted), np.flatnonzero(after))] = scenario.change(z, hours, rng)
        events = Events(codes, before.times_ms)
        mine = dict(checked), dict(chunked), dict(alarms)
        for index in wanted:
            mine[0][index] = methods.checks.scores(spans, index, codes[index])
            mine[1][index] = methods.chunk_scores(events, model.live_ms, n_hours, index)
            mine[2][index] = methods.alarms(events, index, settings)
        of_pairs = methods.checks.joint_scores(spans, codes) if len(wanted) > 1 else joint
        highest = np.max([*mine[0].values(), of_pairs], axis=0)
        early = methods.early_scores(events, model.live_ms, LIVE_DAYS)
        chunks = np.max(list(mine[1].values()), axis=0)
        scores = [
            *together(ends.tolist(), highest, early),
            *zip((chunk_ends.tolist(), chunk_ends.tolist()), chunks, strict=True),
        ]
        of_names: dict[str, list[int]] = {}
        for of_column in mine[2].values():
            for name, times in of_column.items():
                of_names.setdefault(name, []).extend(time - onset_ms for time in times if onset_ms < time <= end_ms)
        found.append(
            Change(
                stream=stream,
                seed=seed,
                scenario=scenario.name,
                onset_ms=onset_ms - model.live_ms,
                scores={
                    name: [
                        (int(at - onset_ms), float(score))
                        for at, score in zip(times, of, strict=True)
                        if score > _LEAST[name] and onset_ms < at <= end_ms
                    ]
                    for name, (times, of) in zip(SCORED, scores, strict=True)
                },
                alarms={name: sorted(times) for name, times in of_names.items()},
            )
        )
    return found


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
    return (7.5 if method.startswith("driftline") else 2.5) * HOUR_MS


def grid(stream: str) -> list[tuple[str, float]]:
    """Return the settings of event-wise detectors that are looked at."""
    return [
        *(("ADWIN", delta) for delta in ADWIN_DELTAS[stream]),
        *(("Page-Hinkley", threshold) for threshold in PAGE_HINKLEY_THRESHOLDS[stream]),
    ]


def alarms_of_month(stream: str, seed: int, settings: Sequence[tuple[str, float]], folder: Path) -> Month:
    """Run only the event-wise detectors over a month without change."""
    model = model_of(stream, seed, "month")
    reference, events = drawn(model, MONTH_DAYS)
    methods = Methods(model, reference, joint_of(stream, folder))
    alarms: dict[str, list[int]] = {}
    for index in range(len(model.kinds)):
        for name, times in methods.alarms(events, index, settings).items():
            alarms.setdefault(name, []).extend(time - model.live_ms for time in times)
    return Month(stream=stream, seed=seed, scores={}, alarms={name: sorted(times) for name, times in alarms.items()})


def _alarms(job: tuple[str, int, list[tuple[str, float]], Path]) -> Month:
    return alarms_of_month(*job)


def run_alarms(
    folder: Path, seeds: Sequence[int], processes: int, settings: dict[str, list[tuple[str, float]]]
) -> list[Month]:
    """Run the event-wise detectors with these settings over months that they were not tuned on."""
    path = folder / "alarms.ndjson"
    done = _kept(path, Month)
    known = {(each.stream, each.seed) for each in done}
    jobs = [(stream, seed, settings[stream], folder) for seed in seeds for stream in POWER_STREAMS]
    missing = [job for job in jobs if job[:2] not in known]
    with get_context("spawn").Pool(processes) as pool, path.open("ab") as lines:
        for found in pool.imap_unordered(_alarms, missing):
            lines.write(msgspec.json.encode(found) + b"\n")
            lines.flush()
            done.append(found)
    return done


def _month(job: tuple[str, int, Path]) -> Month:
    stream, seed, folder = job
    return month(stream, seed, grid(stream), folder)


def _changes(job: tuple[str, int, list[tuple[str, float]], Path]) -> list[Change]:
    return changes(*job)


def run_months(folder: Path, n_months: int, processes: int) -> list[Month]:
    """Run the months that no line is kept of yet."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "months.ndjson"
    done = {(each.stream, each.seed): each for each in _kept(path, Month)}
    for stream in POWER_STREAMS:
        joint_of(stream, folder)
    jobs = [(stream, seed, folder) for seed in range(1, n_months + 1) for stream in POWER_STREAMS]
    missing = [job for job in jobs if job[:2] not in done]
    with get_context("spawn").Pool(processes) as pool, path.open("ab") as lines:
        for found in pool.imap_unordered(_month, missing):
            lines.write(msgspec.json.encode(found) + b"\n")
            lines.flush()
            done[found.stream, found.seed] = found
    return list(done.values())


def run_changes(
    folder: Path, n_runs: int, processes: int, settings: dict[str, list[tuple[str, float]]]
) -> list[Change]:
    """Run the changes that no line is kept of yet, with these settings of event-wise detectors by stream."""
    path = folder / "changes.ndjson"
    done = _kept(path, Change)
    known = {(each.stream, each.seed) for each in done}
    jobs = [(s, seed, settings[s], folder) for seed in range(1, n_runs + 1) for s in POWER_STREAMS]
    missing = [job for job in jobs if job[:2] not in known]
    with get_context("spawn").Pool(processes) as pool, path.open("ab") as lines:
        for found in pool.imap_unordered(_changes, missing):
            lines.write(b"".join(msgspec.json.encode(each) + b"\n" for each in found))
            lines.flush()
            done += found
    return done


def kept_months(folder: Path) -> list[Month]:
    """Return the months that lines are kept of."""
    return _kept(folder / "months.ndjson", Month)


def kept_alarms(folder: Path) -> list[Month]:
    """Return the alarms of tuned detectors that lines are kept of."""
    return _kept(folder / "alarms.ndjson", Month)


def kept_changes(folder: Path) -> list[Change]:
    """Return the changes that lines are kept of."""
    return _kept(folder / "changes.ndjson", Change)


def _kept(path: Path, kind: type[_T]) -> list[_T]:
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().split(b"\n")[:-1]]
