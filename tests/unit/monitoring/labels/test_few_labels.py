"""Models of which few predictions ever get a label: what performance events say of all predictions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.config.model import ModelSettings
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from tests.support.arrival import KEY, Labelled, arrival_settings, flushes
from tests.support.monitor_runs import run
from tests.support.monitoring import START_MS, training_profile

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

SETTINGS = arrival_settings()
FLUSH_MS = 60_000


def final_events(share: float, *, by_score: bool = False) -> list[dict[str, Any]]:
    """Return the last revisions of windows of whose predictions a part has labels."""
    traffic = Labelled.evenly(4 * 1_500, 200, np.random.default_rng(8))
    traffic.delay_ms[:] = 15_000
    chance = np.random.default_rng(3).random(traffic.delay_ms.size)
    rate = np.where(traffic.scores >= 0.5, 0.0, share) if by_score else share
    traffic.delay_ms[chance >= rate] = -1
    outputs = run(list(flushes(SETTINGS, traffic, FLUSH_MS)), SETTINGS, [training_profile(KEY, 0)]).outputs
    wanted = ("ce_type", b"io.driftline.performance.v1")
    events = [json.loads(record.value or b"null") for record in outputs if wanted in record.headers]
    return sorted((each for each in events if each["final"]), key=lambda each: each["window"]["start"])


def test_metrics_of_all_predictions_are_where_their_intervals_say() -> None:
    few, every = final_events(0.5), final_events(1.0)
    assert len(few) == len(every) >= 4
    hits, widths = [], []
    for part, whole in zip(few, every, strict=True):
        assert whole["powered"] is None, "all have labels"
        powered = part["powered"]
        assert (powered["status"], powered["reason"], powered["early"]) == ("estimated", None, False)
        assert powered["by_chance"] > 1e-4
        for name in ("accuracy", "precision", "recall", "f1"):
            metric = powered["metrics"][name]
            hits.append(metric["lower"] <= whole["metrics"][name] <= metric["upper"])
            widths.append((metric["upper"] - metric["lower"]) / np.ptp(part["intervals"][name]))
    assert np.mean(hits) >= 0.8
    assert np.mean(widths) < 0.95


def regression_profile() -> Profile:
    """Return a profile of a regression whose errors grow with its predictions, from 1 to 10."""
    predicted, actual = regression_rows(4_000, np.random.default_rng(5))
    table = ReferenceTable(4_000, {}, prediction=predicted.tolist(), label=actual.tolist())
    return build_profile(KEY, table, ModelSettings(), 0, "training")


def regression_rows(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    predicted = np.exp(rng.uniform(0, np.log(10), n))
    return predicted, predicted * (1 + 0.2 * rng.normal(size=n))


def regression_events(share: float, *, small_only: bool = False) -> list[dict[str, Any]]:
    """Return the last revisions of a regression's windows, of whose predictions a part has labels."""
    profile, rng = regression_profile(), np.random.default_rng(8)
    n = 4 * 3_000
    predicted, actual = regression_rows(n, rng)
    chance = rng.random(n)
    unlabelled = chance >= np.where(small_only & (predicted > 5), 0.0, share)
    traffic = Labelled(
        START_MS + np.arange(n) * 100,
        predicted / profile.task.spread,
        np.full(n, np.nan),
        actual / profile.task.spread,
        np.where(unlabelled, -1, 15_000),
    )
    outputs = run(list(flushes(SETTINGS, traffic, FLUSH_MS, under=profile)), SETTINGS, [profile]).outputs
    wanted = ("ce_type", b"io.driftline.performance.v1")
    events = [json.loads(record.value or b"null") for record in outputs if wanted in record.headers]
    return sorted((each for each in events if each["final"]), key=lambda each: each["window"]["start"])


def test_losses_of_all_predictions_of_a_regression_are_where_their_intervals_say() -> None:
    few, every = regression_events(0.5), regression_events(1.0)
    assert len(few) == len(every) >= 4
    hits, widths = [], []
    for part, whole in zip(few, every, strict=True):
        assert whole["powered"] is None, "all have labels"
        powered = part["powered"]
        assert (powered["status"], powered["reason"], powered["early"]) == ("estimated", None, False)
        assert powered["by_chance"] > 1e-4
        for name in ("mae", "bias"):
            metric = powered["metrics"][name]
            assert metric["lower"] < metric["value"] < metric["upper"]
            assert metric["window_error"] < metric["standard_error"]
            hits.append(metric["lower"] <= whole["metrics"][name] <= metric["upper"])
        widths.append(np.ptp([powered["metrics"]["mae"][end] for end in ("lower", "upper")]))
        widths[-1] /= np.ptp(part["intervals"]["mae"])
    assert np.mean(hits) >= 0.8
    assert np.mean(widths) < 0.8


def test_a_regression_without_labels_for_large_predictions_says_so() -> None:
    for event in regression_events(0.3, small_only=True):
        powered = event["powered"]
        assert (powered["status"], powered["metrics"]) == ("withheld", {})
        assert powered["reason"].startswith("labels come for some predictions only: none for predictions that are")


def test_a_regression_with_too_few_labels_says_how_many_it_takes() -> None:
    reasons = [event["powered"]["reason"] for event in regression_events(0.1)]
    assert all(reason.startswith("losses vary so much that it takes ") for reason in reasons), reasons
    assert {event["powered"]["reason"] for event in regression_events(0.01)} == {"fewer than 30 labels"}


def test_labels_for_some_scores_only_are_not_taken_for_all_predictions() -> None:
    few = final_events(0.3, by_score=True)
    for event in few:
        powered = event["powered"]
        assert (powered["status"], powered["metrics"]) == ("withheld", {})
        assert powered["reason"].startswith("labels come for some scores or classes only: none for predictions that")


def test_too_few_labels_say_so() -> None:
    few = final_events(0.01)
    assert {event["powered"]["reason"] for event in few} == {"fewer than 30 labels"}
    assert [event["powered"]["weight"] for event in few] == pytest.approx([None] * len(few))
