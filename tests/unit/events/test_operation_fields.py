"""Latency, errors and further numbers: where they are read, and that nothing in them refuses an event."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest

from driftline.config.field_places import FromHeader, LatencyAt
from driftline.config.input_settings import LabelInput, PredictionFields, PredictionInput
from driftline.config.settings import Settings
from driftline.events.mapping_check import mapping_problems
from driftline.events.operation_fields import has_failed, numbers, operation_places, reason_of
from driftline.events.prediction import PredictionColumns, PredictionDecoder, fields_beside
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.runtime.files.table_rows import RowShape
from driftline.sketching.intake import take_in_predictions

NOW_MS = 1_772_366_400_000
PLAIN = {"prediction_id": "a", "model": "m", "ts": NOW_MS, "features": {"x": 1}, "prediction": 1}


def taken(*records: dict[str, Any], headers: list[dict[str, bytes]] | None = None, **fields: Any) -> PredictionColumns:  # noqa: ANN401
    """Return the events of records of which none is refused."""
    values: list[bytes | None] = [json.dumps(PLAIN | each).encode() for each in records]
    n = len(values)
    batch = RecordBatch(Source("predictions", 0), "p", values, [*range(n)], [NOW_MS] * n, headers=headers)
    intake = take_in_predictions(batch, PredictionDecoder(PredictionFields(**fields)), 0)
    assert [letter.message for letter in intake.refused] == []
    return intake.events


@pytest.mark.parametrize("closely", [False, True])
def test_they_are_read_where_they_stand(closely: bool) -> None:  # noqa: FBT001
    fields: dict[str, Any] = {
        "latency_ms": LatencyAt("/usage/took", "s"),
        "error": "/status/why",
        "operations": {"cpu_ms": "/usage/cpu"},
    }
    records: list[dict[str, Any]] = [
        {"usage": {"took": 0.5, "cpu": 7}, "status": {"why": "OOM"}, "ts": str(NOW_MS) if closely else NOW_MS},
        {"usage": {"took": None}},
        {"status": {}},
    ]
    assert PredictionDecoder(PredictionFields(**fields)).is_typed
    assert [*taken(*records, **fields).operations] == [(0.5, "OOM", 7), None, None]


def test_defaults_are_those_of_the_schema() -> None:
    assert [*taken({"latency_ms": 12, "error": None}, {}, {"error": "x"}).operations] == [(12, None), None, (None, "x")]
    assert [*taken({}, {}).operations] == [None, None]


@pytest.mark.parametrize("odd", ["fast", [1], {"a": 1}, True, 10**400, -1, math.nan, "\u20ac"])
def test_nothing_in_them_refuses_an_event(odd: object) -> None:
    (row,) = taken({"latency_ms": odd, "error": odd}).operations
    assert row is not None
    found, given = numbers([row[0]])
    assert (given.tolist(), math.isnan(found[0])) == ([True], True)
    assert 0 < len(reason_of(row[1])) <= 100


def test_a_failed_prediction_needs_no_prediction() -> None:
    events = taken({"prediction": None, "error": "timeout"})
    assert ([*events.predictions], [*events.operations]) == ([None], [(None, "timeout")])


def test_an_error_from_a_header_and_fields_of_rows() -> None:
    events = taken({}, headers=[{"status": b"503"}], error=FromHeader("status"))
    assert [*events.operations] == [(None, "503")]
    rows = {"rows": [{"id": "a", "ms": 3}, {"id": "b"}]}
    fields: dict[str, Any] = {"rows": "/rows", "prediction_id": "row:/id", "features": "row:", "latency_ms": "row:/ms"}
    events = taken(rows, **fields)
    assert [*events.operations] == [(3, None), None]
    assert fields_beside(PredictionFields(**fields)) >= {"id", "ms"}, "a mapped field is no feature"


def test_a_default_that_another_field_stands_under_is_left_out() -> None:
    assert [*operation_places(PredictionFields(score="/error/p"))] == ["latency_ms"]
    assert [*taken({"error": {"p": 0.5}}, score="/error/p").operations] == [None]
    assert [*operation_places(PredictionFields(features="/row"))] == ["latency_ms", "error"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"latency_ms": "/model/ms"}, "$.predictions.fields.latency_ms"),
        ({"operations": {"cpu": "/features/cpu", "x": "/prediction"}}, "$.predictions.fields.operations.x"),
        ({"operations": {"cpu": ""}}, "$.predictions.fields.operations.cpu"),
        ({"error": "row:/e"}, "$.predictions.fields.error"),
    ],
)
def test_places_that_cannot_be_are_refused(fields: dict[str, Any], path: str) -> None:
    settings = Settings(predictions=PredictionInput(fields=PredictionFields(**fields)), labels=LabelInput())
    assert [where for _, where, _ in mapping_problems(settings)] == [path]


def test_columns_of_a_table_that_are_mapped_are_no_features() -> None:
    fields = PredictionFields(operations={"cpu_ms": "/cpu"}, latency_ms=LatencyAt("/took", "s"))
    shape = RowShape(["prediction_id", "age", "cpu", "error"], fields)
    assert shape.event(["p", 41, 3.5, "x"]) == {"prediction_id": "p", "features": {"age": 41}, "cpu": 3.5, "error": "x"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("timeout after 12034 ms", "timeout after # ms"),
        ("HTTP 503", "HTTP 503"),
        ("request 6f1d2c3b-77aa-4f00-9d0e-aa0011223344 failed", "request # failed"),
        ("  two\n words ", "two words"),
        ({"message": "no memory", "code": 0}, "no memory"),
        ({"trace": "..."}, "failed"),
        ([{"type": "OOM"}], "OOM"),
        (503, "503"),
        (Decimal(7), "7"),
        (True, "failed"),
        ("x" * 500, "x" * 100),
        ("\ud800", "?"),
    ],
)
def test_a_reason_is_what_failures_of_one_kind_share(error: object, reason: str) -> None:
    assert has_failed(error)
    assert reason_of(error) == reason


@pytest.mark.parametrize("error", [None, "", 0, 0.0, False, [], {}, 0.25, Decimal("0.25"), math.nan, math.inf])
def test_what_is_no_failure(error: object) -> None:
    assert not has_failed(error)
