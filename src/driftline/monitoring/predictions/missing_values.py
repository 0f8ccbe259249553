"""How many predictions of a cohort have no value of each feature: by it labels that do not come are explained.

It belongs to the sequence of predictions. That of joins, whose watermark is never ahead of the predictions', reads it:
what it finds of a cohort that has come to an age is complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.monitoring.state.table import Table
from driftline.sketches.columns import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.model import ModelSettings
    from driftline.monitoring.predictions.accumulator import ClosedPane
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.profile import Profile

MAX_COHORTS: Final = 1_000
"""Cohorts that are kept at most; where labels stall for longer, the oldest are no longer explained."""


class CohortMissing(Struct, array_like=True):
    """Events without a value in one cohort, by feature; features that all events have are left out."""

    n: dict[str, int] = {}


class MissingValues:
    """The missing values of each cohort of one model.

    Notes
    -----
    *State*: for each cohort that labels may still be told of, one number for each feature with missing values.
    *Cost*: of a pane, O(columns).
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._window_ms, self._cohort_ms = int(settings.windows.performance), settings.cohort_ms
        self._cohorts = Table("missing", int, CohortMissing)
        self.tables: Tables = (self._cohorts,)

    def add(self, profile: Profile, pane: ClosedPane) -> None:
        """Add a closed pane, whose sketch is in the layout of the profile."""
        window_ms = pane.start_ms - pane.start_ms % self._window_ms
        start_ms = window_ms - window_ms % self._cohort_ms
        cohort = self._cohorts.get(start_ms) or CohortMissing()
        counts = pane.sketch.counts[profile.layout.quality_starts[:, 0] + MISSING]
        for index in np.flatnonzero(counts).tolist():
            column = profile.columns[index]
            if column.role == "feature":
                cohort.n[column.name] = cohort.n.get(column.name, 0) + int(counts[index])
        self._cohorts.put(start_ms, cohort)
        for oldest_ms in sorted(self._cohorts)[: max(0, len(self._cohorts) - MAX_COHORTS)]:
            self._cohorts.drop(oldest_ms)

    def of(self, start_ms: int) -> Mapping[str, int] | None:
        """Return events without a value by feature, of the cohort that starts at a time; None where nothing is known.

        A cohort without closed panes is not known: its events came late, or under another profile.
        """
        cohort = self._cohorts.get(start_ms)
        return None if cohort is None else cohort.n

    def expire(self, before_ms: int) -> None:
        """Forget the cohorts that start before a time: none of them is compared any more."""
        for start_ms in [start for start in self._cohorts if start < before_ms]:
            self._cohorts.drop(start_ms)
