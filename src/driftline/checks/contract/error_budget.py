"""What the checks of one model need to know beside its data: its settings, and how the false-alarm budget is split."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from driftline.config.durations import Duration
from driftline.config.fingerprint import model_settings_hash
from driftline.config.model import ModelSettings
from driftline.config.rules import DETECTORS, LABELS, PERFORMANCE, spenders
from driftline.events.finding import BudgetSplit, LevelEvidence
from driftline.significance.levels import level_per_test, shares_of_budget

if TYPE_CHECKING:
    from driftline.config.settings import Settings

TESTS_PER_COLUMN: Final = 2
"""One of its distribution, one of its quality: the families of a column."""
WINDOW_TESTS: Final = ("appeared", "volume")
"""Tests of quality that a window costs the budget, however many columns it has."""


PERFORMANCE_TESTS: Final = ("duplicates",)
"""Tests of quality that a tested performance window costs the budget."""

TESTS_PER_WINDOW: Final = len(WINDOW_TESTS)
"""Of the quality of a window as a whole."""
TESTS_OF_PERFORMANCE: Final = 1 + len(PERFORMANCE_TESTS)
"""Of a tested performance window: its accuracy, and its quality."""
FIXED_THRESHOLD: Final = LevelEvidence(
    level=1.0, n_tests=1, derivation="fixed threshold, no false-alarm bound", in_budget=False
)
"""In the place of a level, in findings of fixed thresholds."""


def calibrating(level: LevelEvidence) -> LevelEvidence:
    """Return a level at which nothing may page yet, as the dispersion of the data is not known."""
    return structs.replace(level, derivation=f"calibrating, pages nobody: {level.derivation}", in_budget=False)


class ErrorBudget(Struct, frozen=True, kw_only=True, dict=True):
    """Settings of one model, as the checks need them.

    Parameters
    ----------
    settings : ModelSettings
    settings_hash : str
        Carried by every event.
    has_labels : bool
        Whether a labels topic is configured: then performance has a share of the budget.
    source : str
        ``ce_source`` of the events.
    """

    settings: ModelSettings
    settings_hash: str
    has_labels: bool
    source: str

    @classmethod
    def of(cls, settings: Settings, model: str) -> ErrorBudget:
        """Return the context of a model."""
        return cls(
            settings=settings.model(model),
            settings_hash=model_settings_hash(settings, model),
            has_labels=settings.labels is not None,
            source=f"driftline/{settings.kafka.prefix}",
        )

    def tests_per_window(self, n_columns: int) -> int:
        """Return the tests of a verdict window: columns x families, those of the whole, multivariate ones."""
        n_multivariate = len(self.settings.checks.multivariate)
        per_column = TESTS_PER_COLUMN + (self.settings.reference.rolling is not None)
        return per_column * n_columns + TESTS_PER_WINDOW + n_multivariate

    def column_level(self, size_ms: int, n_columns: int) -> LevelEvidence:
        """Return the level of each test of verdict windows of one size: of a column, of the whole, multivariate.

        Parameters
        ----------
        size_ms : int, unit ms
            One of the configured sizes of verdict windows.
        n_columns : int
            Columns of the profile, features, prediction and score.
        """
        return self._level(str(Duration(size_ms)), size_ms, self.tests_per_window(n_columns))

    def performance_level(self) -> LevelEvidence:
        """Return the level of each test of a performance window, tested once: at the declared coverage."""
        return self._level(PERFORMANCE, int(self.settings.windows.performance), TESTS_OF_PERFORMANCE)

    def labels_level(self) -> LevelEvidence:
        """Return the level of each test of when labels arrive: of each cohort, one at each age."""
        return self._level(LABELS, self.settings.cohort_ms, len(self.settings.labels.ages_ms))

    def orphans_level(self) -> LevelEvidence:
        """Return the level of the test of orphans, one a cohort: of no model, so nothing else spends the share."""
        return self._level(LABELS, self.settings.cohort_ms, 1)

    def detector_pages(self) -> float:
        """Return the false pages per horizon that all paging detectors together may cost; 0 where there are none."""
        return self.settings.alerts.false_alarm_budget.pages * self.shares.get(DETECTORS, 0.0)

    def detector_alarms(self, n_series: int) -> float:
        """Return the false alarms per horizon that one paging detector on one series may make.

        Parameters
        ----------
        n_series : int, at least 1
            Numeric columns; errors are fed to informative detectors alone.
        """
        return self.detector_pages() / max(1, n_series * len(self.settings.checks.paging_detectors))

    def detector_level(self, n_series: int) -> LevelEvidence:
        """Return what bounds one paging detector on one series: the false alarms that it may make in the horizon."""
        budget, n_kinds = self.settings.alerts.false_alarm_budget, len(self.settings.checks.paging_detectors)
        alarms = self.detector_alarms(n_series)
        derivation = (
            f"{budget.pages:g} per {budget.horizon}, share {self.shares.get(DETECTORS, 0.0):.3g} for {DETECTORS}: "
            f"{self.detector_pages():.3g} false pages / ({n_series} columns x {n_kinds} "
            f"{'detector' if n_kinds == 1 else 'detectors'}) = {alarms:.3g} expected false alarms per "
            f"{budget.horizon}, which the threshold bounds"
        )
        return LevelEvidence(level=min(1.0, alarms), n_tests=max(1, n_series * n_kinds), derivation=derivation)

    def info_level(self) -> LevelEvidence | None:
        """Return the level of findings of severity ``info``; None where they are not wanted."""
        level = self.settings.alerts.info_level
        if level is None:
            return None
        return LevelEvidence(
            level=level, n_tests=1, derivation=f"info level {level:g}, beside the budget; never pages", in_budget=False
        )

    @cached_property
    def shares(self) -> dict[str, float]:
        """The share of the budget of each size of verdict window, of performance and of paging detectors."""
        alerts = self.settings.alerts
        return shares_of_budget(spenders(self.settings, has_labels=self.has_labels), alerts.shares)

    def _level(self, spender: str, size_ms: int, n_tests: int) -> LevelEvidence:
        budget, needed = self.settings.alerts.false_alarm_budget, self.settings.alerts.open_after
        share = self.shares.get(spender, min(self.shares.values()))
        horizon_ms = int(max(budget.horizon, size_ms))
        level = level_per_test(budget.pages * share, horizon_ms, size_ms, n_tests, needed.findings)
        words = f"{budget.pages:g} per {budget.horizon}, share {share:.3g} for {spender}: " if share < 1 else ""
        return LevelEvidence(
            level=level.level,
            n_tests=level.n_tests,
            derivation=words + level.derivation,
            split=BudgetSplit(
                pages=budget.pages,
                horizon_ms=horizon_ms,
                spender=spender,
                share=share,
                n_windows=level.n_windows,
                tests_per_window=n_tests,
                findings_to_open=needed.findings,
                within_windows=needed.windows,
            ),
        )
