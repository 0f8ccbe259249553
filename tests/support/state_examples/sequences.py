"""The example of a model's predictions and joins together, with what follows from both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.durations import Duration
from driftline.monitoring.labels.arrival_monitor import ArrivalMonitor
from driftline.monitoring.labels.estimate_revisions import EstimateRevisions
from driftline.monitoring.labels.join_monitor import JoinMonitor
from driftline.monitoring.labels.segment_incidents import SegmentIncidents
from driftline.monitoring.labels.segment_monitor import SegmentMonitor
from driftline.monitoring.labels.segment_windows import SegmentWindows
from driftline.monitoring.model_setup import ModelSetup, WatermarkReach
from driftline.monitoring.predictions.prediction_monitor import PredictionMonitor
from driftline.monitoring.predictions.problem_history import ProblemHistory
from driftline.monitoring.predictions.problem_steps import ProblemSteps
from driftline.monitoring.predictions.window_verdicts import WindowVerdicts
from driftline.monitoring.retraining.alert_steps import AlertSteps
from driftline.monitoring.retraining.labelled_windows import LabelledWindows
from driftline.monitoring.retraining.loop_back import LoopBack
from driftline.monitoring.retraining.proposal_monitor import ProposalMonitor
from driftline.monitoring.retraining.retraining_monitor import RetrainingMonitor
from driftline.profiles.profiles import Profiles
from driftline.sketches.sparse import pack
from tests.support import monitoring
from tests.support.by_feature import cells_of
from tests.support.retraining import EAGER_PROPOSALS, EAGER_RETRAINING
from tests.support.state_examples.example import KEY, Example, numbered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.model import ModelSettings
    from driftline.monitoring.state.scope import StateScope
    from driftline.monitoring.state.table import Tables
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profile import Profile


class Sequences:
    """A model's predictions and joins, pane by pane: each pane is complete before the next step."""

    def __init__(self, scope: StateScope, settings: ModelSettings, profiles: Profiles) -> None:
        budget = ErrorBudget.of(monitoring.small_settings(defaults=settings), KEY.model)
        setup = ModelSetup(KEY, budget, monitoring.PANE_MS, profiles)
        self.predictions = PredictionMonitor(setup, scope)
        self.joins = JoinMonitor(setup, self.predictions)
        self.segment = SegmentMonitor(setup, "country=DE")
        scope.add(self.segment.tables, "segment/country=DE/")

    @property
    def tables(self) -> Tables:
        """The tables of all traffic; those of the slice stand under a prefix."""
        return (*self.predictions.tables, *self.joins.tables)


def _by_feature(delta: JoinDelta, profiles: Mapping[str, Profile]) -> JoinDelta:
    """Return a delta whose windows have errors by feature."""
    profile = profiles.get(delta.profile_id)
    if profile is None:
        return delta
    cells = pack(cells_of(profile, 40, delta.pane_ms // monitoring.PANE_MS))
    windows = [msgspec.structs.replace(window, by_feature=cells) for window in delta.windows]
    return msgspec.structs.replace(delta, windows=windows)


def sequences() -> Example[Sequences]:
    traffic = monitoring.generate(4, [KEY], n_partitions=1, n_predictions=400)
    start_ms = monitoring.START_MS
    published = [
        monitoring.training_profile(KEY, start_ms + 30_000, n=4_000, labelled=True),
        monitoring.training_profile(KEY, start_ms + 215_000, seed=1),
        monitoring.training_profile(KEY, start_ms + 275_000, seed=2, n=4_000, labelled=True),
    ]
    for profile in published:
        traffic.knows(profile)
    panes, joined, _ = traffic.cut(0, 0, len(traffic.partitions[0]) - 2)
    joined = [_by_feature(delta, {each.profile_id: each for each in published}) for delta in joined]
    settings = monitoring.small_settings().defaults
    settings = settings.replace(
        labels=msgspec.structs.replace(settings.labels, cohort=Duration(monitoring.WINDOW_MS), test_coverage=0.5),
        performance=msgspec.structs.replace(settings.performance, by_feature=2),
        segments={"country": ("DE",)},
        retraining=EAGER_RETRAINING,
        proposals=EAGER_PROPOSALS,
    )

    def step(part: Sequences, pane_ms: int) -> object:
        for pane in panes:
            if pane.pane_ms == pane_ms:
                part.predictions.add_pane(pane, 0)
        for delta in joined:
            if delta.pane_ms == pane_ms:
                part.joins.add(delta)
                part.segment.open.add(msgspec.structs.replace(delta, segment="country=DE"))
        if pane_ms == start_ms + 100_000:
            part.predictions.miss_pane()
            part.joins.miss_joins()
        end_ms = pane_ms + monitoring.PANE_MS
        reach = WatermarkReach(end_ms, end_ms)
        said = part.predictions.advance(reach)
        part.segment.advance(reach)
        said += part.joins.advance(reach, None, {"country=DE": part.segment.revisions})
        problems = part.predictions.problems
        said += part.segment.watch(reach, SegmentIncidents(problems, part.joins.told), problems.first_ms)
        part.joins.expire(end_ms)
        return said

    moments = range(start_ms - 4 * monitoring.PANE_MS, start_ms + 420_000, monitoring.PANE_MS)
    return Example(
        {
            PredictionMonitor,
            WindowVerdicts,
            JoinMonitor,
            SegmentMonitor,
            SegmentWindows,
            ArrivalMonitor,
            EstimateRevisions,
            ProblemHistory,
            ProblemSteps,
            AlertSteps,
            LabelledWindows,
            LoopBack,
            ProposalMonitor,
            RetrainingMonitor,
        },
        lambda scope: Sequences(scope, settings, Profiles(published)),
        [numbered(step, at) for at in moments],
    )


EXAMPLES: list[Example[Any]] = [
    sequences(),
]
