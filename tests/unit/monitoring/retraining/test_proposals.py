"""When a map of the score or a threshold is proposed, and why not."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pytest

from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.model import ModelSettings
from driftline.config.retraining_settings import ProposalSettings
from driftline.config.settings import LabelInput, Settings
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
    from numpy.typing import NDArray

    from driftline.events.proposal import ProposalKind
    from driftline.profiles.profile import Profile

Vector: TypeAlias = "NDArray[np.int64]"
Method: TypeAlias = Literal["isotonic", "platt"]
Objective: TypeAlias = Literal["precision", "recall", "alert_rate"]
KEY, HOUR_MS = ModelKey("m", "1"), 3_600_000


@cache
def profile() -> Profile:
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
    """Hours of a model, each seen at its end."""

    def __init__(self, wanted: ProposalSettings) -> None:
        defaults = ModelSettings(proposals=wanted)
        budget = ErrorBudget.of(Settings(labels=LabelInput(), defaults=defaults), KEY.model)
        setup = ModelSetup(KEY, budget, 10_000, Profiles([profile()]))
        self._loop = LoopBack(setup, AlertSteps(), lambda _start, _profile: None, tuple)
        self._baseline = PerformanceBaseline(vector=vector(99, 20_000), origin="reference")

    def see(self, hour: int, made: Vector) -> list[dict[str, Any]]:
        end_ms = (hour + 1) * HOUR_MS
        revision = PerformanceRevision(
            key=KEY,
            segment="all",
            start_ms=hour * HOUR_MS,
            end_ms=end_ms,
            vector=made,
            offsets={"predictions": {0: (hour, hour)}},
            revision=0,
            age_ms=0,
            final=False,
            tested=True,
        )
        self._loop.observe(end_ms, profile(), revision, self._baseline)
        return [json.loads(record.value or b"") for record in self._loop.act(end_ms)]

    def missing(self, kind: ProposalKind) -> str:
        return self._loop.missing[kind].reason


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_an_overconfident_score_gets_a_map_that_was_tested_on_later_windows(
    method: Literal["isotonic", "platt"],
) -> None:
    watched = Watched(ProposalSettings(recalibration=method))
    assert watched.see(0, vector(0, 1_000, slope=0.4)) == []
    assert watched.missing("recalibration") == "labels"
    (event,) = watched.see(1, vector(1, 1_000, slope=0.4))
    assert event["fitted_on"]["end"] == event["window"]["start"]
    loss = event["effects"]["log_loss"]
    assert loss["after"] < 0.9 * loss["before"]
    assert loss["change"] < -4 * loss["standard_error"]
    assert event["p_value"] <= event["level"]
    if method == "platt":
        assert event["recalibration"]["slope"] == pytest.approx(0.4, abs=0.08)
    else:
        scores, values = zip(*event["recalibration"]["points"], strict=True)
        assert list(scores) == sorted(scores)
        assert list(values) == sorted(values)


def test_a_calibrated_score_gets_none_and_is_told_why() -> None:
    watched = Watched(ProposalSettings(recalibration="platt"))
    proposed = [event for hour in range(12) for event in watched.see(hour, vector(hour, 1_000))]
    assert proposed == []
    assert watched.missing("recalibration") == "chance"


def test_one_proposal_in_a_cooldown_and_the_next_one_from_later_windows_alone() -> None:
    watched = Watched(ProposalSettings(recalibration="platt"))
    found = [(hour, event) for hour in range(173) for event in watched.see(hour, vector(hour, 1_000, slope=0.4))]
    assert [hour for hour, _ in found] == [1, 169]
    assert found[1][1]["fitted_on"]["start"] > found[0][1]["proposed_at"]


@pytest.mark.parametrize("objective", ["precision", "recall", "alert_rate"])
def test_a_moved_score_gets_a_threshold_that_restores_the_reference(
    objective: Literal["precision", "recall", "alert_rate"],
) -> None:
    watched = Watched(ProposalSettings(threshold=objective))
    watched.see(0, vector(0, 3_000, shift=1.2))
    (event,) = watched.see(1, vector(1, 3_000, shift=1.2))
    effect = event["effects"][objective]
    assert abs(effect["after"] - effect["reference"]) < abs(effect["before"] - effect["reference"]) / 2
    assert event["threshold"]["current"] == 0.5
    assert event["threshold"]["proposed"] == pytest.approx(1 / (1 + np.exp(-1.2)), abs=0.06)
    assert set(event["effects"]) == {"accuracy", "precision", "recall", "specificity", "alert_rate"}


def test_accuracy_is_raised_only_where_that_is_no_chance() -> None:
    moved, steady = (Watched(ProposalSettings(threshold="accuracy")) for _ in range(2))
    for hour in range(2):
        proposed = moved.see(hour, vector(hour, 3_000, shift=1.5))
        assert steady.see(hour, vector(hour, 3_000)) == []
    assert proposed[0]["effects"]["accuracy"]["change"] > 0.02
    assert steady.missing("threshold") == "chance"


def test_a_threshold_that_was_changed_in_between_is_left_alone() -> None:
    watched = Watched(ProposalSettings(threshold="recall"))
    assert watched.see(0, vector(0, 1_000)) == []
    assert watched.see(1, vector(1, 1_000, threshold=0.7)) == []
    assert watched.missing("threshold") == "decisions"


def test_decisions_that_do_not_follow_from_scores_have_no_threshold() -> None:
    watched = Watched(ProposalSettings(threshold="recall"))
    for hour in range(2):
        made = vector(hour, 1_000) + vector(hour + 10, 1_000, threshold=0.9)
        assert watched.see(hour, made) == []
    assert watched.missing("threshold") == "decisions"
