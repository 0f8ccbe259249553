"""Field mappings are refused when the configuration is read, exactly where decoding could not begin."""

from __future__ import annotations

from itertools import product

import pytest

from driftline.config.field_places import Constant
from driftline.config.settings import LabelFields, LabelInput, PredictionFields, PredictionInput, Settings
from driftline.errors import ParameterError
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
