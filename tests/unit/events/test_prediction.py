"""Prediction records: what is read, and with which reason the others are refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from driftline.config.field_places import Constant
from driftline.config.input_settings import PredictionFields
from driftline.errors import EventError
from driftline.events import dead_letter as reasons
from driftline.events.features import features_json
from driftline.events.identity import MAX_ID, MAX_NAME
from driftline.events.outcomes import MAX_CLASS, one_score
from driftline.events.prediction import Prediction, PredictionDecoder, mapped_root_names
from driftline.events.times import EARLIEST_MS, LATEST_MS
from driftline.events.unusable import WRONG_TYPE, Unusable

DECODE = PredictionDecoder(PredictionFields())


def read(**fields: Any) -> Prediction:  # noqa: ANN401  # any JSON
    return DECODE(json.dumps({"prediction_id": "a", "model": "m"} | fields).encode())


def refused(**fields: Any) -> tuple[str, str]:  # noqa: ANN401  # any JSON
    with pytest.raises(EventError) as caught:
        read(**fields)
    return caught.value.reason, str(caught.value)


def test_all_fields() -> None:
    event = read(model_version=3, ts="2026-03-01T12:00:00.123Z", features={"x": 1}, prediction=True, score=0.5)
    assert event[:4] == ("a", "m", "3", 1_772_366_400_123)
    assert json.loads(features_json(event.features)) == {"x": 1}
    assert event[5:] == (True, 0.5, b"", None)


def test_what_may_be_absent() -> None:
    nulls = read(model_version=None, ts=None, features=None, prediction=None, score=None)
    for event in (read(), nulls):
        assert event._replace(features=b"") == Prediction("a", "m", "", None, b"", None, None)
        assert features_json(event.features) == b""


@pytest.mark.parametrize(
    ("ts", "time_ms"),
    [
        (0, 0),
        (-1, -1),
        (1.5, 2),
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01T00:00:01", 1_000),
        ("1970-01-01T02:00:01+02:00", 1_000),
        (EARLIEST_MS, EARLIEST_MS),
        (LATEST_MS, LATEST_MS),
    ],
)
def test_times(ts: object, time_ms: int) -> None:
    assert read(ts=ts).ts_ms == time_ms


@pytest.mark.parametrize(
    "ts", [EARLIEST_MS - 1, LATEST_MS + 1, 10**30, 1e300, float("nan"), float("inf"), "0001-01-01T00:00:00+14:00", "x"]
)
def test_times_that_windows_cannot_be_made_of(ts: object) -> None:
    reason, message = refused(ts=ts)
    assert reason == reasons.INVALID_VALUE
    assert message.endswith("at `$.ts`")


@pytest.mark.parametrize(
    ("fields", "reason", "message"),
    [
        (
            {"prediction_id": None},
            reasons.INVALID_TYPE,
            "a whole number, got null - at `$.prediction_id`",
        ),
        ({"prediction_id": 1.5}, reasons.INVALID_TYPE, "got a number with a fraction (1.5) - at `$.prediction_id`"),
        (
            {"prediction_id": ""},
            reasons.INVALID_VALUE,
            "got an empty text - at `$.prediction_id`",
        ),
        (
            {"prediction_id": "i" * (MAX_ID + 1)},
            reasons.INVALID_VALUE,
            "got 1,025 characters - at `$.prediction_id`",
        ),
        (
            {"model": "m" * (MAX_NAME + 1)},
            reasons.INVALID_VALUE,
            "got 257 characters - at `$.model`",
        ),
        ({"model": 3}, reasons.INVALID_TYPE, "Expected a model's name, a text, got a whole number - at `$.model`"),
        ({"model_version": True}, reasons.INVALID_TYPE, "got true or false (True) - at `$.model_version`"),
        ({"features": [1]}, reasons.INVALID_TYPE, "names to the values of a list or of CSV - at `$.features`"),
        ({"features": 1}, reasons.INVALID_TYPE, "Expected an object of features, got a whole number - at `$.features`"),
    ],
)
def test_fields_of_the_event_itself(fields: dict[str, object], reason: str, message: str) -> None:
    found, text = refused(**fields)
    assert found == reason
    assert text.endswith(message)


@pytest.mark.parametrize(
    "fields",
    [
        {"prediction": "c" * (MAX_CLASS + 1)},
        {"prediction": [1]},
        {"prediction": {"a": 1}},
        {"score": True},
        {"score": "high"},
        {"score": "1_0"},
        {"score": {"a": "x"}},
        {"score": [0.1, 0.2, 0.7]},
    ],
)
def test_an_outcome_of_a_wrong_type_costs_only_itself(fields: dict[str, object]) -> None:
    event = read(features={"x": 1}, **fields)
    assert [getattr(event, name) for name in fields] == [WRONG_TYPE]
    assert json.loads(features_json(event.features)) == {"x": 1}


@pytest.mark.parametrize("score", [1.7, -0.1, 2, float("inf"), "1.7", {"a": 2, "b": 0.1}])
def test_a_score_out_of_range_is_kept_as_it_came(score: Any) -> None:  # noqa: ANN401  # any JSON
    number = float(next(iter(score.values())) if isinstance(score, dict) else score)
    assert read(score=score).score == Unusable(number)


def test_scores_as_producers_write_them() -> None:
    assert [read(score=score).score for score in (1.0000001192, -1e-9, "0.83", " 1e-1 ", 1, [0.25, 0.75], [0.5])] == [
        1.0,
        0.0,
        0.83,
        0.1,
        1.0,
        0.75,
        0.5,
    ]
    assert read(score={"a": "0.25", "b": 0.75, "c": None}).score == {"a": 0.25, "b": 0.75}
    assert read(score=[]).score is None


def test_ids_and_versions_that_are_numbers() -> None:
    assert read(prediction_id=1000017.0).prediction_id == "1000017"
    assert read(prediction_id=1e22).prediction_id == str(10**22)
    assert read(model_version=1.2).version == "1.2"
    assert read(prediction=2**63).prediction == 2.0**63


def test_the_longest_that_is_taken() -> None:
    event = read(prediction_id="i" * MAX_ID, model="m" * MAX_NAME, model_version="v" * MAX_NAME)
    assert (len(event.prediction_id), len(event.model), len(event.version)) == (MAX_ID, MAX_NAME, MAX_NAME)
    assert read(prediction_id=10**100).prediction_id == str(10**100)
    assert read(prediction=2**63 - 1).prediction == 2**63 - 1


def test_a_nan_outside_the_envelope_is_kept_for_counting() -> None:
    event = DECODE(b'{"prediction_id": "a", "model": "m", "features": {"x": NaN, "y": -Infinity}}')
    assert features_json(event.features) == b'{"x":NaN,"y":-Infinity}'


def test_an_empty_map_is_no_score() -> None:
    assert read(score={}).score is None
    assert read(score={"a": 0.25, "b": 0.75}).score == {"a": 0.25, "b": 0.75}


@pytest.mark.parametrize(
    ("score", "positive", "one"),
    [(None, "b", None), (0.5, "b", 0.5), ({"a": 0.9, "b": 0.1}, "b", 0.1), ({"a": 0.9, "b": 0.1}, "c", 0.9)],
)
def test_one_score(score: Any, positive: str, one: float | None) -> None:  # noqa: ANN401  # any score
    assert one_score(score, positive) == one


def test_constants_and_pointers() -> None:
    fields = PredictionFields(
        prediction_id="/meta/id",
        model=Constant("fraud"),
        model_version=Constant("7"),
        ts="/meta/at",
        features="/in~1put",
    )
    event = PredictionDecoder(fields)(b'{"meta": {"id": 5, "at": 7}, "in/put": {"x": 1}, "model": 3}')
    assert event[:4] == ("5", "fraud", "7", 7)
    assert features_json(event.features) == b'{"x": 1}'


def test_features_in_an_object_that_is_not_there_are_none() -> None:
    decode = PredictionDecoder(PredictionFields(features="/in/features"))
    head = b'{"prediction_id": "a", "model": "m"'
    columns = decode.columns([head + b"}", head + b', "in": null}', head + b', "in": {"features": {"x": 1}}}'])
    assert columns is not None
    assert columns.features == [b"", b"", b'{"x": 1}']


def test_the_record_itself_as_features() -> None:
    fields = msgspec.structs.replace(PredictionFields(), features="")
    value = b'{"prediction_id": "a", "model": "m", "x": 1}'
    assert PredictionDecoder(fields)(value).features == value
    names = {"prediction_id", "model", "model_version", "ts", "prediction", "score", "segments", "latency_ms", "error"}
    assert mapped_root_names(fields) == names
