"""A model whose performance windows lead to requests and proposals, and settings under which a few minutes do."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import ModelSettings
from driftline.config.retraining_settings import ProposalSettings, RetrainingSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.monitoring.model_setup import ModelSetup
from driftline.monitoring.retraining.alert_steps import AlertSteps
from driftline.monitoring.retraining.loop_back import LoopBack
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from driftline.events.alert import AlertEvent
    from driftline.profiles.profile import Profile

EAGER_RETRAINING = RetrainingSettings(
    enabled=True,
    severity="warning",
    after=Duration(90_000),
    min_labels=30,
    cooldown=Duration(60_000),
    span=Duration(600_000),
)
EAGER_PROPOSALS = ProposalSettings(
    recalibration="isotonic", threshold="accuracy", min_labels=100, cooldown=Duration(60_000), span=Duration(600_000)
)
Vector: TypeAlias = "NDArray[np.int64]"
KEY, HOUR_MS = ModelKey("m", "1"), 3_600_000


@cache
def profile() -> Profile:
    """Return the profile of a binary model with a score."""
    rng = np.random.default_rng(5)
    table = ReferenceTable(
        200, {"x": rng.normal(size=200)}, prediction=[0, 1] * 100, score=[0.2, 0.8] * 100, label=[0, 1] * 100
    )
    return build_profile(KEY, table, ModelSettings(), 0, "training")


def vector(seed: int, n: int, *, slope: float = 1.0, shift: float = 0.0, threshold: float = 0.5) -> Vector:
    """Return labelled predictions; the truth's logit is ``slope`` times the score's, which moves by ``shift``."""
    rng, layout = np.random.default_rng(seed), profile().task.performance_layout
    truth = rng.normal(0, 1.5, n)
    scores = 1 / (1 + np.exp(-(truth / slope + shift)))
    labels = (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(float)
    predicted = (scores >= threshold).astype(float)
    made = np.zeros(layout.n_cells, dtype=np.int64)
    made[PREDICTED] = n
    add_joined(layout, LabelledPairs(predicted, labels, scores, np.ones(n, dtype=np.int64)), made)
    return made


class Watched:
    """Hours of a model, each seen at its end, after what the alerts about predictions say."""

    def __init__(
        self,
        proposals: ProposalSettings | None = None,
        retraining: RetrainingSettings | None = None,
        alerts: Iterable[AlertEvent] = (),
    ) -> None:
        defaults = ModelSettings(
            proposals=proposals or ProposalSettings(), retraining=retraining or RetrainingSettings()
        )
        budget = ErrorBudget.of(Settings(labels=LabelInput(), defaults=defaults), KEY.model)
        setup = ModelSetup(KEY, budget, 10_000, Profiles([profile()]))
        steps = AlertSteps()
        steps.note(alerts)
        self.loop = LoopBack(setup, steps, lambda _start, _profile: None, tuple)
        self._baseline = PerformanceBaseline(vector=vector(99, 20_000), origin="reference")

    def see(self, hour: int, made: Vector, *, later_ms: int = 0, final: bool = False) -> list[dict[str, Any]]:
        """Return the events that a revision of an hour leads to, so long after its end."""
        end_ms = (hour + 1) * HOUR_MS
        revision = PerformanceRevision(
            key=KEY,
            segment="all",
            start_ms=hour * HOUR_MS,
            end_ms=end_ms,
            vector=made,
            offsets={"predictions": {0: (100 * hour, 100 * hour + 99)}, "labels": {0: (90 * hour, 90 * hour + 89)}},
            revision=0,
            age_ms=later_ms,
            final=final,
            tested=True,
        )
        self.loop.observe(end_ms + later_ms, profile(), revision, self._baseline)
        return [json.loads(record.value or b"") for record in self.loop.act(end_ms + later_ms)]
