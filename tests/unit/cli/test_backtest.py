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
    assert error == f"error: Expected a file that can be written, got {reason} - at `{tmp_path / target}`\n"


def test_a_table_is_refused_where_lines_are_expected(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "p.parquet"
    table.write_bytes(b"PAR1")
    code, text, error = run(capsys, "--predictions", table, "--out", tmp_path / "o.ndjson")
    assert (code, text) == (4, "")
    assert error.startswith("error: Expected NDJSON, one event per line")
    assert not (tmp_path / "o.ndjson").exists()


def test_refused_records_are_counted_by_reason_and_the_first_is_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    predictions = lines(tmp_path / "p.ndjson", GOOD, NO_MODEL, NO_MODEL, "text")
    code, text, error = run(capsys, "--predictions", predictions, "--out", tmp_path / "o.ndjson")
    assert code == 0, "one prediction could be used"
    assert "4 predictions (0 late), 0 labels, 3 dead letters" in text
    first, second = error.splitlines()
    assert first.startswith(
        "2 rejected, missing_field (a required field is absent); the first: Expected a model's name"
    )
    assert first.endswith(" - at `$.model` (predictions-0@1)")
    assert second.startswith("1 rejected, invalid_type")


def test_a_run_in_which_every_prediction_was_refused_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    predictions = lines(tmp_path / "p.ndjson", NO_MODEL, NO_MODEL)
    labels = lines(tmp_path / "l.ndjson", {"prediction_id": "a", "label": 1, "ts": 1_772_366_400_000})
    code, text, error = run(capsys, "--predictions", predictions, "--labels", labels, "--out", tmp_path / "o.ndjson")
    assert code == 4
    assert "2 predictions (0 late), 1 labels, 2 dead letters" in text
    assert "2 rejected, missing_field" in error
    assert "error: Expected usable predictions, got none" in error


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
