from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from driftline.cli import app
from driftline.config.field_places import FeaturesAt, First, ScoreAt, TimeAt, Where
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.load import load_settings
from driftline.config.preset_files import preset_names, preset_text, preset_title, presets_of
from driftline.errors import ConfigurationError
from driftline.events.mapping_check import mapping_problems

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.settings import Settings


def loaded(path: Path, text: str) -> Settings:
    path.write_text(text)
    return load_settings(path, {}, settings_checks=[mapping_problems])


def problems(path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        loaded(path, text)
    return raised.value.problems


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_what_one_could_write_by_hand(name: str, tmp_path: Path) -> None:
    by_hand: dict[str, Any] = yaml.safe_load(preset_text(name))
    assert by_hand.keys() <= {"predictions", "labels"}
    for topic, section in by_hand.items():
        preset = loaded(tmp_path / "a.yaml", f"{topic}: {{preset: {name}}}")
        written = loaded(tmp_path / "b.yaml", yaml.safe_dump({topic: {"preset": None, **section}}))
        one, other = getattr(preset, topic), getattr(written, topic)
        assert one.preset == name
        for field in type(one).__struct_fields__:
            if field != "preset":
                assert getattr(one, field) == getattr(other, field)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_what_it_is_for_and_where_that_is_documented(name: str) -> None:
    text = preset_text(name)
    assert text.startswith("# ")
    assert "# Documented" in text
    assert ("https://" in text) is (name != "driftline")
    assert 20 < len(preset_title(name)) < 240
    assert all(len(line) <= 120 or "https://" in line for line in text.splitlines())


def test_driftlines_own_preset_is_the_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path / "a.yaml", "predictions: {preset: driftline}\nlabels: {preset: driftline}")
    assert settings.predictions == PredictionInput(preset="driftline")
    assert settings.labels == LabelInput(preset="driftline")


def test_what_the_user_says_wins_field_by_field(tmp_path: Path) -> None:
    text = """
predictions:
  preset: debezium
  topic: db.public.predictions
  where: null
  fields:
    model: {value: risk}
    ts: {unit: us}
    score: {scale: percent}
    features: {without: [row_id]}
labels:
  preset: debezium
  fields: {prediction_id: /payload/after/id, ts: {header: at}}
"""
    settings = loaded(tmp_path / "a.yaml", text)
    fields = settings.predictions.fields
    assert settings.predictions.topic == "db.public.predictions"
    assert settings.predictions.where is None
    assert fields.ts == TimeAt("/payload/after/ts", unit="us")
    assert fields.score == ScoreAt("/payload/after/score", scale="percent")
    assert fields.features == FeaturesAt("/payload/after", without=("row_id",))
    assert fields.prediction_id == "/payload/after/prediction_id"
    assert settings.labels is not None
    assert settings.labels.fields.prediction_id == "/payload/after/id"
    assert settings.labels.fields.ts == TimeAt(header="at")
    assert settings.labels.where == Where("/payload/op", equals=("c", "r", "u", "d"))


def test_a_part_of_a_pair_is_replaced_and_the_environment_may_name_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("predictions: {pair: {max_records: 5}}")
    settings = load_settings(path, {"DRIFTLINE_PREDICTIONS__PRESET": "kserve-v1"})
    pair = settings.predictions.pair
    assert pair is not None
    assert (pair.max_records, pair.id, settings.predictions.encoding) == (5, "/id", "cloudevents")
    assert isinstance(load_settings(None, {}, {"labels.preset": "debezium"}).labels.fields.prediction_id, First)  # type: ignore[union-attr]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    (unknown,) = problems(path, "predictions: {preset: kserve_v1}")
    assert unknown.endswith("got 'kserve_v1' - at `$.predictions.preset`; did you mean `kserve-v1`? (line 1)")
    (without_labels,) = problems(path, "labels: {preset: kserve-v1}")
    assert "`sagemaker`" in without_labels
    assert "`kserve-v1`" not in without_labels.partition(", got")[0]
    (wrong_type,) = problems(path, "labels: {preset: [a]}")
    assert "$.labels.preset" in wrong_type
    (of_the_preset,) = problems(path, "predictions: {preset: kserve-v1, fields: {model: /model}}")
    assert of_the_preset == (
        "Expected a pointer that begins with `/request` or `/response`, as `pair` joins these two, got '/model' - at "
        "`$.predictions.fields.model` (line 1)"
    )
    (no_rows,) = problems(path, "predictions: {preset: kserve-v2, fields: {rows: null, features: /request/x}}")[:1]
    assert no_rows.startswith("Expected `rows` beside `tables`, such as `rows: /request/data/inputs`")
    in_rows = "labels: {fields: {tables: [{pointer: 'row:/x'}], rows: /x, label: 'row:/y'}}"
    assert "a pointer into the record, without `row:`" in problems(path, in_rows)[0]
    (wait,) = problems(path, "predictions: {preset: kserve-v1, pair: {max_wait: 0s}}")
    assert "Expected a duration above zero" in wait
    (many,) = problems(path, "predictions: {preset: kserve-v1, pair: {max_records: 20000}}")
    assert "a whole number from 1 to 16384" in many


def test_the_commands_list_and_show() -> None:
    run = CliRunner().invoke
    listed = run(app, ["presets"])
    assert listed.exit_code == 0
    for name in preset_names():
        assert name in listed.output
    assert "(labels too)" in next(line for line in listed.output.splitlines() if line.startswith("sagemaker"))
    assert run(app, ["presets", "show", "sagemaker"]).output == preset_text("sagemaker")
    missing = run(app, ["presets", "show", "sagemakr"])
    assert isinstance(missing.exception, ConfigurationError)
    assert "did you mean `sagemaker`?" in str(missing.exception)
    assert "sagemaker" in presets_of("labels")
    with pytest.raises(KeyError):
        preset_text("../settings")
