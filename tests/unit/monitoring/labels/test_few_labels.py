"""Models of which few predictions ever get a label: what performance events say of all predictions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.support.arrival import KEY, Labelled, arrival_settings, flushes
from tests.support.monitor_runs import run
from tests.support.monitoring import training_profile

SETTINGS = arrival_settings()


def final_events(share: float, *, by_score: bool = False) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the last revisions of windows with few labels, and of the same windows with all labels."""
    found = []
    for few in (True, False):
        traffic = Labelled.evenly(4 * 1_500, 200, np.random.default_rng(8))
        traffic.delay_ms[:] = 15_000
        chance = np.random.default_rng(3).random(traffic.delay_ms.size)
        if few:
            rate = np.where(traffic.scores >= 0.5, 0.0, share) if by_score else share
            traffic.delay_ms[chance >= rate] = -1
        outputs = run(list(flushes(SETTINGS, traffic, 10_000)), SETTINGS, [training_profile(KEY, 0)]).outputs
        wanted = ("ce_type", b"io.driftline.performance.v1")
        events = [json.loads(record.value or b"null") for record in outputs if wanted in record.headers]
        found.append(sorted((each for each in events if each["final"]), key=lambda each: each["window"]["start"]))
    return found[0], found[1]


def test_metrics_of_all_predictions_are_where_their_intervals_say() -> None:
    few, every = final_events(0.5)
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


def test_labels_for_some_scores_only_are_not_taken_for_all_predictions() -> None:
    few, _ = final_events(0.3, by_score=True)
    for event in few:
        powered = event["powered"]
        assert (powered["status"], powered["metrics"]) == ("withheld", {})
        assert powered["reason"].startswith("labels come for some scores or classes only: none for predictions that")


def test_too_few_labels_say_so() -> None:
    few, _ = final_events(0.01)
    assert {event["powered"]["reason"] for event in few} == {"fewer than 30 labels"}
    assert [event["powered"]["weight"] for event in few] == pytest.approx([None] * len(few))
