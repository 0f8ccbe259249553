from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from driftline.cli import main
from driftline.cli.exit_codes import ExitCode
from driftline.runtime.references.profile_files import read_profile

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    {"row": i, "zip": f"0{i % 7}139", "fee": i % 11 + 0.5, "was": i % 2, "p": 0.25 + 0.5 * (i % 2), "truth": i % 3 % 2}
    for i in range(300)
]
ROLES = ("--prediction-column", "was", "--score-column", "p", "--label-column", "truth")
EVENT = {"prediction_id": "a", "model": "m", "ts": 1_772_366_400_000, "features": {"fee": 1}, "prediction": 1}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("DRIFTLINE_") or each in {"FORCE_COLOR", "NO_COLOR"}]:
        monkeypatch.delenv(name)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(
        "\n".join([";".join(ROWS[0]), *(";".join(map(str, row.values())) for row in ROWS), ""]), encoding="utf-8"
    )
    return path


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "p.ndjson"
    path.write_text(json.dumps(EVENT) + "\n", encoding="utf-8")
    return path


def test_strict_refuses_what_contradicts_itself_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], rows: Path, tmp_path: Path
) -> None:
    target = tmp_path / "x.profile"
    build = ("reference", "build", rows, "-m", "m", "-o", target, *ROLES)
    code, _, error = run(capsys, *build, "--strict")
    assert code == 4
    assert "remark: column `row` grows with every row" in error
    assert "error: with --strict, what contradicts itself is an error: column `row` grows" in error
    assert not target.exists()
    code, _, error = run(capsys, *build, "--strict", "--drop", "row")
    assert code == 0, "what only informs is no error"
    assert "remark: no event times" in error
    assert "remark: column `zip` has leading zeros" in error
    assert [column.name for column in read_profile(target).columns] == ["zip", "fee", "prediction", "score"]
    assert run(capsys, *build)[0] == 0, "without --strict, a contradiction is a remark"


def test_strict_refuses_scores_that_contradict_predictions(
    capsys: pytest.CaptureFixture[str], predictions: Path, tmp_path: Path
) -> None:
    path, target = tmp_path / "rows.ndjson", tmp_path / "x.profile"
    scored = ({"x": i % 7, "prediction": i % 2, "score": 0.75 - i % 2 / 2} for i in range(300))
    path.write_text("".join(json.dumps(row) + "\n" for row in scored), encoding="utf-8")
    for command, usual in (
        (("reference", "build", path, "-m", "m", "-o", target), ExitCode.OK),
        (("backtest", "--predictions", predictions, "--reference", path, "--out", target), ExitCode.NO_VERDICT),
    ):
        code, _, error = run(capsys, *command, "--strict")
        assert (code, target.exists()) == (4, False)
        assert "error: with --strict, what contradicts itself is an error: scores and predictions disagree" in error
        code, _, error = run(capsys, *command)
        assert code == usual
        assert "remark: scores and predictions disagree" in error
        target.unlink()


def test_the_configuration_keeps_text_as_it_is_written(
    capsys: pytest.CaptureFixture[str], rows: Path, tmp_path: Path
) -> None:
    config, target = tmp_path / "c.yaml", tmp_path / "x.profile"
    for kind, found in (("categorical", "01139"), ("numeric", "139")):
        config.write_text(f"defaults: {{columns: {{zip: {{kind: {kind}}}}}}}\n", encoding="utf-8")
        assert run(capsys, "reference", "build", rows, "-m", "m", "-c", config, "-o", target, *ROLES)[0] == 0
        shown = json.loads(run(capsys, "reference", "show", target, "--json")[1])
        column = next(each for each in shown["columns"] if each["name"] == "zip")
        assert found in str(column.get("categories", int(column.get("minimum", 0))))


def test_a_backtest_takes_the_options_of_a_build(
    capsys: pytest.CaptureFixture[str], rows: Path, predictions: Path, tmp_path: Path
) -> None:
    run_test = ("backtest", "--reference", rows, "--predictions", predictions, "--out", tmp_path / "o.ndjson")
    given = ("--separator", ";", "--na", "0.5", "--drop", "zip", "--half-life", "7d")
    code, _, error = run(capsys, *run_test, *ROLES, *given)
    assert code == 4
    assert "half" in error or "time" in error, "rows without times cannot weigh less with age"
    code, text, error = run(capsys, *run_test, *ROLES, *given[:-2])
    assert code == ExitCode.NO_VERDICT, error
    assert "1 predictions (0 late)" in text
    assert "remark: column `row` grows with every row" in error
    code, _, error = run(capsys, *run_test, *ROLES, "--strict")
    assert code == 4
    assert "error: with --strict" in error
    assert run(capsys, *run_test, "--label-column", "absent")[0] == 4
    importances = tmp_path / "i.json"
    importances.write_text('{"gone": 1}', encoding="utf-8")
    assert "there is no column `gone`" in run(capsys, *run_test, *ROLES, "--importances", importances)[2]


def test_rows_may_come_from_a_database(capsys: pytest.CaptureFixture[str], predictions: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "rows.db")
    with connection:
        connection.execute("CREATE TABLE loans (fee REAL, prediction INTEGER, label INTEGER)")
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?)", [(i % 7 + 0.5, i % 2, i % 2) for i in range(200)])
    connection.close()
    query = ("--sql", "SELECT * FROM loans", "--uri", f"sqlite:///{tmp_path / 'rows.db'}")
    target = tmp_path / "x.profile"
    code, text, error = run(capsys, "reference", "build", "-m", "m", "-o", target, *query)
    assert code == 0, error
    assert "200 rows" in text
    code, text, error = run(capsys, "backtest", "--predictions", predictions, "--out", tmp_path / "o.ndjson", *query)
    assert code == ExitCode.NO_VERDICT, error
    assert "remark: only 200 rows" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reference", "build", "-m", "m", "-o", "x.profile"], "Expected either a file of rows, or --sql with --uri"),
        (
            ["reference", "build", "r.csv", "-m", "m", "-o", "x.profile", "--sql", "SELECT 1", "--uri", "sqlite:x"],
            "Expected either a file of rows, or --sql with --uri, got 'r.csv, --sql, --uri'",
        ),
        (
            ["reference", "build", "-m", "m", "-o", "x.profile", "--sql", "SELECT 1"],
            "Expected either a file of rows, or --sql with --uri, got '--sql'",
        ),
        (
            ["reference", "build", "r.csv", "-m", "m", "-o", "x.profile", "--separator", "ab"],
            "Expected one character, such as `;`, or `tab`, got 'ab' - at `--separator`",
        ),
        (
            ["reference", "publish", "x.profile", "--na", "NULL"],
            "Expected no such option with a .profile: it was fixed when the profile was built, got ['NULL']",
        ),
        (["reference", "publish", "r.csv"], "Expected --model beside rows"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, text, error = run(capsys, *arguments)
    assert (code, text) == (2, "")
    assert message in error


def test_a_backtest_refuses_options_of_rows_without_rows(
    capsys: pytest.CaptureFixture[str], predictions: Path, tmp_path: Path
) -> None:
    code, _, error = run(capsys, "backtest", "--predictions", predictions, "--out", tmp_path / "o", "--drop", "x")
    assert code == 2
    assert "Expected no such option without rows: give --reference or --sql, got ['x'] - at `--drop`" in error
