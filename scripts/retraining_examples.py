"""Example messages of the loop back to a model: a request to retrain it, what its policy waits for, and proposals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.checks.contract.closed_window import PerformanceRevision
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.durations import Duration
from driftline.config.retraining_settings import ProposalSettings, RetrainingSettings
from driftline.monitoring.model_setup import ModelSetup
from driftline.monitoring.retraining.alert_steps import AlertSteps
from driftline.monitoring.retraining.loop_back import LoopBack
from driftline.profiles.profiles import Profiles
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.config.settings import Settings
    from driftline.events.alert import AlertEvent
    from driftline.events.model_key import ModelKey
    from driftline.events.output_record import OutputRecord
    from driftline.profiles.profile import Profile

HOUR_MS: Final = 3_600_000
PANE_MS: Final = 10_000
RETRAINING: Final = RetrainingSettings(enabled=True, after=Duration(4 * HOUR_MS), min_labels=3_000)
PROPOSALS: Final = ProposalSettings(recalibration="platt", threshold="alert_rate", min_labels=2_000)


def loop_back_records(
    settings: Settings,
    key: ModelKey,
    profile: Profile,
    baseline: PerformanceBaseline,
    alerts: Iterable[AlertEvent],
    start_ms: int,
) -> list[OutputRecord]:
    """Return the records of hours after a change, in which twice as many applications are accepted, and many of them
    wrongly.
    """
    wanted = settings.defaults.replace(retraining=RETRAINING, proposals=PROPOSALS)
    budget = ErrorBudget.of(settings, key.model)
    budget = ErrorBudget(settings=wanted, settings_hash=budget.settings_hash, has_labels=True, source=budget.source)
    steps = AlertSteps()
    steps.note(alerts)
    loop = LoopBack(ModelSetup(key, budget, PANE_MS, Profiles([profile])), steps, lambda _start, _of: None, tuple)
    records: list[OutputRecord] = []
    for hour in range(1, 9):
        begin_ms, first = start_ms + hour * HOUR_MS, 48_000 + 1_260 * hour
        revision = PerformanceRevision(
            key=key,
            segment="all",
            start_ms=begin_ms,
            end_ms=begin_ms + HOUR_MS,
            vector=_accepted(profile, 1_200, wrong=300),
            offsets={"predictions": {0: (first, first + 1_259)}, "labels": {0: (first - 8_200, first - 7_001)}},
            revision=0,
            age_ms=0,
            final=False,
            tested=True,
        )
        at_ms = revision.end_ms
        loop.observe(at_ms, profile, revision, baseline)
        records += loop.act(at_ms)
    return records


def _accepted(profile: Profile, n: int, *, wrong: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    layout = profile.task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    rows = np.arange(n)
    predicted = (rows % 3 != 0).astype(np.float64)
    actual = np.where(rows * wrong % n < wrong, 1 - predicted, predicted)
    scores = np.where(predicted == 1, 0.51 + rows % 49 / 100, 0.5 - rows % 47 / 100)
    vector[PREDICTED] = n + n // 20
    add_joined(layout, LabelledPairs(predicted, actual, scores, np.ones(n, dtype=np.int64)), vector)
    return vector
