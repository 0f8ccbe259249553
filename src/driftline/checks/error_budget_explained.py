"""What a false-alarm budget comes to: the number of tests, the level of each, and the smallest changes they detect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.contract.check import checks_of
from driftline.checks.early_sizes import EarlyCase, EarlySizes, early_sizes
from driftline.checks.quality.families import NUMERIC_TESTS
from driftline.config.rules import DETECTORS
from driftline.significance.detectable import (
    Detectable,
    PowerAnalysis,
    detectable_mean_shift,
    detectable_psi,
    detectable_share_rise,
)

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.finding import LevelEvidence

DEFAULT_PANE_MS: Final = 10_000
WINDOW_EVENTS: Final = (200, 1_000, 10_000)
"""Events of a window for which the smallest detectable changes are told."""
SHARES: Final = (0.0, 0.01, 0.1)
"""Shares of the reference (missing values, say) for which the smallest detectable rises are told."""


class Reference(Struct, frozen=True, kw_only=True):
    """What windows are compared with."""

    n_columns: int
    """Features, prediction and score."""
    n_events: int
    dispersion: float = 1.0
    """λ̄, at least 1: how many times as much as those of independent events the counts vary."""


class SpenderLevel(Struct, frozen=True, kw_only=True):
    """What one spender of the budget does with its share."""

    spender: str
    share: float
    pages: float
    """False pages within the horizon."""
    n_windows: int
    """Within the horizon."""
    tests: dict[str, int]
    """Tests of a window, by what they are about; of e-detectors, where segments have some, how many there are."""
    level: float | None
    """Of each test; null for detectors, whose thresholds bound their false pages."""
    derivation: str


class DetectableSize(Struct, frozen=True, kw_only=True):
    """The smallest change that is found with the wanted power; null where none is.

    ``by_test`` is what the test tells from chance, ``found`` what is also as large as matters.
    """

    change: str
    """``psi``, ``mean_shift`` (in standard deviations) or ``share_rise``."""
    from_share: float | None
    """The reference's share, of a rise."""
    by_test: float | None
    found: float | None


class DetectableSizes(Struct, frozen=True, kw_only=True):
    """The smallest changes that windows of one size detect when they hold so many events."""

    spender: str
    n: int
    sizes: list[DetectableSize]


class Explanation(Struct, frozen=True, kw_only=True):
    """The whole answer of ``driftline explain-budget``."""

    budget: str
    findings_to_open: int
    within_windows: int
    n_columns: int
    n_reference: int
    dispersion: float
    power: float
    n_groups: int
    min_psi: float
    min_share_change: float
    n_tests: int
    """Within the horizon, over all spenders."""
    spenders: list[SpenderLevel]
    detectable: list[DetectableSizes]
    early: list[EarlySizes]
    """What e-detectors find within some minutes; empty where they are off."""


def explained(
    budget: ErrorBudget, reference: Reference, power: float = 0.8, pane_ms: int = DEFAULT_PANE_MS
) -> Explanation:
    """Return what the budget of a model comes to; ``power`` is the share of changed windows that are to be detected."""
    settings = budget.settings
    checks, alerts = settings.checks, settings.alerts
    spenders: list[SpenderLevel] = []
    detectable: list[DetectableSizes] = []
    for size in settings.windows.verdict:
        level = budget.column_level(int(size), reference.n_columns)
        tests = {check.name: check.tests(settings) * reference.n_columns for check in checks_of("column")}
        tests |= {check.name: check.tests(settings) for check in checks_of("window")}
        spenders.append(_spender(level, {name: n for name, n in tests.items() if n}))
        detectable += [
            DetectableSizes(spender=str(size), n=n, sizes=_sizes(budget, level.level, n, reference, power))
            for n in WINDOW_EVENTS
        ]
    if budget.has_labels:
        level = budget.performance_level()
        spenders.append(_spender(level, {"performance": 1 if level.split is None else level.split.tests_per_window}))
        level = budget.labels_level()
        spenders.append(_spender(level, {"arrival": 1 if level.split is None else level.split.tests_per_window}))
    if DETECTORS in budget.shares:
        spenders.append(_detectors(budget, reference.n_columns))
    level = budget.operations_level()
    spenders.append(_spender(level, {check.name: check.tests(settings) for check in checks_of("operations")}))
    return Explanation(
        budget=f"{alerts.false_alarm_budget.pages:g} per {alerts.false_alarm_budget.horizon}",
        findings_to_open=alerts.open_after.findings,
        within_windows=alerts.open_after.windows,
        n_columns=reference.n_columns,
        n_reference=reference.n_events,
        dispersion=reference.dispersion,
        power=power,
        n_groups=checks.bins,
        min_psi=checks.min_psi,
        min_share_change=checks.min_share_change,
        n_tests=sum(each.n_windows * sum(each.tests.values()) for each in spenders),
        spenders=spenders,
        detectable=detectable,
        early=_early(budget, reference, pane_ms),
    )


def _early(budget: ErrorBudget, reference: Reference, pane_ms: int) -> list[EarlySizes]:
    settings, alarms = budget.settings, budget.detector_alarms(reference.n_columns)
    if not settings.checks.sequential or alarms <= 0:
        return []
    case = EarlyCase(
        alarms=alarms,
        horizon_panes=-(-int(settings.alerts.false_alarm_budget.horizon) // pane_ms),
        n_reference=reference.n_events,
        dispersion=reference.dispersion,
        n_groups=settings.checks.bins,
    )
    return early_sizes(case, settings.checks)


def _spender(level: LevelEvidence, tests: dict[str, int]) -> SpenderLevel:
    split = level.split
    if split is None:
        raise ValueError(f"Expected a level that comes from the budget, got {level.derivation!r}")
    return SpenderLevel(
        spender=split.spender,
        share=split.share,
        pages=split.pages * split.share,
        n_windows=split.n_windows,
        tests=tests,
        level=level.level,
        derivation=level.derivation,
    )


def _detectors(budget: ErrorBudget, n_columns: int) -> SpenderLevel:
    """Return what e-detectors do with their share; where segments have a part of it, how many there are of each."""
    pages, n_segments = budget.detector_pages(), budget.n_segments
    of_segments = n_segments * budget.segment_alarms(n_columns)
    part = f", {of_segments:.3g} of them of segments" if n_segments else ""
    return SpenderLevel(
        spender=DETECTORS,
        share=budget.shares[DETECTORS],
        pages=pages,
        n_windows=0,
        tests={"columns": n_columns, "of errors": 1, "of segments": n_segments} if n_segments else {},
        level=None,
        derivation=f"{pages:g} false pages of the e-detectors of all columns{budget.detectors_beside_columns} together"
        f"{part}",
    )


def _sizes(budget: ErrorBudget, level: float, n: int, reference: Reference, power: float) -> list[DetectableSize]:
    checks = budget.settings.checks

    def at(each: float) -> PowerAnalysis:
        return PowerAnalysis(
            level=each, n=n, n_reference=reference.n_events, dispersion=reference.dispersion, power=power
        )

    return [
        _size("psi", detectable_psi(at(level), checks.bins, checks.min_psi)),
        _size("mean_shift", detectable_mean_shift(at(level), checks.bins, checks.min_psi)),
        *(
            _size(
                "share_rise",
                detectable_share_rise(at(level / len(NUMERIC_TESTS)), share, checks.min_share_change),
                share,
            )
            for share in SHARES
        ),
    ]


def _size(change: str, detectable: Detectable, from_share: float | None = None) -> DetectableSize:
    sizes = detectable.by_test, detectable.by_test_and_gate
    by_test, found = (value if math.isfinite(value) else None for value in sizes)
    return DetectableSize(change=change, from_share=from_share, by_test=by_test, found=found)
