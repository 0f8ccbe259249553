"""Detection delays at equal rates of false alarms: driftline beside other rules, tuned on separate streams.

Months without any change: on the first ones every method is tuned, on the others its rate of false alarms is counted.
Then changes, with the onset at random. All is kept a line a stream and seed, so a run goes on where it ended.
"""

from __future__ import annotations

from functools import partial
from itertools import starmap
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec

from benchmarks.detection.changes import Change, changes
from benchmarks.detection.errors import ERROR_STREAMS, FALLS, OF_ERRORS, error_alarms, error_changes, error_month
from benchmarks.detection.methods import DEFAULTS, EVENTWISE, OWN, SCORED, joint_of
from benchmarks.detection.months import Month, alarms_of_month, month
from benchmarks.detection.scenarios import POWER_STREAMS, SCENARIOS, TWO_DAYS
from benchmarks.detection.tuning import best, next_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.detection.methods import Setting

_Found = TypeVar("_Found")
_Kept = TypeVar("_Kept", Month, Change)

N_MONTHS: Final = 28
N_TUNING: Final = 12
"""Months to tune on, the first; at most half of them."""
N_RUNS: Final = 40


class Study(NamedTuple):
    """What is compared: of which streams, and by which functions.

    Attributes
    ----------
    prefix : str
        Of the files of its results.
    streams : tuple of str
    methods, eventwise : tuple of str
        All, and those that are run anew for each of their settings.
    rows : dict of str to int
        Hours for which each change is followed, by name.
    month, alarms, changes : callable
        What runs a month without change, its event-wise detectors, and all changes.
    """

    prefix: str
    streams: tuple[str, ...]
    methods: tuple[str, ...]
    eventwise: tuple[str, ...]
    rows: dict[str, int]
    month: Callable[[str, int, Path], Month]
    alarms: Callable[[str, int, Sequence[Setting]], Month]
    changes: Callable[[str, int, Sequence[Setting], Path], list[Change]]

    @property
    def shown(self) -> tuple[str, ...]:
        """Methods that are compared: without the variants of driftline."""
        return tuple(method for method in self.methods if method not in OWN[1:])


COLUMNS: Final = Study(
    prefix="",
    streams=tuple(POWER_STREAMS),
    methods=(*OWN, *EVENTWISE, *SCORED[len(OWN) :]),
    eventwise=EVENTWISE,
    rows={scenario.name: scenario.followed_hours for scenario in SCENARIOS},
    month=month,
    alarms=alarms_of_month,
    changes=changes,
)
"""Changes of columns."""


ERRORS: Final = Study(
    prefix="errors-",
    streams=ERROR_STREAMS,
    methods=(OWN[0], *OF_ERRORS),
    eventwise=OF_ERRORS,
    rows=dict.fromkeys(FALLS, TWO_DAYS),
    month=error_month,
    alarms=error_alarms,
    changes=error_changes,
)
"""Falls of accuracy."""


class Kept:
    """The results of a study in a folder.

    Parameters
    ----------
    folder : Path
    study : Study
    n_months, n_runs : int
        Of each stream; seeds from 1 on.
    """

    def __init__(self, folder: Path, study: Study = COLUMNS, n_months: int = N_MONTHS, n_runs: int = N_RUNS) -> None:
        self.folder, self.study = folder, study
        folder.mkdir(parents=True, exist_ok=True)
        self._seeds, self._runs = range(1, n_months + 1), range(1, n_runs + 1)
        self._months = {
            (stream, seed): Month(stream=stream, seed=seed, scores={}, alarms={})
            for stream in study.streams
            for seed in self._seeds
        }
        for name in ("months.ndjson", "alarms.ndjson"):
            for each in _kept(self._path(name), Month):
                self._add(each)
        self.changes = [each for each in _kept(self._path("changes.ndjson"), Change) if each.seed in self._runs]

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.study.prefix}{name}"

    def _add(self, found: Month) -> None:
        month = self._months.get((found.stream, found.seed))
        if month is not None:
            month.scores.update(found.scores)
            month.alarms.update(found.alarms)

    def months(self, stream: str) -> tuple[list[Month], list[Month]]:
        """Return the months of a stream to tune on, and those to count false alarms on."""
        cut = min(N_TUNING, len(self._seeds) // 2)
        known = [self._months[stream, seed] for seed in self._seeds]
        return known[:cut], known[cut:]

    def settings(self, stream: str) -> list[Setting]:
        """Return the tuned settings of event-wise detectors and their defaults."""
        held, _ = self.months(stream)
        tuned = (best(held, method) for method in self.study.eventwise)
        reached = ((each.method, each.parameter) for each in tuned if each.reached)
        return [*reached, *((method, DEFAULTS[method]) for method in self.study.eventwise)]

    def run_months(self, processes: int) -> None:
        """Run the months that no line is kept of yet."""
        if self.study.prefix == COLUMNS.prefix:
            for stream in self.study.streams:
                joint_of(stream, self.folder)
        jobs = [(stream, seed, self.folder) for seed in self._seeds for stream in self.study.streams]
        missing = [job for job in jobs if not self._months[job[:2]].scores]
        for found in self._written("months.ndjson", _each(self.study.month, missing, processes)):
            self._add(found)

    def run_alarms(self, processes: int) -> None:
        """Tune the event-wise detectors, step by step, and run them with what they are tuned to over other months."""
        while jobs := [job for stream in self.study.streams for job in self._missing_alarms(stream)]:
            for found in self._written("alarms.ndjson", _each(self.study.alarms, jobs, processes)):
                self._add(found)

    def _missing_alarms(self, stream: str) -> Iterator[tuple[str, int, list[Setting]]]:
        held, others = self.months(stream)
        wanted = [(method, parameter) for method in self.study.eventwise for parameter in next_parameters(held, method)]
        for months, settings in ((held, wanted), (others, [] if wanted else self.settings(stream))):
            for each in months:
                missing = [setting for setting in settings if f"{setting[0]}/{setting[1]:g}" not in each.alarms]
                if missing:
                    yield stream, each.seed, missing

    def run_changes(self, processes: int) -> None:
        """Run the changes that no line is kept of yet."""
        known = {(each.stream, each.seed) for each in self.changes}
        settings = {stream: self.settings(stream) for stream in self.study.streams}
        jobs = [(stream, seed, settings[stream], self.folder) for seed in self._runs for stream in self.study.streams]
        missing = [job for job in jobs if job[:2] not in known]
        with self._path("changes.ndjson").open("ab") as lines:
            for found in _each(self.study.changes, missing, processes):
                lines.write(b"".join(msgspec.json.encode(each) + b"\n" for each in found))
                lines.flush()
                self.changes += found

    def _written(self, name: str, months: Iterable[Month]) -> Iterator[Month]:
        with self._path(name).open("ab") as lines:
            for found in months:
                lines.write(msgspec.json.encode(found) + b"\n")
                lines.flush()
                yield found


def run(folder: Path, n_months: int, n_runs: int, processes: int) -> None:
    """Tune every method, count its false alarms on other months, and run the changes."""
    for study in (COLUMNS, ERRORS):
        kept = Kept(folder, study, n_months, n_runs)
        kept.run_months(processes)
        kept.run_alarms(processes)
        kept.run_changes(processes)


def _each(work: Callable[..., _Found], jobs: Sequence[tuple[object, ...]], processes: int) -> Iterator[_Found]:
    if processes == 1:
        yield from starmap(work, jobs)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(partial(_starred, work), jobs)


def _starred(work: Callable[..., _Found], job: tuple[object, ...]) -> _Found:
    return work(*job)


def _kept(path: Path, kind: type[_Kept]) -> list[_Kept]:
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().split(b"\n")[:-1]]
