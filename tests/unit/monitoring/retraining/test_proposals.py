"""When a map of the score or a threshold is proposed, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import pytest

from driftline.config.retraining_settings import ProposalSettings
from tests.support.retraining import Watched, vector

if TYPE_CHECKING:
    from driftline.events.proposal import ProposalKind

Method: TypeAlias = Literal["isotonic", "platt"]
Objective: TypeAlias = Literal["precision", "recall", "alert_rate"]


def missing(watched: Watched, kind: ProposalKind) -> str:
    return watched.loop.missing[kind].reason


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_an_overconfident_score_gets_a_map_that_was_tested_on_later_windows(
    method: Literal["isotonic", "platt"],
) -> None:
    watched = Watched(ProposalSettings(recalibration=method))
    assert watched.see(0, vector(0, 1_000, slope=0.4)) == []
    assert missing(watched, "recalibration") == "labels"
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
    assert missing(watched, "recalibration") == "chance"


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
    assert missing(steady, "threshold") == "chance"


def test_a_threshold_that_was_changed_in_between_is_left_alone() -> None:
    watched = Watched(ProposalSettings(threshold="recall"))
    assert watched.see(0, vector(0, 1_000)) == []
    assert watched.see(1, vector(1, 1_000, threshold=0.7)) == []
    assert missing(watched, "threshold") == "decisions"


def test_decisions_that_do_not_follow_from_scores_have_no_threshold() -> None:
    watched = Watched(ProposalSettings(threshold="recall"))
    for hour in range(2):
        made = vector(hour, 1_000) + vector(hour + 10, 1_000, threshold=0.9)
        assert watched.see(hour, made) == []
    assert missing(watched, "threshold") == "decisions"
