"""How the false-alarm budget of one model is split: the level of each test, by the tests of all registered checks."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from driftline.checks.contract.check import tests_of
from driftline.config.durations import Duration
from driftline.config.fingerprint import model_settings_hash
from driftline.config.model import ModelSettings
from driftline.config.rules import DETECTORS, LABELS, OPERATIONS, PERFORMANCE, spenders
from driftline.events.finding import BudgetSplit, LevelEvidence
from driftline.events.source_numbers import PlaceNames
from driftline.significance.levels import level_per_test, shares_of_budget

if TYPE_CHECKING:
    from driftline.config.settings import Settings


OPERATIONS_PART: Final = 0.01
"""Share of the tests of how predictions are made, where it is not configured. What matters of failures and latency is
far beyond chance, so a small level costs no power."""

WEIGHTS: Final = {DETECTORS: 4, PERFORMANCE: 2, LABELS: 2}
"""How many times as much as a size of windows a spender gets of what is not configured: e-detectors find most changes
of values first, and windows describe them; nothing else looks at performance and labels."""


ERRORS_OF: Final = "accuracy"
LOSS_OF: Final = "mae"
"""The metrics whose errors an e-detector watches, pane by pane as labels come: of classes, and of numbers."""


class ErrorBudget(Struct, frozen=True, kw_only=True, dict=True):
    """The false-alarm budget of one model, and the settings by which it is divided."""

    settings: ModelSettings
    settings_hash: str
    """Carried by every event."""
    has_labels: bool
    """Whether a labels topic is configured: then performance has a share of the budget."""
    source: str
    """``ce_source`` of the events."""
    places: PlaceNames = field(default_factory=PlaceNames)
    """How events call the partitions that offsets are of."""

    @classmethod
    def of(cls, settings: Settings, model: str, places: PlaceNames | None = None) -> ErrorBudget:
        """Return the budget of a model."""
        return cls(
            settings=settings.model(model),
            settings_hash=model_settings_hash(settings, model),
            has_labels=settings.labels is not None,
            source=f"driftline/{settings.kafka.prefix}",
            places=PlaceNames() if places is None else places,
        )

    def tests_per_window(self, n_columns: int) -> int:
        """Return the tests of a verdict window: those of each column, and those of the window as a whole."""
        return tests_of("column", self.settings) * n_columns + tests_of("window", self.settings)

    def column_level(self, size_ms: int, n_columns: int) -> LevelEvidence:
        """Return the level of each test of verdict windows of one configured size: of a column, of the whole,
        multivariate.

        ``n_columns`` counts features, prediction and score.
        """
        return self._level(str(Duration(size_ms)), size_ms, self.tests_per_window(n_columns))

    def performance_level(self) -> LevelEvidence:
        """Return the level of each test of a performance window, tested once: at the declared coverage."""
        return self._level(PERFORMANCE, int(self.settings.windows.performance), tests_of("performance", self.settings))

    def labels_level(self) -> LevelEvidence:
        """Return the level of each test of when labels arrive: of each cohort, one at each age."""
        return self._level(LABELS, self.settings.cohort_ms, tests_of("cohort", self.settings))

    def orphans_level(self) -> LevelEvidence:
        """Return the level of the test of orphans, one a cohort: of no model, so nothing else spends the share."""
        return self._level(LABELS, self.settings.cohort_ms, tests_of("label stream", self.settings))

    def operations_level(self) -> LevelEvidence:
        """Return the level of each test of how the predictions of a window were made."""
        size_ms = self.settings.operations.window_ms(self.settings.windows.verdict)
        return self._level(OPERATIONS, size_ms, tests_of("operations", self.settings))

    def detector_pages(self) -> float:
        """Return the false pages per horizon that all e-detectors may cost together; 0 without them."""
        return self.settings.alerts.false_alarm_budget.pages * self.shares.get(DETECTORS, 0.0)

    def detector_alarms(self, n_columns: int) -> float:
        """Return the false alarms per horizon that the e-detector of one column, or of all errors, may make.

        The e-detectors of segments together may make as many as all others at most, however many segments there are:
        so segments halve the alarms of the others at most, which raises their thresholds by ln 2 = 0.69.
        """
        n_others = self._n_others(n_columns)
        return self.detector_pages() / (n_others + min(self.n_segments, n_others))

    def segment_alarms(self, n_columns: int) -> float:
        """Return the false alarms per horizon that the e-detector of one segment's errors may make; 0 without any.

        As many as any other e-detector, as long as there are no more segments than others; more of them divide half of
        what all e-detectors may make.
        """
        if not self.n_segments:
            return 0.0
        return self.detector_alarms(n_columns) * min(1.0, self._n_others(n_columns) / self.n_segments)

    def _n_others(self, n_columns: int) -> int:
        """Return how many e-detectors are not of segments: one of each column, and one of all errors that labels
        reveal.
        """
        return max(1, n_columns + self.watches_errors)

    @property
    def n_segments(self) -> int:
        """How many segments have an e-detector of errors: all that are configured, or none."""
        watched = self.watches_errors and ERRORS_OF in self.settings.performance.metrics
        return sum(map(len, self.settings.segments.values())) if watched else 0

    @property
    def watches_errors(self) -> bool:
        """Whether an e-detector may watch the errors that labels reveal."""
        watched = not {ERRORS_OF, LOSS_OF}.isdisjoint(self.settings.performance.metrics)
        return self.has_labels and self.settings.checks.sequential and watched

    @property
    def detectors_beside_columns(self) -> str:
        """What e-detectors there are beside those of columns, in words that follow those."""
        errors = " and of errors" if self.watches_errors else ""
        plural = "s" if self.n_segments > 1 else ""
        return f"{errors} and of {self.n_segments} segment{plural}" if self.n_segments else errors

    def detector_level(self, n_columns: int, *, of_segment: bool = False) -> LevelEvidence:
        """Return what bounds the e-detector of one column, of all errors or of those of one segment: the false alarms
        that it may make in the horizon.
        """
        budget, n_others = self.settings.alerts.false_alarm_budget, self._n_others(n_columns)
        alarms = self.segment_alarms(n_columns) if of_segment else self.detector_alarms(n_columns)
        among = f"{n_columns} columns{' and errors' * self.watches_errors}"
        if self.n_segments:
            plural = "s" if self.n_segments > 1 else ""
            half = ", which divide one half" if self.n_segments > n_others else ""
            among = f"({among} and {self.n_segments} segment{plural}{half})"
        derivation = (
            f"{budget.pages:g} per {budget.horizon}, share {self.shares.get(DETECTORS, 0.0):.3g} for {DETECTORS}: "
            f"{self.detector_pages():.3g} false pages / {among} = "
            f"{alarms:.3g} expected false alarms per {budget.horizon}, which the threshold bounds"
        )
        n_tests = n_others + self.n_segments
        return LevelEvidence(level=min(1.0, alarms), n_tests=n_tests, derivation=derivation)

    def info_level(self) -> LevelEvidence | None:
        """Return the level of findings of severity ``info``; None where they are not wanted."""
        level = self.settings.alerts.info_level
        if level is None:
            return None
        return LevelEvidence(
            level=level, n_tests=1, derivation=f"info level {level:g}, beside the budget; never pages", in_budget=False
        )

    def with_info(self, level: LevelEvidence) -> tuple[LevelEvidence, ...]:
        """Return a level of the budget, then that of findings for information where these are wanted."""
        info = self.info_level()
        return (level,) if info is None else (level, info)

    @cached_property
    def shares(self) -> dict[str, float]:
        """The share of the budget of each size of verdict window, of performance, of detectors and of
        operations. They add up to at most 1.
        """
        given = self.settings.alerts.shares
        names = spenders(self.settings, has_labels=self.has_labels)
        if OPERATIONS in given:
            return shares_of_budget(names, given, WEIGHTS)
        if math.fsum(given.values()) < 1 - OPERATIONS_PART:
            return shares_of_budget((*names, OPERATIONS), {**given, OPERATIONS: OPERATIONS_PART}, WEIGHTS)
        rest = {name: (1 - OPERATIONS_PART) * share for name, share in shares_of_budget(names, given, WEIGHTS).items()}
        return {**rest, OPERATIONS: OPERATIONS_PART}

    def _level(self, spender: str, size_ms: int, n_tests: int) -> LevelEvidence:
        budget, needed = self.settings.alerts.false_alarm_budget, self.settings.alerts.open_after
        share = self.shares.get(spender)
        if share is None:
            share = min(each for name, each in self.shares.items() if name != OPERATIONS)
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
