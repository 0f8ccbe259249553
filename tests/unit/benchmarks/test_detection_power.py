"""The power table: other people's detectors and estimators are theirs, and every method is tuned alike."""

from __future__ import annotations

import doctest
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from river.drift import KSWIN, PageHinkley
from scipy import stats

from benchmarks.detection import changes, kswin, months, tuning
from benchmarks.detection.changes import Change
from benchmarks.detection.errors import ErrorChecks, ErrorStream
from benchmarks.detection.kswin import SEED, kswin_alarms
from benchmarks.detection.methods import HOUR_MS, Methods, drawn, joint_of, model_of
from benchmarks.detection.months import Month, openings, rate_of
from benchmarks.detection.power import COLUMNS, Kept
from benchmarks.detection.power_table import Delays, StreamTable
from benchmarks.detection.scenarios import (
    ABSENT,
    GRADUAL,
    MIXED,
    NEW,
    POWER_STREAMS,
    SCALED,
    SCENARIOS,
    SHIFT,
    Onward,
    moments,
    twelve_features,
)
from benchmarks.detection.sequential import page_hinkley_alarms
from benchmarks.detection.survival import Estimate, Survival
from benchmarks.detection.traffic import DAY_MS, MISSING
from benchmarks.detection.tuning import Tuned, best, next_parameters, parameter_at, scored

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.streams import Marginal


def river_alarms(made: object, values: NDArray[np.float64]) -> list[int]:
    """Return the positions at which one of river's detectors detects a change."""
    detector: Any = made  # river has no types
    alarms = []
    for position, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            alarms.append(position)
    return alarms


def test_page_hinkley_of_many_values_is_rivers() -> None:
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.normal(size=3_000), rng.normal(0.6, 1, 2_000), np.repeat(rng.normal(size=400), 10)])
    for threshold in (5.0, 30.0):
        expected = river_alarms(PageHinkley(threshold=threshold), values)
        assert expected
        assert page_hinkley_alarms(values, threshold) == expected


@pytest.mark.parametrize("alpha", [0.005, 1e-5])
def test_kswin_of_many_values_is_rivers(alpha: float) -> None:
    rng = np.random.default_rng(6)
    tied = np.round(rng.normal(size=700))
    values = np.concatenate([rng.normal(size=1_200), rng.normal(1.5, 1, 500), tied, np.repeat(rng.normal(size=60), 7)])
    expected = river_alarms(KSWIN(alpha=alpha, seed=SEED), values)
    assert expected
    assert kswin_alarms(values, alpha) == expected


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_the_fractions_not_found_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    until = 48.0
    times = np.minimum(np.ceil(rng.exponential(30, 60)), until)
    censored = np.minimum(rng.uniform(1, 90, 60), until)
    found = (times <= censored) & (times < until)
    at = np.minimum(times, censored)
    survival = Survival(at.tolist(), found.tolist())
    theirs = stats.ecdf(stats.CensoredData(uncensored=at[found], right=at[~found])).sf
    limits = theirs.confidence_interval(method="log-log")

    assert survival.fractions == pytest.approx(theirs.evaluate(survival.times))
    low, high = survival.limits()
    assert low == pytest.approx(limits.low.evaluate(survival.times))
    assert high == pytest.approx(limits.high.evaluate(survival.times))

    median = survival.median()
    assert theirs.evaluate(np.array([median.value - 1e-9, median.value])) == pytest.approx([0.5, 0.5], abs=0.05)
    assert median.low < median.value < median.high
    grid = np.linspace(0, until, 480_001)
    mean = survival.restricted_mean(until)
    assert mean.value == pytest.approx(float(theirs.evaluate(grid).mean()) * until, abs=1e-2)


def test_without_censoring_the_restricted_mean_is_the_mean() -> None:
    times = np.random.default_rng(0).exponential(5, 50)
    mean = Survival(times.tolist(), [True] * 50).restricted_mean(1_000.0)
    half = 1.959964 * float(times.std()) / math.sqrt(50)
    assert mean == pytest.approx((times.mean(), times.mean() - half, times.mean() + half))


def test_a_change_that_is_never_found_takes_the_whole_time() -> None:
    never = Survival([48.0] * 10, [False] * 10)
    assert never.restricted_mean(48.0) == Estimate(48.0, 48.0, 48.0)
    assert never.median() == Estimate(math.inf, math.inf, math.inf)


@pytest.mark.parametrize("marginal", ["normal", "student_t3", "zero_inflated"])
def test_each_change_is_what_its_name_says(marginal: Marginal) -> None:
    kinds = twelve_features(marginal)
    rng = np.random.default_rng(0)
    codes = np.clip((rng.normal(size=(12, 40_000)) + 8) * 4_096, 0, NEW - 1).astype(np.uint16)
    after = Onward(kinds, codes, np.linspace(0.01, 200, 40_000), codes[:, 0], rng)
    changed = {scenario.name: scenario.change(after) for scenario in SCENARIOS}
    for scenario in SCENARIOS:
        assert changed[scenario.name].shape == (len(scenario.columns), 40_000)
        assert (changed[scenario.name] != codes[list(scenario.columns)]).any()

    def values(name: str, column: int) -> NDArray[np.float64]:
        kind = kinds[column]
        assert isinstance(kind.values, np.ndarray)
        return np.asarray(kind.values[kind.table[changed[name][0]]])

    before, (_, deviation) = after.values(SHIFT), moments(kinds[SHIFT])
    assert values("mean shift, 0.5 σ", SHIFT).mean() - before.mean() == pytest.approx(0.5 * deviation, rel=0.03)
    inside = values("1 σ in a segment of 10 %", SHIFT) != before
    assert inside.mean() == pytest.approx(0.104 * (0.4 if marginal == "zero_inflated" else 1), abs=0.01)
    spread = values("spread × 1.5", SCALED).std() / after.values(SCALED).std()
    assert spread == pytest.approx(1.5, rel=0.01)
    tails = values("heavier tails, same middle", SCALED)
    assert (tails != after.values(SCALED)).mean() == pytest.approx(
        0.025 if marginal == "zero_inflated" else 0.05, abs=0.01
    )
    assert (changed["5 % missing"][0] == MISSING).mean() == pytest.approx(0.05, abs=0.005)
    assert (changed["a new category, 2 %"][0] == NEW).mean() == pytest.approx(0.02, abs=0.003)
    assert (changed["another mix of categories"][0] != codes[MIXED]).mean() == pytest.approx(0.09, abs=0.01)
    assert set(changed["frozen at its last value"][0].tolist()) == {int(codes[GRADUAL, 0])}
    assert codes[ABSENT].max() < MISSING


EMPTY = Month(stream="independent", seed=2, scores={"driftline": []}, alarms={})


def test_a_method_is_tuned_to_its_rate_from_the_strict_side() -> None:
    day = 24 * HOUR_MS
    scores = [(at * day, 30.0 - at) for at in range(30)]
    half = [Month(stream="independent", seed=seed, scores={"NannyML rule": scores}, alarms={}) for seed in (1, 2)]
    assert scored(half, "NannyML rule") == Tuned("NannyML rule", 30.0)
    one = [Month(stream="independent", seed=1, scores={"driftline": scores[:1]}, alarms={}), *[EMPTY] * 9]
    two = [Month(stream="independent", seed=1, scores={"driftline": scores[:8]}, alarms={}), *[EMPTY] * 9]
    assert scored(one, "driftline").parameter == -6.0
    assert scored(two, "driftline").parameter == 24.0
    assert rate_of(half, "NannyML rule", 29.0) == 2
    assert openings([0, HOUR_MS, 9 * HOUR_MS], 2.5 * HOUR_MS) == 2


def test_event_wise_detectors_are_tuned_by_steps_between_what_encloses_the_rate() -> None:
    """A detector with four alarms a month at the threshold 100, and half as many with each further 100."""
    held = [Month(stream="independent", seed=seed, scores={}, alarms={}) for seed in range(1, 13)]
    steps = 0
    while parameters := next_parameters(held, "Page-Hinkley"):
        steps += 1
        for parameter in parameters:
            total = round(48 * 2 ** (1 - parameter / 100))
            for at, each in enumerate(held):
                days = range(total // 12 + (at < total % 12))
                each.alarms[f"Page-Hinkley/{parameter:g}"] = [day * DAY_MS for day in days]
    found = best(held, "Page-Hinkley")
    assert found.reached
    assert 0.7 <= rate_of(held, "Page-Hinkley", found.parameter) <= 1
    assert steps <= 9


def test_a_detector_that_alarms_without_end_cannot_be_tuned() -> None:
    endless = [hour * HOUR_MS for hour in range(720)]
    names = [f"KSWIN/{parameter_at('KSWIN', place):g}" for place in (0.5, 1.0)]
    held = [Month(stream="independent", seed=1, scores={}, alarms=dict.fromkeys(names, endless))]
    assert next_parameters(held, "KSWIN") == []
    assert not best(held, "KSWIN").reached


def test_results_are_kept_and_a_run_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, int]] = []

    def month(stream: str, seed: int, _folder: Path) -> Month:
        ran.append((stream, seed))
        return Month(stream=stream, seed=seed, scores={"NannyML rule": [(1, 2.0)]}, alarms={})

    monkeypatch.setattr("benchmarks.detection.power.joint_of", lambda _stream, _folder: None)

    study = COLUMNS._replace(month=month)
    Kept(tmp_path, study, 1, 1).run_months(1)
    assert len(ran) == len(POWER_STREAMS)
    Kept(tmp_path, study, 2, 1).run_months(1)
    assert len(ran) == len(set(ran)) == 2 * len(POWER_STREAMS)


def test_a_delay_ends_with_the_first_score_that_is_high_enough() -> None:
    change = Change(
        stream="independent",
        seed=1,
        scenario="mean shift, 1 σ",
        onset_ms=0,
        scores={"driftline": [(1, 0.5), (3, 2.0)]},
        alarms={"ADWIN/0.002": 7},
    )
    assert change.delay_ms("driftline", 1.0) == 3
    assert change.delay_ms("driftline", 2.5) == math.inf
    assert change.delay_ms("ADWIN", 0.002) == 7
    assert change.delay_ms("ADWIN", 0.1) == math.inf


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        (1.0, 2.0, "first"),
        (2.1, 2.0, "close: 2.1 h, ADWIN 2.0 h"),
        (2.5, 2.0, "**no**: 2.5 h, ADWIN 2.0 h"),
        (46.0, 45.0, "none finds it"),
    ],
)
def test_where_driftline_stands_is_said_by_the_mean_delay(own: float, other: float, words: str) -> None:
    scenario = SCENARIOS[0]
    means = {"driftline": own, "ADWIN": other}
    row = {name: Delays(1, 1, Estimate(1, 1, 1), Estimate(mean, mean, mean)) for name, mean in means.items()}
    quieter = StreamTable(COLUMNS, {scenario.name: row}, {"driftline": 0.5, "ADWIN": 0.5})
    assert quieter.standing(scenario.name) == words
    louder = StreamTable(COLUMNS, {scenario.name: row}, {"driftline": 0.6, "ADWIN": 0.5})
    assert louder.standing(scenario.name) == (words if words == "none finds it" else f"{words} †")
    rival = StreamTable(COLUMNS, {scenario.name: row}, {"driftline": 0.5, "ADWIN": 0.6})
    assert rival.standing(scenario.name) == (f"{words} ‡" if "ADWIN" in words else words)


def test_a_frozen_column_is_found_by_the_first_pane_and_by_its_first_window(tmp_path: Path) -> None:
    stream = "independent"
    model = model_of(stream, 1, "frozen")
    reference, events = drawn(model, 1)
    methods = Methods(model, reference, joint_of(stream, tmp_path))
    codes = events.codes.copy()
    codes[GRADUAL] = codes[GRADUAL, 0]
    spans = methods.checks.spans(events.times_ms, model.live_ms)
    before, after = (methods.checks.scores(spans, GRADUAL, each[GRADUAL]) for each in (events.codes, codes))
    assert before[0].max() < 0 < after[0].min()
    frozen = events._replace(codes=codes)
    every = methods.early_scores(frozen, 1)
    assert every[0][1] > 0
    watch = methods.watched(frozen, 2)
    further = [methods.further_scores(watch, frozen, (2, 144)) for _ in range(2)]
    assert further[0] == further[1] == every[2 : 2 + len(further[0])]


def test_a_fall_of_accuracy_is_one_and_is_found() -> None:
    stream = ErrorStream("independent", 1, 2, "test")
    onset_ms = stream.live_ms + DAY_MS
    wrong, after = stream.wrong(0.1, onset_ms), stream.times_ms > onset_ms
    assert wrong[~after].mean() == pytest.approx(0.1, abs=0.02)
    assert wrong[after].mean() == pytest.approx(0.2, abs=0.02)
    assert (wrong == stream.wrong())[~after].all()
    checks = ErrorChecks(stream)
    assert max(score for _, score in checks.scores(stream, stream.wrong())) < 0
    found = [at for at, score in checks.scores(stream, wrong) if score >= 0]
    assert 0 < found[0] - DAY_MS < 12 * HOUR_MS


def test_examples() -> None:
    for module in (changes, kswin, months, tuning):
        assert doctest.testmod(module).failed == 0
