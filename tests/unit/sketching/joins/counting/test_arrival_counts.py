"""What the whole pipeline counts of label arrival, against a count by hand of the same files."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from driftline.sketches.arrival import AGE_EDGES_MS, N_AGES
from tests.support.arrival import AGES_MS, COHORT_MS, KEY, arrival_settings
from tests.support.monitoring import START_MS, training_profile

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.output_record import OutputRecord

HORIZON_MS = AGES_MS[-1]
N = 1_200


def made(rng: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return predictions a second apart, and labels: late, corrected, taken back, never, or too late to count."""
    predictions, labels = [], []
    for number in range(N):
        ts, name = START_MS + number * 1_000, f"p{number}"
        score = round(rng.random(), 3)
        event = {"prediction_id": name, "model": KEY.model, "model_version": KEY.version, "ts": ts}
        predictions.append({**event, "features": {"x": 0.1, "c": "a"}, "prediction": int(score >= 0.5), "score": score})
        if rng.random() < 0.1:
            continue
        delay = int(10 ** rng.uniform(1, 6.3))
        labels.append({"prediction_id": name, "label": rng.randint(0, 1), "ts": ts + delay})
        kind = rng.random()
        if kind < 0.1:
            labels.append({"prediction_id": name, "label": rng.randint(0, 1), "ts": ts + delay + 30_000})
        elif kind < 0.15:
            labels.append({"prediction_id": name, "label": None, "ts": ts + delay + 45_000})
    closing = {"prediction_id": "end", "model": "closing", "ts": START_MS + 10_000_000}
    predictions.append({**closing, "features": {"x": 0.1, "c": "a"}, "prediction": 1, "score": 0.9})
    labels.append({"prediction_id": "end", "label": 1, "ts": START_MS + 10_000_000})
    return predictions, sorted(labels, key=lambda label: label["ts"])


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Any]]:
    folder: Path = tmp_path_factory.mktemp("arrival")
    predictions, labels = made(random.Random(4))
    for name, rows in (("p", predictions), ("l", labels)):
        (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    outputs: list[OutputRecord] = []
    book = Profiles([training_profile(KEY, 0)])
    Backtest(arrival_settings(), book, 1).run(folder / "p", folder / "l", outputs.append)
    events = [
        (dict(output.headers)["ce_type"].decode().split(".")[2], json.loads(output.value or b"null"))
        for output in outputs
        if output.channel == "events"
    ]
    return predictions, labels, [(kind, data) for kind, data in events if data["model"] == KEY.model]


def test_first_labels_by_age_are_those_of_a_count_by_hand(
    stream: tuple[list[dict[str, Any]], list[dict[str, Any]], list[Any]],
) -> None:
    predictions, labels, events = stream
    first: dict[str, int] = {}
    for label in labels:
        first.setdefault(label["prediction_id"], label["ts"])
    wanted: dict[int, Counter[int]] = {}
    for event in predictions[:-1]:
        age = first.get(event["prediction_id"], 1 << 60) - event["ts"]
        cohort = wanted.setdefault((event["ts"] - START_MS) // COHORT_MS, Counter())
        if age <= HORIZON_MS:
            cohort[bisect_right(AGE_EDGES_MS, age)] += 1
    final = [data for kind, data in events if kind == "label_arrival" and data["final"]]
    assert len(final) == N * 1_000 // COHORT_MS
    for number, data in enumerate(final):
        assert data["by_age"] == [wanted[number][index] for index in range(N_AGES)]
        assert data["n"] == sum(wanted[number].values())


def test_the_labels_that_count_are_those_of_the_confusion_matrix(
    stream: tuple[list[dict[str, Any]], list[dict[str, Any]], list[Any]],
) -> None:
    performance = [data for kind, data in stream[2] if kind == "performance"]
    assert len(performance) == 3 * N * 1_000 // 60_000
    for data in performance:
        counts, n = data["confusion"]["counts"], data["n_predictions"]
        right = counts[0][0] + counts[1][1]
        low, high = data["corrected"]["bounds"]["accuracy"]
        assert low == pytest.approx(right / n)
        assert high == pytest.approx((right + n - data["n"]) / n)
        actual = counts[0][1] + counts[1][1]
        assert data["corrected"]["bounds"]["positive_rate"][0] == pytest.approx(actual / n)
        predicted = sum(counts[1])
        assert data["corrected"]["bounds"]["precision"][1] <= 1.0
        assert data["corrected"]["bounds"]["precision"][0] <= counts[1][1] / max(predicted, 1) + 1e-12
