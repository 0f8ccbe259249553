"""Field mappings are refused when the configuration is read, exactly where decoding could not begin."""

from __future__ import annotations

from itertools import product

import pytest

from driftline.config.field_places import Constant
from driftline.config.input_settings import LabelFields, LabelInput, PredictionFields, PredictionInput
from driftline.config.load import load_settings
from driftline.config.settings import Settings
from driftline.errors import ConfigurationError, ParameterError
from driftline.events.label import LabelDecoder
from driftline.events.mapping_check import mapping_problems
from driftline.events.prediction import PredictionDecoder

POINTERS = ("", "/", "/ts", "/model", "/model/ts", "/label", "/a/b", "/a~1b")


def paths(settings: Settings) -> list[str]:
    return [path for _message, path, _depends in mapping_problems(settings)]


@pytest.mark.parametrize(("ts", "model"), [*product(POINTERS, POINTERS)])
def test_what_the_decoders_refuse_is_what_is_found_beforehand(ts: str, model: str) -> None:
    fields = PredictionFields(ts=ts, model=model)
    try:
        PredictionDecoder(fields)
    except ParameterError:
        refused = True
    else:
        refused = False
    assert bool(paths(Settings(predictions=PredictionInput(fields=fields)))) == refused

    label_fields = LabelFields(ts=ts, label=model)
    try:
        LabelDecoder(label_fields)
    except ParameterError:
        refused = True
    else:
        refused = False
    assert bool(paths(Settings(labels=LabelInput(fields=label_fields)))) == refused


def test_the_messages_name_both_fields() -> None:
    fields = PredictionFields(model="/ts/model")
    ((message, path, depends),) = mapping_problems(Settings(predictions=PredictionInput(fields=fields)))
    through = "a pointer that does not lead through `/ts` of the field `ts`"
    assert message == f"Expected {through}, got '/ts/model' - at `$.predictions.fields.model`"
    assert path == "$.predictions.fields.model"
    assert depends == ("$.predictions.fields.model", "$.predictions.fields.ts")


def test_the_same_pointer_twice_is_one_problem() -> None:
    same = LabelFields(label="/prediction_id")
    assert paths(Settings(labels=LabelInput(fields=same))) == ["$.labels.fields.label"]


def test_constants_and_the_record_as_features_are_no_problem() -> None:
    fields = PredictionFields(model=Constant("m"), ts="/model/ts", features="")
    assert paths(Settings(predictions=PredictionInput(fields=fields), labels=LabelInput())) == []
    inside = PredictionFields(features="/features", score="/features/score")
    assert paths(Settings(predictions=PredictionInput(fields=inside))) == []


def messages(predictions: dict[str, object], labels: dict[str, object] | None = None) -> list[str]:
    """Return what `check-config` says of fields."""
    fields = {"predictions": {"fields": predictions}, "labels": {"fields": labels or {}}}
    try:
        load_settings(None, {}, fields, settings_checks=[mapping_problems])
    except ConfigurationError as error:
        return [problem.replace(" (from the command line)", "") for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "fields",
    [
        {"score": "/score/1", "prediction": "/score/0"},
        {"features": "/payload/after", "score": "/payload/after/p", "prediction": "/payload/after/c"},
        {"features": "/in", "segments": "/in"},
        {"segments": {"country": "/in/country", "team": {"header": "t"}}, "features": "/in"},
        {"prediction_id": {"join": ["/a", {"topic": True}]}, "model": {"topic": "^(.*)-x$"}},
        {"rows": "/rows", "features": "row:", "score": "/scores/*"},
        {"rows": "/p", "prediction": "row:"},
        {"ts": {"pointer": "/ts", "unit": "s"}, "score": {"pointer": "/p", "scale": [300, 850], "higher": "safer"}},
        {"ts": {"header": "at", "format": "%d/%m/%Y"}, "score": {"pointer": "/p", "order": ["no", "yes"]}},
        {"features": {"pointer": "/row", "names": ["a"], "text": "csv"}, "model": {"value": 7}},
    ],
)
def test_shapes_that_can_be_said(fields: dict[str, object]) -> None:
    assert messages(fields) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prediction_id": {"value": 1}}, "Expected an id that each event has of its own, got 1 - at `$.predictions."),
        ({"prediction_id": {"join": [{"topic": True}]}}, "got 'parts that are always the same' - at `$.predictions."),
        ({"score": "row:/p"}, "Expected a pointer without `row:`, as `rows` does not say where the rows stand"),
        ({"rows": "/in"}, "Expected `rows` with a field in them, such as `row:/x` or `/predictions/*`, got '/in'"),
        ({"rows": "row:/in", "score": "row:/p"}, "Expected a pointer into the record to a list of rows, got 'row:/in'"),
        ({"model": {"key": "row:/a"}}, "Expected a pointer into the key, without `row:`, got 'row:/a' - at `$.predict"),
        ({"segments": {"a": {"key": "row:/a"}}}, "Expected a pointer into the key, without `row:`"),
        ({"score": {"pointer": ""}}, "Expected a pointer to a field, such as `/ts`, got '' - at `$.predictions.fields"),
        ({"score": {"pointer": "/ts/x"}}, "Expected a pointer that does not lead through `/ts` of the field `ts`"),
        (
            {"score": {"pointer": "/p", "scale": [850, 300]}},
            "Expected a range such as `[300, 850]`, got [850.0, 300.0]",
        ),
        ({"score": {"pointer": "/p", "order": ["a", "a"]}}, "Expected each class once, got ['a', 'a'] - at `order`"),
        ({"score": {"pointer": "/p", "order": [False]}}, "Expected a string or a whole number or a number, got False"),
        (
            {"ts": {"unit": "s"}},
            "Expected either `pointer` or `header`, got None - at `pointer` - under `$.predictions.",
        ),
        ({"ts": {"pointer": "/a", "header": "b"}}, "Expected either `pointer` or `header`, got '/a' - at `pointer`"),
        (
            {"ts": {"pointer": "/ts", "unit": "h"}},
            "Expected one of `s`, `ms`, `us`, `ns`, got 'h' - at `$.predictions.",
        ),
        (
            {"ts": {"pointer": "/ts", "format": "%H:%M"}},
            "Expected a form of dates such as `%d/%m/%Y %H:%M`, got '%H:%M'",
        ),
        ({"ts": {"pointer": "/ts", "format": "%d %"}}, "Expected a form of dates such as `%d/%m/%Y %H:%M`, got '%d %'"),
        ({"model": {"topic": "a(b"}}, "Expected `true` or a regular expression with one group, got 'a(b' - at `topic`"),
        ({"model": {"topic": False}}, "Expected `true` or a regular expression with one group, got False - at `topic`"),
        ({"model": {"join": []}}, "Expected at least one field to join, got [] - at `join` - under `$.predictions."),
        ({"features": {"names": ["a", "a"]}}, "Expected each name once, got ['a', 'a'] - at `names` - under"),
        (
            {"features": {"pointer": "/a", "text": "csv"}},
            "Expected names of the values in the text, got [] - at `names`",
        ),
        ({"model": {"heder": "x"}}, "Expected one of `header`, got 'heder' - at `$.predictions.fields.model.heder`"),
        ({"model": {"xyz": 1}}, "with one of `value`, `key`, `header`, `topic`, `join`, `first`, got {'xyz': 1} - at"),
        (
            {"model": 5},
            "or a mapping with one of `value`, `key`, `header`, `topic`, `join`, `first`, got 5 - at `$.predictions.",
        ),
    ],
)
def test_shapes_that_cannot_work_are_refused(fields: dict[str, object], message: str) -> None:
    found = messages(fields)
    assert any(problem.startswith(message) or message in problem for problem in found), found


def test_where_names_one_field_or_header() -> None:
    def said(where: dict[str, object]) -> list[str]:
        try:
            load_settings(None, {}, {"predictions": {"where": where}}, settings_checks=[mapping_problems])
        except ConfigurationError as error:
            return [*error.problems]
        return []

    assert said({"field": "/type", "equals": ["a", 1, True]}) == said({"header": "type", "equals": "a"}) == []
    assert "Expected either `field` or `header`, got None" in said({"equals": "a"})[0]
    assert "Expected a pointer to a field of the record, such as `/type`" in said({"field": "", "equals": "a"})[0]
    assert said({"field": "/type"}) == [], "any value but null"
