from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

import pytest

from driftline import read_profile
from driftline.cli import main
from driftline.runtime.demo import simulation
from driftline.runtime.kafka.kafka_clients import connect_admin

if TYPE_CHECKING:
    from pathlib import Path

FIXED = ("--start", "2026-03-01T12:00:00Z", "--rate", "20", "--duration", "5m", "--label-delay", "10s")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["simulate", *(str(argument) for argument in arguments)])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("DRIFTLINE_") or each in {"FORCE_COLOR", "NO_COLOR"}]:
        monkeypatch.delenv(name)


def test_files_hold_the_scenario_and_its_announcement(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    p, labels = tmp_path / "p.ndjson", tmp_path / "l.ndjson"
    to = ("--out-predictions", p, "--out-labels", labels)
    code, text, error = run(capsys, *FIXED, *to, "--drift", "all", "--drift-at", "2m", "--drift-until", "4m")
    assert (code, error) == (0, "")
    assert "seed 42: 6000 predictions from 2026-03-01T12:00:00.000Z to 2026-03-01T12:05:00.000Z" in text
    assert "income-shift, new-category, missing, concept from 2026-03-01T12:02:00.000Z to 2026-03-01T12:04" in text
    lines = [json.loads(line) for line in p.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 6_000
    regions = {line["ts"][:16] for line in lines if line["features"]["region"] == "overseas"}
    assert regions == {"2026-03-01T12:02", "2026-03-01T12:03"}
    first = p.read_bytes(), labels.read_bytes()
    run(capsys, *FIXED, *to, "--drift", "all", "--drift-at", "2026-03-01T12:02:00Z", "--drift-until", "4m")
    assert (p.read_bytes(), labels.read_bytes()) == first


def test_lines_can_say_where_their_records_would_stand(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    p, labels = tmp_path / "p.ndjson", tmp_path / "l.ndjson"
    to = ("--out-predictions", p, "--out-labels", labels, "--partitions", "3", "--all-labels")
    assert run(capsys, *FIXED, *to)[0] == 0
    stood: dict[str, int] = {}
    for path in (p, labels):
        expected = [0, 0, 0]
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            partition, offset, _ = line["kafka"].values()
            assert offset == expected[partition]
            expected[partition] += 1
            assert stood.setdefault(line["prediction_id"], partition) == partition
        assert sum(expected) == 6_000


@pytest.mark.parametrize("name", ["r.parquet", "r.ndjson"])
def test_reference_rows_make_a_profile(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    rows, target = tmp_path / name, tmp_path / "x.profile"
    assert run(capsys, *FIXED, "--reference-out", rows, "--reference-rows", "3000")[0] == 0
    arguments = ["reference", "build", str(rows), "-m", "credit-risk", "--model-version", "3", "-o", str(target)]
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    profile = read_profile(target)
    assert (profile.n_events, len(profile.columns), profile.task.kind) == (3_000, 10, "binary")
    assert profile.performance is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--drift-at", "5m"], "Expected --drift beside --drift-at and --drift-until"),
        (["--drift", "missing", "--drift-at", "noon"], "Expected a duration such as `30m`, or RFC 3339"),
        (["--duration", "long"], "Expected a duration such as"),
        (["--start", "2026-03-01"], "Expected RFC 3339 with an offset"),
        (["--drift", "missing", "--drift-at", "5m", "--drift-until", "4m"], "Expected an end of the drift after"),
        (["--drift", "tides"], "Invalid value for '--drift'"),
        (["--reference-out", "r.txt"], "Expected a file that ends in .parquet, .ndjson or .jsonl"),
    ],
)
def test_wrong_options_are_exit_code_2(capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    code, _, error = run(capsys, *options)
    assert code == 2
    assert message in error


def test_a_missing_broker_is_exit_code_3(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "connect_admin", partial(connect_admin, timeout_s=0.5))
    code, _, error = run(capsys, *FIXED, "-b", "127.0.0.1:1")
    assert code == 3
    assert "Expected an answer from Kafka within 0.5 s" in error


def test_traffic_is_written_to_a_topic_with_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, *FIXED, "--brokers", "localhost:1", "--predictions", "^scores-")
    assert code == 2
    assert (
        "Expected the name of a topic to write to, got the pattern '^scores-'. Name one with `--predictions`" in error
    )
