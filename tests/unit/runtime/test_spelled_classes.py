"""From files of events to performance and alerts, where predictions and labels spell their classes differently."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.cli import main

if TYPE_CHECKING:
    from pathlib import Path

START_MS = 1_772_366_400_000
N = 200
CONFIG = """
time: {pane: 1m, lateness: 1m}
defaults:
  windows: {verdict: [1h], performance: 1h, display: 1h, hop: 30m, min_samples: 100}
  checks: {dispersion: {mode: independent}}
  labels: {horizon: 1h, revisions: [30m], wait: 10m}
"""
RNG = np.random.default_rng(6)
ACTUAL = RNG.integers(0, 2, N)
RIGHT = RNG.random(N) < 0.8
PREDICTED = np.where(RIGHT, ACTUAL, 1 - ACTUAL)


def backtest(
    folder: Path, says: list[object], labels: list[object], *, config: str = CONFIG, batch: int | None = None
) -> list[dict[str, Any]]:
    """Return the events of a run over three hours of predictions with their labels."""
    both = [*dict.fromkeys(says)]
    truth = [value if right else both[1 - both.index(value)] for value, right in zip(says, RIGHT.tolist(), strict=True)]
    reference = [
        {"prediction": value, "label": label, "x": i % 7}
        for i, (value, label) in enumerate(zip(says, truth, strict=True))
    ]
    times = [START_MS + 54_000 * i for i in range(N)]
    predictions = [
        {"prediction_id": f"p{i}", "model": "loan", "model_version": "1", "ts": time, "prediction": value}
        | {"features": {"x": i % 7}}
        for i, (time, value) in enumerate(zip(times, says, strict=True))
    ]
    answers: list[dict[str, object]] = [
        {"prediction_id": f"p{i}", "ts": time + 60_000, "label": value}
        for i, (time, value) in enumerate(zip(times, labels, strict=True))
    ]
    paths = {name: folder / f"{name}.ndjson" for name in ("reference", "predictions", "labels", "out")}
    for name, rows in (("reference", reference), ("predictions", predictions), ("labels", answers)):
        paths[name].write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "c.yaml").write_text(config + ("" if batch is None else f"sketch: {{flush_events: {batch}}}\n"))
    arguments = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    with pytest.raises(SystemExit, match="0"):
        main(["backtest", "--config", str(folder / "c.yaml"), *arguments])
    return [json.loads(line) for line in paths["out"].read_text(encoding="utf-8").splitlines()]


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["type"] == f"io.driftline.{kind}.v1" and event["data"]]


def spelled(codes: np.ndarray, no: object, yes: object) -> list[object]:
    return [yes if code else no for code in codes]


@pytest.mark.parametrize(
    ("classes", "labels"),
    [((0, 1), ("0.0", "1.0")), ((False, True), ("false", "True")), (("no", "yes"), ("no", "yes")), ((0, 1), (-1, 1))],
)
def test_spellings_agree_in_the_stream(tmp_path: Path, classes: tuple[object, ...], labels: tuple[object, ...]) -> None:
    events = backtest(tmp_path, spelled(PREDICTED, *classes), spelled(ACTUAL, *labels))
    last = [event for event in of_type(events, "performance") if event["final"]]
    assert last
    right = sum(event["metrics"]["accuracy"] * event["n"] for event in last)
    assert right == pytest.approx(int(RIGHT[: sum(event["n"] for event in last)].sum()))
    assert {event["withheld"] for event in last} == {None}


LABELS = ("rejected by hand", "ok")


def test_labels_of_no_class_are_an_alert_that_names_them_and_no_accuracy(tmp_path: Path) -> None:
    events = backtest(tmp_path, spelled(PREDICTED, "no", "yes"), spelled(ACTUAL, *LABELS))
    performance = of_type(events, "performance")
    assert performance
    for event in performance:
        assert set(event["metrics"].values()) == {None}
        assert event["intervals"] == {}
        assert event["corrected"] is None
        assert "labels are of no class of the task ('no', 'yes')" in event["withheld"]
    (finding, *_) = [each for each in of_type(events, "finding") if each["check"] == "performance.label_classes"]
    assert finding["severity"] == "warning"
    assert "labels ('ok', 'rej...') are of no class of the task ('no', 'yes')" in finding["message"]
    assert "`models.loan.classes` says which label stands for which class" in finding["message"]
    alerts = of_type(events, "alert")
    assert {alert["title"] for alert in alerts} == {"performance unknown: labels are of no class of the task"}
    assert alerts[0]["notify"]
    assert {each["check"] for each in of_type(events, "finding") if each["family"] == "performance"} == {
        "performance.label_classes"
    }


def test_the_configuration_says_which_label_is_which_class(tmp_path: Path) -> None:
    config = CONFIG + 'models: {loan: {classes: {"ok": "yes", "rejected by hand": "no"}}}\n'
    events = backtest(tmp_path, spelled(PREDICTED, "no", "yes"), spelled(ACTUAL, *LABELS), config=config)
    assert of_type(events, "alert") == []
    performance = of_type(events, "performance")
    assert performance
    for event in performance:
        assert event["metrics"]["accuracy"] > 0.6
        assert event["confusion"]["classes"] == ["no", "yes", None]


def test_the_names_of_labels_do_not_depend_on_how_they_were_flushed(tmp_path: Path) -> None:
    says = spelled(PREDICTED, "no", "yes")
    labels: list[object] = [f"label {'abcdefgh'[i % 8]}" if i % 3 else f"{'hgfedcba'[i % 8]}" for i in range(N)]
    told = []
    for batch in (7, 10_000):
        folder = tmp_path / str(batch)
        folder.mkdir()
        told.append(of_type(backtest(folder, says, labels, batch=batch), "finding"))
    assert told[0] == told[1]
    messages = [each["message"] for each in told[0] if each["check"] == "performance.label_classes"]
    assert messages
    assert all("labels ('a', 'b', 'c', 'd', 'e') are of no class" in message for message in messages)


def test_a_few_labels_of_new_classes_count_as_wrong(tmp_path: Path) -> None:
    labels = spelled(ACTUAL, "no", "yes")
    for i in range(0, N, 10):
        labels[i] = "perhaps"
    events = backtest(tmp_path, spelled(PREDICTED, "no", "yes"), labels)
    right = RIGHT.copy()
    right[::10] = False
    last = [event for event in of_type(events, "performance") if event["final"]]
    assert last
    total = sum(event["metrics"]["accuracy"] * event["n"] for event in last)
    assert total == pytest.approx(int(right[: sum(event["n"] for event in last)].sum()))
    assert all(event["metrics"]["matthews_correlation"] is None for event in last)
    assert all("that the profile does not list" in event["withheld"] for event in last)
