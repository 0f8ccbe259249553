from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from driftline import build_profile_from_frame, read_profile, write_profile
from driftline.cli import main
from driftline.config.input_settings import PredictionFields
from driftline.errors import FormatError, ProfileError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.roles import Roles
from driftline.runtime.references.reference_files import read_table

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.profiles.building.table import ReferenceRows

KEY = ModelKey("credit-risk", "3")
RNG = np.random.default_rng(1)
FRAME = pa.table(
    {
        "age": RNG.integers(18, 80, 2_000),
        "income": pa.array(RNG.lognormal(10, 0.5, 2_000), mask=RNG.random(2_000) < 0.02),
        "channel": RNG.choice(["web", "app"], 2_000),
        "constant": np.ones(2_000),
        "prediction": RNG.integers(0, 2, 2_000),
        "score": RNG.random(2_000),
        "outcome": RNG.integers(0, 2, 2_000),
    }
)


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
    parquet.write_table(FRAME, tmp_path / "train.parquet")
    return tmp_path / "train.parquet"


def reading(path: Path, text: str, roles: Roles | None = None, **more: object) -> ReferenceRows:
    path.write_text(text, encoding="utf-8")
    return read_table(path, KEY, roles, **more)  # type: ignore[arg-type]  # fields, positive


def test_build_says_what_it_found_and_writes_it(capsys: pytest.CaptureFixture[str], rows: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.profile"
    options = ("-m", "credit-risk", "--model-version", "3", "--label-column", "outcome", "--drop", "channel")
    code, text, error = run(capsys, "reference", "build", rows, *options, "-o", target)
    assert code == 0, error
    for words in ("credit-risk@3", "2000 rows", "task binary, classes 0, 1", "baseline accuracy", "income", "numeric"):
        assert words in text
    assert text.count("channel") == text.count("not watched: channel") == 1
    assert "remark: column `constant` is constant (1)" in error
    profile = read_profile(target)
    assert [column.name for column in profile.columns] == ["age", "income", "constant", "prediction", "score"]
    assert profile.effective_from_ms == 0


def test_the_configuration_decides_kinds_and_the_positive_class(
    capsys: pytest.CaptureFixture[str], rows: Path, tmp_path: Path
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "models: {m: {positive_class: '0', columns: {age: {kind: categorical}, constant: {kind: ignore}}}}\n",
        encoding="utf-8",
    )
    target = tmp_path / "x.profile"
    assert run(capsys, "reference", "build", rows, "-m", "m", "-c", config, "-o", target)[0] == 0
    profile = read_profile(target)
    assert profile.task.positive == "0"
    assert [type(column).__name__ for column in profile.columns[:2]] == ["CategoricalColumn", "NumericColumn"]
    assert "constant" not in [column.name for column in profile.columns]


def test_show_draws_every_column_and_json_is_for_machines(
    capsys: pytest.CaptureFixture[str], rows: Path, tmp_path: Path
) -> None:
    target = tmp_path / "x.profile"
    moment = ("--effective-from", "2026-03-01T12:00:00Z")
    run(capsys, "reference", "build", rows, "-m", "m", "--label-column", "outcome", "-o", target, *moment)
    code, text, error = run(capsys, "reference", "show", target)
    assert (code, error) == (0, "")
    assert "holds from 2026-03-01T12:00:00.000Z" in text
    for words in ("age  (feature)", "web", "up to 100 %", "█", "score  (score)"):
        assert words in text
    drawn = text
    code, text, error = run(capsys, "reference", "show", target, "--json")
    shown = json.loads(text)
    assert (shown["n"], shown["task"], shown["effective_from"]) == (2_000, "binary", "2026-03-01T12:00:00.000Z")
    columns = {column["name"]: column for column in shown["columns"]}
    assert sum(columns["age"]["counts"]) == 2_000
    assert len(columns["age"]["counts"]) == len(columns["age"]["edges"]) + 1
    assert set(columns["channel"]["categories"]) == {"web", "app"}
    missing = FRAME["income"].null_count / 2_000
    assert columns["income"]["quality"]["missing"] == missing
    assert f"missing {100 * missing:.3g} %" in drawn
    assert 0 < shown["performance"]["accuracy"] < 1


def test_importances_and_a_half_life_are_options_of_a_build(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    times = pa.array(1_767_571_200_000 + 60_000 * np.arange(2_000), pa.timestamp("ms"))
    parquet.write_table(FRAME.append_column("when", times), tmp_path / "timed.parquet")
    (tmp_path / "i.json").write_text('{"income": 3, "fee": 1}', encoding="utf-8")
    given = ("-m", "m", "--time-column", "when", "--half-life", "6h", "--importances", tmp_path / "i.json")
    code, text, error = run(
        capsys, "reference", "build", tmp_path / "timed.parquet", *given, "-o", tmp_path / "x.profile"
    )
    assert code == 0, error
    for words in ("half-life 6h: 2000 rows weigh as many as", "importance", "2000 panes of 10s, 34 of 168 hours"):
        assert words in text
    assert "remark: there is no column `fee`, to which an importance is given" in error
    profile = read_profile(tmp_path / "x.profile")
    assert profile.importances == {"income": 3.0, "fee": 1.0}
    code, text, error = run(capsys, "reference", "show", tmp_path / "x.profile")
    assert (code, error) == (0, "")
    for words in ("hours of the week", "Mon █", "income  (feature, importance 3)"):
        assert words in text
    shown = json.loads(run(capsys, "reference", "show", tmp_path / "x.profile", "--json")[1])
    assert shown["history"]["n_panes"] == 2_000
    varies = shown["columns"][0]["dispersion"]
    assert [each["window_ms"] for each in varies] == [3_600_000, 86_400_000]
    assert 0.5 < varies[0]["lambda_bar"] < 2, "the rows are independent"
    assert "windows of 1h λ̄ 1" in text
    assert len(shown["history"]["rows_by_hour"]) == 168
    assert {column["name"]: column["importance"] for column in shown["columns"]}["income"] == 3.0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["build", "no.parquet", "-m", "m", "-o", "x.profile"], 4, "error: no.parquet: no such file"),
        (
            ["build", "no.txt", "-m", "m", "-o", "x.profile"],
            4,
            "error: no.txt: rows are read from files that end in .parquet, .pq",
        ),
        (["build", "no.parquet", "-m", "m", "-o", "x.bin"], 2, "Expected a name that ends in .profile"),
        (["build", "no.csv", "-m", "m", "-o", "x.profile", "--effective-from", "soon"], 2, "Expected RFC 3339"),
        (["build", "no.csv", "-m", "m", "-o", "x.profile", "--half-life", "0d"], 2, "Expected a duration above zero"),
        (["publish", "no.profile", "--half-life", "7d"], 2, "Expected no such option with a .profile"),
        (["publish", "no.csv"], 2, "Expected --model beside rows"),
        (["publish", "no.profile", "-m", "m"], 2, "Expected no such option with a .profile"),
        (["publish", "no.profile"], 4, "error: no.profile: no such file"),
        (["show"], 2, "Expected either a file or --model"),
        (["show", "no.profile", "-m", "m"], 2, "Expected either a file or --model"),
    ],
)
def test_errors_are_short_and_have_exit_codes(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    left, text, error = run(capsys, "reference", *arguments)
    assert (left, text) == (code, "")
    assert message in error
    assert "Traceback" not in error


def test_a_named_column_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str], rows: Path, tmp_path: Path
) -> None:
    options = ("-m", "m", "-o", tmp_path / "x.profile", "--label-column", "defaulted")
    code, _, error = run(capsys, "reference", "build", rows, *options)
    assert code == 4
    assert "there is no column `defaulted`, only age, income" in error
    assert not (tmp_path / "x.profile").exists()


def test_csv_has_empty_cells_for_what_is_missing(tmp_path: Path) -> None:
    table, remarks = reading(tmp_path / "t.csv", "ts,age,channel,segments,label\n1,41,web,,0\n2,,,,1\n")
    age = table.features["age"]
    assert isinstance(age, np.ndarray)
    np.testing.assert_array_equal(age, [41.0, np.nan])
    assert table.features["channel"] == ["web", None]
    assert table.label == [0, 1]
    assert table.times_ms is not None
    assert table.times_ms.tolist() == [1, 2]
    assert remarks == ("column `segments` identifies events: it is left out",)


def test_lines_are_flat_rows_or_prediction_events(tmp_path: Path) -> None:
    flat, _ = reading(tmp_path / "flat.ndjson", '{"age": 1, "kafka": {"offset": 1}}\n\n{"age": NaN, "prediction": 1}\n')
    assert list(flat.features) == ["age"]
    assert flat.prediction == [None, 1]
    lines = [
        {"prediction_id": "a", "model": "credit-risk", "model_version": 3, "features": {"age": 1}, "prediction": 0},
        {"prediction_id": "b", "model": "other", "features": {"x": 1}},
        {"prediction_id": "c", "model": "credit-risk", "model_version": "3", "features": {"age": None, "vip": True},
         "prediction": 1, "score": {"0": 0.25, "1": 0.75}, "truth": 1, "ts": "2026-03-01T12:00:00Z"},
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines)
    events, remarks = reading(tmp_path / "events.jsonl", text, Roles(label="truth", drop=("vip",)), positive="1")
    assert events.features == {"age": [1, None]}
    assert (events.prediction, events.score, events.label) == ([0, 1], [None, 0.75], [None, 1])
    assert remarks == ("1 events are of other models: they are left out",)


def test_lines_follow_the_field_mapping(tmp_path: Path) -> None:
    fields = PredictionFields(
        prediction_id="/id", model="/meta/name", model_version="/meta/v", features="/input", prediction="/out/class"
    )
    line = {"id": 1, "meta": {"name": "credit-risk", "v": "3"}, "input": {"age": 1}, "out": {"class": "yes"}}
    table, _ = reading(tmp_path / "e.ndjson", json.dumps(line), fields=fields)
    assert (table.features, table.prediction) == ({"age": [1]}, ["yes"])
    whole = msgspec.structs.replace(fields, features="")
    table, _ = reading(tmp_path / "w.ndjson", json.dumps({"id": 1, "age": 5}), fields=whole)
    assert table.features == {"age": [5]}


def test_the_mapped_prediction_and_score_of_flat_rows_are_no_features(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config, rows, target = tmp_path / "flat.yaml", tmp_path / "flat.ndjson", tmp_path / "x.profile"
    config.write_text("predictions: {fields: {features: '', prediction: /churns, score: /p}}\n", encoding="utf-8")
    lines = [{"age": i, "churns": i % 2, "p": 0.5 + 0.1 * (i % 2), "label": i % 3 % 2} for i in range(60)]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    code, text, error = run(capsys, "reference", "build", rows, "--config", config, "-m", "churn", "-o", target)
    assert (code, "left out" in error) == (0, False), error
    assert "baseline accuracy" in text
    assert [column.name for column in read_profile(target).columns] == ["age", "prediction", "score"]


def test_the_mapped_label_is_no_feature(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config, rows, target = tmp_path / "c.yaml", tmp_path / "t.csv", tmp_path / "x.profile"
    config.write_text("labels: {topic: refunds, fields: {label: /wasFraud}}\n", encoding="utf-8")
    rows.write_text(
        "age,score,wasFraud\n" + "".join(f"{i},{i / 60},{i % 3 % 2}\n" for i in range(60)), encoding="utf-8"
    )
    code, text, error = run(capsys, "reference", "build", rows, "--config", config, "-m", "fraud", "-o", target)
    assert code == 0, error
    assert "baseline accuracy" in text
    assert [column.name for column in read_profile(target).columns] == ["age", "score"]
    assert run(capsys, "reference", "build", rows, "-m", "fraud", "-o", target)[0] == 0
    assert [column.name for column in read_profile(target).columns] == ["age", "wasFraud", "score"]


@pytest.mark.parametrize("name", ["t.csv", "t.ndjson"])
def test_a_mapped_output_that_is_not_taken_is_left_out_for_the_true_reason(tmp_path: Path, name: str) -> None:
    text = "ts,age,churns,p,mine\n1,41,1,0.5,0\n"
    if name == "t.ndjson":
        text = '{"ts": 1, "age": 41, "churns": 1, "p": 0.5, "mine": 0}\n'
    fields = PredictionFields(features="", prediction="/churns", score="/p")
    table, remarks = reading(tmp_path / name, text, Roles(prediction="mine"), fields=fields)
    assert (list(table.features), table.prediction, table.score) == (["age"], [0], [0.5])
    assert table.times_ms is not None
    assert len(remarks) == 1
    assert remarks[0].startswith("column `churns` holds the prediction or score of events, as the configuration maps")


def test_a_table_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"empty\.csv has no rows: at least one is expected"):
        reading(tmp_path / "empty.csv", "age,prediction\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.ndjson is empty: at least one row is expected, one JSON object a line"),
        ('{"a": 1}\n[1]\n', r"Expected a JSON object, got b'\[1\]' - at `.*x.ndjson:2`"),
        ('{"a": 1}\n{"a"\n', r"Expected a JSON object, got b'{\"a\"' .* - at `.*x.ndjson:2`"),
        ('{"prediction_id": 1, "model": "m", "features": {}, "score": 2}', r"Expected a probability .*x.ndjson:1\)"),
        (
            '{"prediction_id": 1, "model": "m", "features": {}}',
            "no event is a prediction of `credit-risk@3`, all 1 are of other models; name the model",
        ),
    ],
)
def test_unusable_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        reading(tmp_path / "x.ndjson", text)


def test_a_profile_file_is_whole_or_an_error(tmp_path: Path) -> None:
    profile = build_profile_from_frame(FRAME, "credit-risk", "3", roles=Roles(label="outcome"))
    path = tmp_path / "x.profile"
    write_profile(path, profile)
    write_profile(path, profile)
    assert list(tmp_path.iterdir()) == [path]
    assert read_profile(path).profile_id == profile.profile_id
    data = path.read_bytes()
    for damaged in (b"", data[:-1], data[:100], b"x" + data, b"PAR1"):
        path.write_bytes(damaged)
        with pytest.raises(FormatError, match=r"Expected a profile as `driftline reference build` writes it"):
            read_profile(path)
    fields = msgspec.msgpack.decode(data)
    path.write_bytes(msgspec.msgpack.encode([fields[0], 2, fields[2]]))
    with pytest.raises(FormatError, match=r"of version 1, got 'driftline-profile' of version 2 .* Build it again"):
        read_profile(path)
    with pytest.raises(ProfileError, match=r"x\.profile cannot be written: no such file or directory"):
        write_profile(tmp_path / "absent" / "x.profile", profile)
