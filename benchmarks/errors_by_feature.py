"""How errors by feature are compared: false alarms of unchanged windows, and how many labels find a change.

``python -m benchmarks.errors_by_feature`` prints the tables of docs/concept-drift.md. A model has eight numeric
features and is wrong in one prediction of ten.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.checks.contract.check import checks_of
from driftline.checks.contract.closed_window import (
    FeatureEvidence,
    PerformanceBaseline,
    PerformanceCase,
    PerformanceRevision,
)
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.input_settings import LabelInput
from driftline.config.model import ModelSettings, PerformanceSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.feature_errors import positives, words_of
from driftline.sketches.columns import NumericColumn
from driftline.sketches.feature_errors import N_CELLS, feature_cells
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

    Floats = NDArray[np.float64]

KEY: Final = ModelKey("m", "1")
HOUR_MS: Final = 3_600_000
N_FEATURES: Final = 8
N_WINDOWS: Final = 240
N_ROWS: Final = 40_000
"""Rows of the reference in the table of what is found, in windows of as many labels as now."""
WRONG: Final = 0.1
OLDER: Final = 0.8416
"""The first feature is above it in a fifth of the traffic."""
SETTINGS: Final = ModelSettings(performance=PerformanceSettings(by_feature=N_FEATURES))
LEVELS: Final = (0.05, 0.01, 0.001)
CHECKS: Final = {each.name: each for each in checks_of("performance")}


class Rows(NamedTuple):
    """Labelled predictions."""

    features: Floats
    """Shape (n, N_FEATURES)."""
    wrong: NDArray[np.bool_]
    predicted: NDArray[np.int64]

    @property
    def actual(self) -> NDArray[np.int64]:
        """Labels, 0 or 1."""
        return np.where(self.wrong, 1 - self.predicted, self.predicted)


def independent(_rng: np.random.Generator, features: Floats) -> Floats:
    """Return the same for all."""
    return np.full(len(features), WRONG)


def in_bursts(correlation: float) -> Callable[[np.random.Generator, Floats], Floats]:
    """Return what makes some windows worse than others, by correlation of two predictions of a window."""
    size = 1 / correlation - 1

    def rates(rng: np.random.Generator, features: Floats) -> Floats:
        return np.full(len(features), rng.beta(WRONG * size, (1 - WRONG) * size))

    return rates


def in_bursts_by_value(correlation: float) -> Callable[[np.random.Generator, Floats], Floats]:
    """Return what makes some values of the first feature worse than others, others in each window."""
    size, cuts = 1 / correlation - 1, np.array([-1.0, -0.4, 0.0, 0.4, 1.0])

    def rates(rng: np.random.Generator, features: Floats) -> Floats:
        return rng.beta(WRONG * size, (1 - WRONG) * size, cuts.size + 1)[np.searchsorted(cuts, features[:, 0])]

    return rates


def worse_where_older(of_older: float, of_others: float) -> Callable[[np.random.Generator, Floats], Floats]:
    """Return another rate in a fifth of the traffic."""
    return lambda _rng, features: np.where(features[:, 0] >= OLDER, of_older, of_others)


def rows(rng: np.random.Generator, n: int, rates: Callable[[np.random.Generator, Floats], Floats]) -> Rows:
    """Return one window of n labelled predictions."""
    features = rng.normal(size=(n, N_FEATURES))
    wrong = rng.random(n) < rates(rng, features)
    return Rows(features, wrong, rng.integers(0, 2, n))


def profile_of(windows: list[Rows]) -> Profile:
    """Return the profile of windows."""
    features = np.concatenate([each.features for each in windows])
    times = np.concatenate([np.full(each.wrong.size, i * HOUR_MS) for i, each in enumerate(windows)])
    table = ReferenceTable(
        len(features),
        {f"x{i}": features[:, i] for i in range(N_FEATURES)},
        np.concatenate([each.predicted for each in windows]).tolist(),
        None,
        np.concatenate([each.actual for each in windows]).tolist(),
        times_ms=times,
    )
    return build_profile(KEY, table, SETTINGS, 0, "training")


def case_of(profile: Profile, window: Rows) -> PerformanceCase:
    """Return a tested window."""
    bins = np.zeros((len(profile.columns), window.wrong.size), dtype=np.int64)
    for i, column in enumerate(profile.columns):
        if isinstance(column, NumericColumn):
            bins[i] = np.searchsorted(column.edges, window.features[:, i], side="right")
    actual = window.actual.astype(np.float64)
    words = words_of(profile.feature_groups, bins)
    _, cells = feature_cells(words, window.wrong, positives(profile.task, actual))
    ones = np.ones(actual.size, dtype=np.int64)
    pairs = LabelledPairs(window.predicted.astype(np.float64), actual, np.full(actual.size, np.nan), ones)
    vector = np.zeros(profile.task.performance_layout.n_cells, dtype=np.int64)
    vector[PREDICTED] = actual.size
    add_joined(profile.task.performance_layout, pairs, vector)
    assert profile.performance is not None
    assert profile.feature_errors is not None
    now = np.bincount(cells, minlength=N_CELLS).astype(np.int64)
    evidence = FeatureEvidence(now, profile.feature_errors.vector(), "reference", 0)
    revision = PerformanceRevision(
        key=KEY,
        segment="all",
        start_ms=0,
        end_ms=HOUR_MS,
        vector=vector,
        offsets={},
        revision=0,
        age_ms=0,
        final=True,
        tested=True,
        by_feature=evidence,
    )
    baseline = PerformanceBaseline(vector=profile.performance, origin="reference")
    return PerformanceCase(profile, revision, baseline, SETTINGS)


def lowest_levels(check: str, case: PerformanceCase) -> Iterator[float]:
    """Yield the level from which on each outcome of a check would be a finding for the worse."""
    for outcome in CHECKS[check].examine(case):
        p_value = outcome.p_value
        if p_value is not None and not outcome.for_the_better:
            yield p_value / outcome.part


def false_alarms(
    n_reference: int, n: int, rates: Callable[[np.random.Generator, Floats], Floats], n_windows: int, seed: int
) -> list[float]:
    """Return findings of unchanged windows over the level, for each level; twenty references share the windows."""
    rng, found, n_profiles = np.random.default_rng(seed), np.zeros(len(LEVELS)), 20
    for _ in range(n_profiles):
        profile = profile_of([rows(rng, n_reference, rates) for _ in range(N_WINDOWS)])
        for _ in range(n_windows // n_profiles):
            levels = np.array([*lowest_levels("errors by feature", case_of(profile, rows(rng, n, rates)))])
            found += [(levels <= level).sum() for level in LEVELS]
    return [float(each) for each in found / n_windows / np.array(LEVELS)]


def power(n: int, of_older: float, of_others: float, n_windows: int, seed: int) -> tuple[float, float]:
    """Return the fractions of windows in which errors by feature, and accuracy, are found at the budget's level."""
    rng = np.random.default_rng(seed)
    level = ErrorBudget.of(Settings(labels=LabelInput(), defaults=SETTINGS), "m").performance_level().level
    profile, changed = profile_of([rows(rng, n, independent) for _ in range(N_ROWS // n)]), worse_where_older
    found = np.zeros(2)
    for _ in range(n_windows):
        case = case_of(profile, rows(rng, n, changed(of_older, of_others)))
        for i, check in enumerate(("errors by feature", "performance")):
            found[i] += min(lowest_levels(check, case), default=1.0) <= level
    by_feature, accuracy = (found / n_windows).tolist()
    return by_feature, accuracy


def main(n_windows: int) -> None:
    """Print both tables."""
    print(f"\n| errors | labels per window: reference / now | {' | '.join(f'{level:g}' for level in LEVELS)} |")
    print("| --- | --- | --- | --- | --- |")
    cases = (
        ("independent", independent),
        ("bursts, correlation 0.01", in_bursts(0.01)),
        ("bursts, correlation 0.05", in_bursts(0.05)),
        ("bursts at some values, 0.05", in_bursts_by_value(0.05)),
    )
    for i, (name, rates) in enumerate(cases):
        for n in (100, 1_000):
            shown = [f"{each:.2g}" for each in false_alarms(100, n, rates, n_windows, 100 * i + n)]
            print(f"| {name} | 100 / {n:,} | {' | '.join(shown)} |", flush=True)
    print("\n| wrong where one feature is high / elsewhere | labels | by feature | accuracy |")
    print("| --- | --- | --- | --- |")
    for of_older, of_others in ((0.3, 0.1), (0.2, 0.1), (0.3, 0.05)):
        for n in (250, 500, 1_000, 2_000):
            by_feature, accuracy = power(n, of_older, of_others, max(100, n_windows // 10), n)
            print(f"| {of_older:g} / {of_others:g} | {n:,} | {by_feature:.0%} | {accuracy:.0%} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
