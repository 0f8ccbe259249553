from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from driftline.cli import main

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"prediction_id": "a", "model": "m", "ts": 1_772_366_400_000, "features": {"x": 1}, "prediction": 1}
NO_MODEL = {name: value for name, value in GOOD.items() if name != "model"}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["backtest", *(str(argument) for argument in arguments)])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("DRIFTLINE_") or each in {"FORCE_COLOR", "NO_COLOR"}]:
        monkeypatch.delenv(name)


def lines(path: Path, *values: object) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("target", "reason"), [("absent/o.ndjson", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_written_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str, reason: str
) -> None:
    predictions = lines(tmp_path / "p.ndjson", GOOD)
    code, text, error = run(capsys, "--predictions", predictions, "--out", tmp_path / target)
    assert (code, text) == (4, "")
    assert error == f"error: {tmp_path / target}: cannot be written ({reason})\n"


def test_refused_records_are_counted_by_reason_and_the_first_is_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    predictions = lines(tmp_path / "p.ndjson", GOOD, NO_MODEL, NO_MODEL, "text")
    code, text, error = run(capsys, "--predictions", predictions, "--out", tmp_path / "o.ndjson")
    assert code == 6, "one prediction could be used, which is no window"
    assert "4 predictions (0 late), 0 labels, 3 dead letters" in text
    first, second, *_verdict = error.splitlines()
    assert first.startswith("2 rejected, missing_field (a required field is absent); the first: Expected a model's")
    assert first.endswith(" - at `$.model` (predictions-0@1)")
    assert second.startswith("1 rejected, invalid_type")


def test_files_stand_for_the_first_of_several_topics(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("predictions: {topic: [scores-eu, scores-us]}\n", encoding="utf-8")
    files = ("--config", config, "--predictions", lines(tmp_path / "p.ndjson", GOOD, NO_MODEL))
    code, _, error = run(capsys, *files, "--out", tmp_path / "o.ndjson")
    assert code == 6
    assert " - at `$.model` (scores-eu-0@1)" in error
    fields = 'fields: {model: {topic: "^scores-(.*)$"}}'
    config.write_text(f"predictions: {{topic: [scores-eu, scores-us], {fields}}}\n", encoding="utf-8")
    code, _, error = run(capsys, *files, "--out", tmp_path / "o.ndjson")
    assert code == 2
    assert "with the environment variable `DRIFTLINE_PREDICTIONS__TOPIC`" in error
    monkeypatch.setenv("DRIFTLINE_PREDICTIONS__TOPIC", "scores-us")
    code, text, _ = run(capsys, *files, "--out", tmp_path / "o.ndjson")
    assert code == 6
    assert "0 dead letters" in text, "the model comes from the name"


def test_a_run_in_which_every_prediction_was_refused_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    predictions = lines(tmp_path / "p.ndjson", NO_MODEL, NO_MODEL)
    labels = lines(tmp_path / "l.ndjson", {"prediction_id": "a", "label": 1, "ts": 1_772_366_400_000})
    code, text, error = run(capsys, "--predictions", predictions, "--labels", labels, "--out", tmp_path / "o.ndjson")
    assert code == 4
    assert "2 predictions (0 late), 1 labels, 2 dead letters" in text
    assert "2 rejected, missing_field" in error
    assert "error: no prediction could be used: all were rejected. Where fields stand" in error
    assert "No window was evaluated" not in error, "it is said already why"


def stream(n: int, *, step_ms: int = 1_000, **changes: object) -> list[dict[str, object]]:
    """Return predictions with a feature that alternates."""
    return [
        {**GOOD, "prediction_id": f"p-{i}", "ts": 1_772_366_400_000 + i * step_ms, "features": {"x": i % 7}, **changes}
        for i in range(n)
    ]


CONFIG = """
time: {pane: 1m, lateness: 1m}
defaults:
  windows: {verdict: [10m], display: 10m, performance: 10m, hop: 10m, min_samples: 100}
  checks: {dispersion: {mode: independent}}
  labels: {horizon: 2h, revisions: [10m], wait: 10m}
"""


def judged(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    predictions: list[dict[str, object]],
    *more: object,
    config: str = CONFIG,
    reference: list[dict[str, object]] | None = None,
) -> tuple[int, str, str]:
    """Return code, output and errors of a backtest with a reference of the same kind, but for the remarks on it."""
    (tmp_path / "c.yaml").write_text(config, encoding="utf-8")
    arguments: list[object] = ["--config", tmp_path / "c.yaml", "--out", tmp_path / "o.ndjson", *more]
    if reference is None:
        reference = [{"x": i % 7, "prediction": i % 2} for i in range(1_000)]
    if reference:
        arguments += ["--reference", lines(tmp_path / "r.ndjson", *reference)]
    code, text, error = run(capsys, "--predictions", lines(tmp_path / "p.ndjson", *predictions), *arguments)
    return code, text, "".join(line for line in error.splitlines(keepends=True) if not line.startswith("remark: "))


def test_windows_that_stay_open_are_said_and_can_be_closed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, error = judged(capsys, tmp_path, stream(300))
    assert (code, '"kind":"tumbling"' in (tmp_path / "o.ndjson").read_text()) == (6, False)
    assert error.startswith(
        "No window was evaluated.\n`m`: the first window of 10m did not end: it ends at 2026-03-01T12:10"
    )
    assert "the last event is of 2026-03-01T12:04:59.000Z" in error
    assert "--close" in error
    code, _, error = judged(capsys, tmp_path, stream(300), "--close")
    assert (code, error) == (0, "")
    windows = [json.loads(line) for line in (tmp_path / "o.ndjson").read_text().splitlines()]
    ends = {each["data"]["window"]["end"] for each in windows if each["data"]["window"]["kind"] == "tumbling"}
    assert ends == {"2026-03-01T12:10:00.000Z"}


def test_closing_evaluates_labels_at_their_first_revision_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    labels = lines(
        tmp_path / "l.ndjson",
        *({"prediction_id": f"p-{i}", "label": 1, "ts": 1_772_366_401_000 + i * 1_000} for i in range(300)),
    )
    assert judged(capsys, tmp_path, stream(300), "--labels", labels, "--close")[0] == 0
    events = [json.loads(line) for line in (tmp_path / "o.ndjson").read_text().splitlines()]
    performance = [each["data"] for each in events if each["type"] == "io.driftline.performance.v1"]
    assert [(each["revision"], each["n"], each["final"]) for each in performance] == [(0, 300, False)]


def test_partitions_without_an_event_hold_everything_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    predictions = stream(1_500, kafka={"partition": 0})
    code, _, error = judged(capsys, tmp_path, predictions, "--partitions", 3)
    assert code == 6
    assert "nothing ends before every partition has an event, and of 3 partitions 2 had none" in error
    assert judged(capsys, tmp_path, predictions, "--partitions", 3, "--close")[0] == 0


@pytest.mark.parametrize(
    ("predictions", "config", "reference", "reason"),
    [
        ([], CONFIG, [], "The file of predictions holds no record"),
        (stream(90), CONFIG, None, "`m`: a window needs 100 events (windows.min_samples), and there were 90"),
        (stream(900), CONFIG, [], "780 of 24,096 events learnt (bootstrap.sample + bootstrap.events)"),
        (
            stream(900),
            CONFIG + "  bootstrap: {enabled: false}\n",
            [],
            "`m`: no reference was given, and bootstrap.enabled is false",
        ),
    ],
)
def test_what_was_missing_is_said(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    predictions: list[dict[str, object]],
    config: str,
    reference: list[dict[str, object]] | None,
    reason: str,
) -> None:
    code, _, error = judged(capsys, tmp_path, predictions, config=config, reference=reference)
    assert code == 6
    assert error.startswith("No window was evaluated.\n")
    assert reason in error


def test_a_reference_of_another_model_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, error = judged(capsys, tmp_path, stream(900), "--model", "other", "--model-version", "2")
    assert code == 6
    assert "The reference is of `other@2`, and no prediction is. The predictions are of `m` (" in error
    assert "--model-version" in error


def test_predictions_that_came_late_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, text, error = judged(capsys, tmp_path, [GOOD, *stream(50, ts=1_772_000_000_000)])
    assert (code, "50 late" in text) == (6, True)
    assert "50 of 51 predictions came late and were left out: is the file sorted by time? If it is, raise" in error


@pytest.mark.parametrize(
    ("prediction_id", "days", "expected"),
    [
        (
            "{}.0",
            0,
            "is `p-0` of 2026-03-01T12:00:00.000Z, the first label `0.0` of 2026-03-01T12:00:01.000Z: where ids",
        ),
        (
            "p-{}",
            -3,
            "the first label `p-0` of 2026-02-26T12:00:01.000Z: the ids agree, so look at the times and their unit",
        ),
    ],
)
def test_labels_that_meet_no_prediction_are_said_with_the_first_of_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, prediction_id: str, days: int, expected: str
) -> None:
    labels = lines(
        tmp_path / "l.ndjson",
        *(
            {
                "prediction_id": prediction_id.format(i),
                "label": 1,
                "ts": 1_772_366_401_000 + days * 86_400_000 + i * 1_000,
            }
            for i in range(2_000)
        ),
    )
    code, _, error = judged(capsys, tmp_path, stream(2_000), "--labels", labels)
    assert code == 0
    assert error.startswith("None of the 2,000 labels met its prediction. ")
    assert expected in error


def test_a_bad_first_line_is_one_dead_letter(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bad = {**GOOD, "prediction_id": None}
    for predictions in ([bad, *stream(1_500)], [*stream(1_500), bad]):
        code, text, _ = judged(capsys, tmp_path, predictions)
        assert (code, "1,501 predictions (0 late), 0 labels, 1 dead letters" in text) == (0, True)


def shifted() -> list[dict[str, object]]:
    return [{**each, "features": {"x": 6}} for each in stream(2_000)]


@pytest.mark.parametrize(
    ("predictions", "fail_on", "code"),
    [
        (shifted(), "alert", 5),
        (shifted(), "warning", 5),
        (shifted(), "critical", 5),
        (stream(2_000, prediction=0), "alert", 5),
    ],
)
def test_alerts_fail_the_command_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, predictions: list[dict[str, object]], fail_on: str, code: int
) -> None:
    assert judged(capsys, tmp_path, predictions)[0] == 0
    assert judged(capsys, tmp_path, predictions, "--fail-on", fail_on)[0] == code


def test_no_alert_is_no_failure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    quiet = [{**each, "prediction": i % 2} for i, each in enumerate(stream(2_000))]
    assert judged(capsys, tmp_path, quiet, "--fail-on", "alert")[0] == 0


def test_records_without_a_value_are_refused_as_on_kafka(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tombstone = {"prediction_id": "p-1", "kafka": {"tombstone": True}}
    predictions = lines(tmp_path / "p.ndjson", GOOD, tombstone, None)
    code, _, error = run(capsys, "--predictions", predictions, "--out", tmp_path / "o.ndjson")
    assert code == 6
    assert error.startswith("2 rejected, empty_record (the record has no value)")


def test_rows_and_the_profile_that_is_built_of_them_give_the_same_events(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    predictions, rows, profile = (tmp_path / name for name in ("p.ndjson", "r.ndjson", "m.profile"))
    config = tmp_path / "driftline.yaml"
    config.write_text("time: {pane: 1m}\ndefaults: {windows: {verdict: [30m], display: 30m, min_samples: 100}}\n")
    traffic = ["--start", "2026-03-01T12:00:00Z", "--duration", "2h", "--rate", "1"]
    build = ["--config", config, "--model", "credit-risk", "--model-version", "3", "--out", profile]
    for command in (
        ["simulate", *traffic, "--out-predictions", predictions, "--reference-out", rows, "--reference-rows", 9_000],
        ["reference", "build", rows, *build],
    ):
        with pytest.raises(SystemExit, match="0"):
            main([str(argument) for argument in command])
    capsys.readouterr()

    told = []
    for reference in (rows, profile):
        out = tmp_path / f"{reference.name}.events"
        arguments = ["--config", config, "--reference", reference, "--predictions", predictions, "--out", out]
        assert run(capsys, *arguments)[0] == 0
        told.append(out.read_bytes())

    assert b"io.driftline.window.v1" in told[0]
    assert told[0] == told[1]


def stamped(i: int, *, bad: bool) -> object:
    """Return a line of one a second by its Kafka timestamp, which cannot be used where it is bad."""
    record = {"timestamp": 1_772_366_400_000 + i * 1_000, "partition": i % 3}
    return {"kafka": record} if bad else {**GOOD, "prediction_id": f"p-{i}", "ts": record["timestamp"], "kafka": record}


@pytest.mark.parametrize("all_bad", [False, True])
def test_refused_records_open_an_alert_whatever_the_batches(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, all_bad: bool
) -> None:
    predictions = lines(
        tmp_path / "p.ndjson", *(stamped(i, bad=all_bad or (3_600 < i < 7_200 and i % 7 == 0)) for i in range(12_000))
    )
    told = []
    for n in (10_000, 617):
        monkeypatch.setattr("driftline.runtime.files.backtest.BATCH_LINES", n)
        out = tmp_path / f"{n}.ndjson"
        code, _, _ = run(capsys, "--predictions", predictions, "--out", out)
        assert code == (4 if all_bad else 6)
        told.append(sorted(out.read_bytes().splitlines()))
    assert told[0] == told[1]
    events = [json.loads(line)["data"] for line in told[0]]
    opened = [each for each in events if each.get("cause") == "intake" and each["revision"] == 1]
    assert [(each["severity"], each["window"]["start"]) for each in opened] == [
        ("critical", "2026-03-01T12:00:00.000Z") if all_bad else ("warning", "2026-03-01T13:00:00.000Z")
    ]
    assert ("records of `predictions` were refused" in opened[0]["message"], opened[0]["n"]) == (True, 3_600)


def test_closing_judges_the_records_of_the_last_hour_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    predictions = lines(tmp_path / "p.ndjson", *(stamped(i, bad=True) for i in range(300)))
    out = tmp_path / "o.ndjson"
    assert run(capsys, "--predictions", predictions, "--out", out)[0] == 4
    assert out.read_bytes() == b""
    assert run(capsys, "--predictions", predictions, "--out", out, "--close")[0] == 4
    alerts = [json.loads(line)["data"] for line in out.read_bytes().splitlines() if b"alert.v1" in line]
    assert [(each["cause"], each["n"]) for each in alerts] == [("intake", 300)]


def test_labels_with_other_ids_open_an_alert_from_the_first_day(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    labels = lines(
        tmp_path / "l.ndjson",
        *({"prediction_id": f"{i}.0", "label": 1, "ts": 1_772_366_401_000 + i * 1_000} for i in range(12_000)),
    )
    code, _, _ = judged(capsys, tmp_path, stream(12_000), "--labels", labels, "--fail-on", "alert")
    assert code == 5
    events = [json.loads(line)["data"] for line in (tmp_path / "o.ndjson").read_text().splitlines()]
    (opened,) = [each for each in events if each.get("cause") == "intake" and each["revision"] == 1]
    assert "(a label names `0.0`, a prediction is called `p-0`)" in opened["message"]
    assert opened["window"]["start"] == "2026-03-01T13:00:00.000Z", "the first hour that begins after labels.wait"
