"""A fall of accuracy: driftline's tests of performance and its e-detector of errors, beside detectors of error bits.

Labels come with their predictions, so that only detection takes time. Each prediction is wrong where the latent normal
value of its event is above a quantile: errors are as dependent, bursty and seasonal as the stream. driftline's part is
its own: the profile, the spread of errors, the tests of hours with their gate, and the bets of the e-detector.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.detection.changes import DAYS_BEFORE, Change, risen
from benchmarks.detection.methods import HOUR_MS, LEAST_SCORES, OWN, REFERENCE_DAYS, even_times_ms
from benchmarks.detection.months import MONTH_DAYS, Month, thinned
from benchmarks.detection.reference import KEY
from benchmarks.detection.scenarios import CATEGORIES, PER_PANE, POWER_STREAMS, TWO_DAYS, codes_of, z_of
from benchmarks.detection.sequential import adwin_alarms, ddm_alarms, page_hinkley_alarms
from benchmarks.detection.traffic import DAY_MS, PANE_MS, START_MS, days
from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.labels.error_bets import COLUMNS, METRIC, WORSE, ErrorBets, counts_of, error_variation
from driftline.checks.labels.performance_tests import errors_spread
from driftline.checks.quality.duplicates import PART_OF_LEVEL
from driftline.config.model import ModelSettings
from driftline.detectors.mixture.bets import pane_of
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.significance.share import share_test

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.detection.methods import Setting
    from driftline.profiles.profile import Profile

    Floats = NDArray[np.float64]
    Times = NDArray[np.int64]

ERROR_STREAMS: Final = ("independent", "autocorrelated", "bursty")
"""Marginals make no difference to error bits."""
WRONG: Final = 0.1
"""Fraction of wrong predictions before."""
FALLS: Final = {f"accuracy 90 % to {90 - points} %": points / 100 for points in (3, 5, 10)}
"""By how much accuracy falls."""
OF_ERRORS: Final = ("ADWIN", "Page-Hinkley", "DDM")
"""Event-wise detectors of error bits."""
LABEL_PANE_MS: Final = 60_000
"""One column is watched here, so that panes may be shorter than in the comparison of columns."""
N_COLUMNS: Final = len(CATEGORIES) + 9
"""Features and prediction of the model, among which e-detectors divide their share of the budget."""


class ErrorStream:
    """Error bits of one model.

    Parameters
    ----------
    stream : str
    seed, n_days : int
    name : str
        Seeds as well.
    """

    def __init__(self, stream: str, seed: int, n_days: int, name: str) -> None:
        every = days(POWER_STREAMS[stream], seed, [0.0], REFERENCE_DAYS + n_days, per_pane=PER_PANE, name=name)
        held = list(islice(every, REFERENCE_DAYS + n_days))
        self._z = z_of(np.concatenate([day.codes[0] for day in held]))
        self._times = np.concatenate([even_times_ms(day) for day in held])
        self.live_ms, self.n_days = START_MS + REFERENCE_DAYS * DAY_MS, n_days
        self._first = int(np.searchsorted(self._times, self.live_ms))
        # of a seasonal stream the quantile is that of the reference
        self._cuts = np.quantile(self._z[: self._first], 1 - WRONG - np.array([0.0, *FALLS.values()]))

    @property
    def times_ms(self) -> Times:
        """Event times after the reference."""
        return self._times[self._first :]

    def wrong(self, fall: float = 0.0, onset_ms: float = math.inf) -> NDArray[np.bool_]:
        """Return which predictions are wrong, with the accuracy lower by so much from an onset on; shape (n,)."""
        z, worse = self._z[self._first :], self._cuts[[0.0, *FALLS.values()].index(fall)]
        found: NDArray[np.bool_] = np.where(self.times_ms > onset_ms, z > worse, z > self._cuts[0])
        return found

    @cached_property
    def reference(self) -> tuple[Times, NDArray[np.bool_]]:
        """Times and errors of the reference."""
        return self._times[: self._first], self._z[: self._first] > self._cuts[0]


class ErrorChecks:
    """What driftline makes of error bits, at any budget.

    Parameters
    ----------
    stream : ErrorStream
    """

    def __init__(self, stream: ErrorStream) -> None:
        self._settings = ModelSettings(task="binary", positive_class="1")
        times, wrong = stream.reference
        truth = np.arange(wrong.size) % 2
        table = ReferenceTable(
            n=wrong.size,
            features={"number": z_of(codes_of(np.zeros(wrong.size)))},
            prediction=[str(value) for value in np.where(wrong, 1 - truth, truth).tolist()],
            label=[str(value) for value in truth.tolist()],
            times_ms=times,
        )
        options = TimeOptions(pane_ms=PANE_MS)
        self._profile: Profile = build_profile(KEY, table, self._settings, stream.live_ms, "training", in_time=options)
        budget = ErrorBudget(settings=self._settings, settings_hash="", has_labels=True, source="")
        self._level = (1 - PART_OF_LEVEL) * budget.performance_level().level
        variation = error_variation(self._profile, self._settings)
        assert variation is not None
        assert self._profile.performance is not None
        self._variation = variation
        baseline = PerformanceBaseline(vector=self._profile.performance, origin="reference")
        self._bets = ErrorBets(self._profile, baseline, variation)
        panes = int(budget.settings.alerts.false_alarm_budget.horizon) // LABEL_PANE_MS
        self._threshold = math.log(COLUMNS * panes / budget.detector_alarms(N_COLUMNS))

    def scores(self, stream: ErrorStream, wrong: NDArray[np.bool_]) -> list[tuple[int, float]]:
        """Return times, in ms from the beginning, and minus the logarithm of the budget from which driftline alarms."""
        times = stream.times_ms - stream.live_ms
        return sorted([*self._early(times, wrong, stream.n_days), *self._tested(times, wrong, stream.n_days)])

    def _early(self, times: Times, wrong: NDArray[np.bool_], n_days: int) -> list[tuple[int, float]]:
        mixture, bets, gate = MixtureState(self._bets.bets), self._bets, self._settings.checks.min_accuracy_drop
        found, never = [], np.full(COLUMNS, np.inf)
        rate = times.size / (24 * n_days)
        ratios = bets.variation.ratios(rate)
        for pane, (n, errors) in enumerate(_counts(times // LABEL_PANE_MS, wrong, n_days * DAY_MS // LABEL_PANE_MS)):
            if not n:
                continue
            seen = pane_of(bets.bets, counts_of((n - errors, errors)))
            mixture.step(seen, bets.fair, ratios, never, LABEL_PANE_MS / self._variation.known_ms)
            alarm = mixture.seen_in(WORSE)
            if alarm.change >= gate:
                found.append(((pane + 1) * LABEL_PANE_MS, alarm.statistic - self._threshold))
        return found

    def _tested(self, times: Times, wrong: NDArray[np.bool_], n_days: int) -> list[tuple[int, float]]:
        found, bets, gate = [], self._bets, self._settings.checks.min_accuracy_drop
        for hour, (n, errors) in enumerate(_counts(times // HOUR_MS, wrong, n_days * 24)):
            if not n or errors / n - bets.wrong / bets.n < gate:
                continue
            spread = errors_spread(self._profile, self._settings, METRIC, n)
            result = share_test(
                errors,
                n,
                bets.wrong,
                bets.n,
                alternative="greater",
                dispersion=spread.dispersion,
                degrees_of_freedom=spread.degrees_of_freedom,
            )
            if result is not None:
                score = math.log(self._level) - math.log(max(result.p_value, 1e-300))
                found.append(((hour + 1) * HOUR_MS, score))
        return found


def _counts(windows: Times, wrong: NDArray[np.bool_], n_windows: int) -> list[tuple[int, int]]:
    every, errors = (np.bincount(each, minlength=n_windows) for each in (windows, windows[wrong]))
    return list(zip(every.tolist(), errors.tolist(), strict=True))


def error_month(stream: str, seed: int, _folder: Path) -> Month:
    """Run driftline over the errors of a month without change."""
    errors = ErrorStream(stream, seed, MONTH_DAYS, "error month")
    scores = ErrorChecks(errors).scores(errors, errors.wrong())
    kept = [(at, score) for at, score in scores if score > LEAST_SCORES[OWN[0]]]
    return Month(stream=stream, seed=seed, scores={OWN[0]: kept}, alarms={})


def error_alarms(stream: str, seed: int, settings: Sequence[Setting]) -> Month:
    """Run only the event-wise detectors over the errors of a month without change."""
    errors = ErrorStream(stream, seed, MONTH_DAYS, "error month")
    alarms = _alarms(errors, errors.wrong(), settings)
    return Month(stream=stream, seed=seed, scores={}, alarms={name: thinned(of) for name, of in alarms.items()})


def _alarms(errors: ErrorStream, wrong: NDArray[np.bool_], settings: Sequence[Setting]) -> dict[str, list[int]]:
    detectors = {"ADWIN": adwin_alarms, "Page-Hinkley": page_hinkley_alarms, "DDM": ddm_alarms}
    times, bits = errors.times_ms - errors.live_ms, wrong.astype(np.float64)
    standardised = (bits - WRONG) / math.sqrt(WRONG * (1 - WRONG))
    found = {}
    for method, parameter in settings:
        alarms = detectors[method](standardised if method == "Page-Hinkley" else bits, parameter)
        found[f"{method}/{parameter:g}"] = times[alarms].tolist()
    return found


def error_changes(stream: str, seed: int, settings: Sequence[Setting], _folder: Path) -> list[Change]:
    """Run all methods over all falls of accuracy of one stream, all at the same random onset."""
    errors = ErrorStream(stream, seed, DAYS_BEFORE + TWO_DAYS // 24, "error change")
    checks = ErrorChecks(errors)
    onset_ms = (DAYS_BEFORE - 1) * DAY_MS + int(np.random.default_rng([seed, 7]).integers(0, DAY_MS))
    end_ms, found = onset_ms + TWO_DAYS * HOUR_MS, []
    for name, fall in FALLS.items():
        wrong = errors.wrong(fall, errors.live_ms + onset_ms)
        after = [(at - onset_ms, score) for at, score in checks.scores(errors, wrong) if onset_ms < at <= end_ms]
        firsts = {}
        for setting, times in _alarms(errors, wrong, settings).items():
            followed = [at - onset_ms for at in times if onset_ms < at <= end_ms]
            firsts.update({setting: min(followed)} if followed else {})
        scores = {OWN[0]: risen(after)}
        found.append(Change(stream=stream, seed=seed, scenario=name, onset_ms=onset_ms, scores=scores, alarms=firsts))
    return found
