"""What the checks of one model need to know beside its data: its settings, and how the false-alarm budget is split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.config.fingerprint import settings_hash
from driftline.config.model import ModelSettings
from driftline.events.finding import LevelEvidence
from driftline.significance.levels import level_per_test

if TYPE_CHECKING:
    from driftline.config.settings import Settings

TESTS_PER_COLUMN = 2
"""One of its distribution, one of its absent values."""


class CheckContext(Struct, frozen=True, kw_only=True):
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
    def of(cls, settings: Settings, model: str) -> CheckContext:
        """Return the context of a model."""
        return cls(
            settings=settings.model(model),
            settings_hash=settings_hash(settings.model(model), settings.time, has_labels=settings.labels is not None),
            has_labels=settings.labels is not None,
            source=f"driftline/{settings.kafka.prefix}",
        )

    def column_level(self, size_ms: int, n_columns: int) -> LevelEvidence:
        """Return the level of each test of a column in verdict windows of one size."""
        return self._level(size_ms, TESTS_PER_COLUMN * max(n_columns, 1))

    def performance_level(self) -> LevelEvidence:
        """Return the level of the test of a performance window."""
        return self._level(self.settings.windows.performance, 1)

    def _level(self, size_ms: int, n_tests: int) -> LevelEvidence:
        budget = self.settings.alerts.false_alarm_budget
        n_shares = len(self.settings.windows.verdict) + self.has_labels
        level = level_per_test(budget.pages / n_shares, max(budget.horizon, size_ms), size_ms, n_tests)
        share = f"{budget.pages:g} per {budget.horizon} over {n_shares} kinds of window: " if n_shares > 1 else ""
        return LevelEvidence(level=level.level, n_tests=level.n_tests, derivation=share + level.derivation)
