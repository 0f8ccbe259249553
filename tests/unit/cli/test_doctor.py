from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from driftline.cli import main
from driftline.config.load import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

START_MS = 1_772_366_400_000


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("DRIFTLINE_") or each in {"FORCE_COLOR", "NO_COLOR"}]:
        monkeypatch.delenv(name)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments)])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def written(path: Path, records: Sequence[object]) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    scores = [
        {"id": f"r-{n}", "at": START_MS + 60_000 * n, "model": "loan", "age": n % 50, "decision": n % 2, "score": 0.3}
        for n in range(200)
    ]
    labels = [{"ref": f"r-{n}", "outcome": n % 2, "at": START_MS + 60_000 * n + 5_000} for n in range(200)]
    return written(tmp_path / "scores.ndjson", scores), written(tmp_path / "labels.ndjson", labels)


def test_files_are_understood_and_a_configuration_is_written(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tmp_path / "driftline.yaml"
    code, text, error = run(
        capsys, "doctor", "--predictions-file", files[0], "--labels-file", files[1], "--write", config
    )
    assert (code, error) == (0, "")
    assert "ok       predictions: prediction_id is /id (200 of its values are also in the other topic)" in text
    assert "ok       all 200 are accepted" in text
    assert text.rstrip().endswith(f"Written to {config}: check it with `driftline check-config {config}`")
    settings = load_settings(config, {})
    assert settings.predictions.fields.prediction_id == "/id"
    assert settings.labels is not None
    assert settings.labels.fields.label == "/outcome"
    before = config.read_text()
    code, text, error = run(capsys, "doctor", "--predictions-file", files[0], "--write", config)
    assert (code, text) == (2, "")
    assert "Expected a new file" in error
    assert config.read_text() == before


def test_problems_have_an_exit_code_of_their_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.ndjson"
    broken.write_bytes(b"p-17,loan,1,41\n" * 30)
    code, text, _ = run(capsys, "doctor", "--predictions-file", broken)
    assert code == 7
    assert "30 of 30 would be refused (100 %)" in text
    assert "a line of a table, its cells separated by commas" in text
    assert "2 problems found." in text


def test_programs_read_json(capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]) -> None:
    code, text, _ = run(capsys, "doctor", "--predictions-file", files[0], "--json")
    report = json.loads(text)
    assert code == 0
    assert {line["level"] for section in report["sections"] for line in section["lines"]} <= {"ok", "note"}
    assert report["configuration"].startswith("# Written by `driftline doctor`")


def test_values_of_records_are_no_markup_and_no_new_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    records = [
        {"id": f"r-{n}", "ts": START_MS + n, "model": "a\nb [bold]\x1b[31m", "x": 1, "prediction": "q"}
        for n in range(60)
    ]
    code, text, _ = run(capsys, "doctor", "--predictions-file", written(tmp_path / "s.ndjson", records))
    assert code == 0
    assert "predictions: model is /model (a\\nb [bold]\\x1b[31m)" in text


def test_a_configuration_whose_mapping_fits_no_record_is_named(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("time: {lateness: 5m}\npredictions: {fields: {prediction_id: /request}}\n", encoding="utf-8")
    code, text, _ = run(capsys, "doctor", "--config", config, "--predictions-file", files[0])
    assert code == 7
    assert "the configured mapping would refuse 100 % of the records" in text
    assert "prediction_id: /id" in text
    assert "lateness: 5m" in text


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("--labels-file", "x.ndjson"), "Expected `--predictions-file` beside `--labels-file`", 2),
        (("--predictions-file", "no-such-file.ndjson"), "Expected a readable file", 4),
    ],
)
def test_wrong_options_are_named(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str, code: int
) -> None:
    found, text, error = run(capsys, "doctor", *arguments)
    assert (found, text) == (code, "")
    assert message in error


def test_a_configuration_with_problems_is_written_with_what_to_do_first(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tmp_path / "driftline.yaml"
    strange = [{"ref": f"r-{n}", "outcome": ["good", "bad"][n % 2], "at": START_MS + 60_000 * n} for n in range(200)]
    labels = written(tmp_path / "strange.ndjson", strange)
    code, text, _ = run(capsys, "doctor", "--predictions-file", files[0], "--labels-file", labels, "--write", config)
    assert code == 7
    assert "share no class" in text
    assert f"Written to {config}: first mend what is named above (one problem)" in text
