from __future__ import annotations

import base64
import struct
from typing import Any

import numpy as np
import pytest

from driftline.config.field_places import FeaturesAt, First, FromHeader, Where
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.config.record_forms import TableAt
from driftline.errors import EventError
from driftline.events import dead_letter as reasons
from driftline.events.documents import ABSENT
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder, fields_beside
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.events.tables import rows_of
from driftline.sketching.intake import take_in_labels, take_in_predictions


def tensor(name: str, shape: list[int], data: object, datatype: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def raw(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([tensor("a", [2], [1, 2]), tensor("b", [2, 1], [["x"], ["y"]])], [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ([tensor("a", [2, 2], [[1, 2], [3, 4]])], [{"a": [1, 2]}, {"a": [3, 4]}]),
        ([tensor("a", [2, 2], [1, 2, 3, 4])], [{"a": [1, 2]}, {"a": [3, 4]}]),
        ([tensor("a", [1, 2, 2], [1, 2, 3, 4])], [{"a": [1, 2, 3, 4]}]),
        ([{"name": "a", "data": [5, 6]}], [{"a": 5}, {"a": 6}]),
        ([tensor("a", [0], [])], []),
        (
            [{"name": "a", "shape": [2], "contents": {"bytes_contents": [raw(b"x"), raw("é".encode())]}}],
            [{"a": "x"}, {"a": "é"}],
        ),
        ([{"name": "a", "shape": [2], "contents": {"fp32Contents": [0.5, 1.5]}}], [{"a": 0.5}, {"a": 1.5}]),
        ({"columns": ["a", "b"], "index": [0], "data": [[1, None]]}, [{"a": 1, "b": None}]),
        ({"a": [1, 2], "b": [3, 4]}, [{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
        ('{"a": [1]}', [{"a": 1}]),
        ([{"a": 1}], [{"a": 1}]),
        ([[1, 2]], [[1, 2]]),
        ({"a": 1}, {"a": 1}),
        ({}, {}),
        (7, 7),
        (ABSENT, ABSENT),
    ],
)
def test_forms_of_tables(value: object, rows: object) -> None:
    assert rows_of(value, ABSENT, "$") == rows


@pytest.mark.parametrize(
    ("datatype", "data", "expected"),
    [
        ("BOOL", b"\x01\x00", [True, False]),
        ("INT8", np.array([-1, 2], "i1").tobytes(), [-1, 2]),
        ("UINT16", np.array([1, 65_535], "<u2").tobytes(), [1, 65_535]),
        ("INT64", np.array([-(2**62), 3], "<i8").tobytes(), [-(2**62), 3]),
        ("FP16", np.array([0.5, 2], "<f2").tobytes(), [0.5, 2]),
        ("BF16", b"\x80\x3f\x00\x40", [1.0, 2.0]),
        ("FP64", struct.pack("<2d", 0.1, -3.0), [0.1, -3.0]),
        ("BYTES", struct.pack("<I3sI0s", 3, "é1".encode(), 0, b""), ["é1", ""]),
    ],
)
def test_raw_tensors(datatype: str, data: bytes, expected: list[object]) -> None:
    tensors = [{"name": "a", "shape": [2], "datatype": datatype}]
    assert rows_of(tensors, [raw(data)], "$") == [{"a": value} for value in expected]


@pytest.mark.parametrize(
    ("value", "bare", "message"),
    [
        ([tensor("a", [3], [1, 2])], None, "Expected 3 values, as the shape [3] says, got 2 - at `$.inputs[0]`"),
        ([tensor("a", [1 << 31], [1])], None, "Expected the shape of a tensor, got a larger one"),
        ([tensor("a", [float("inf")], [1])], None, "got a larger one - at `$.inputs[0].shape`"),  # type: ignore[list-item]  # as 1e400 is read
        ([tensor("a", [1] * 65, [1])], None, "got a larger one - at `$.inputs[0].shape`"),
        ([tensor("a", [1 << 30, 0], [])], None, "Expected values in each row, got the shape [1073741824, 0]"),
        ([tensor("a", [1], 5)], None, "Expected a list of values, got a whole number - at `$.inputs[0].data`"),
        (
            [tensor("a", [1], [1]), tensor("b", [2], [1, 2])],
            None,
            "Expected columns of one length, got other lengths (a: 1, b: 2)",
        ),
        (
            {"columns": ["a"], "data": [[1, 2]]},
            None,
            "Expected 1 values, for each column, got 2 - at `$.inputs.data[0]`",
        ),
        ({"columns": ["a"], "data": [5]}, None, "got a whole number - at `$.inputs.data[0]`"),
        ({"a": [1], "b": []}, None, "Expected columns of one length"),
        ([{"name": "a", "shape": [1], "datatype": "FP32"}], [raw(b"abc")], "Expected raw values of the datatype FP32"),
        (
            [{"name": "a", "shape": [1], "datatype": "BYTES"}],
            [raw(b"\x09\0\0\0abc")],
            "a text longer than what is left",
        ),
        (
            [{"name": "a", "shape": [1], "datatype": "INT128"}],
            [raw(b"abc")],
            "Expected a datatype of the Open Inference",
        ),
        ([{"name": "a", "shape": [1], "datatype": "FP32"}], [], "Expected 1 values, as the shape [1] says, got 0"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(value: object, bare: object, message: str) -> None:
    with pytest.raises(EventError) as raised:
        rows_of(value, bare, "$.inputs")
    assert raised.value.reason == reasons.INVALID_VALUE
    assert message in str(raised.value)


def records(
    *documents: object, headers: list[dict[str, bytes]] | None = None, kind: str = "predictions"
) -> RecordBatch:
    n = len(documents)
    source = Source("labels" if kind == "labels" else "predictions", 0)
    values: list[bytes | None] = [b"" if document is None else b"{}" for document in documents]
    return RecordBatch(source, "served", values, [*range(n)], [1_000] * n, [*documents], headers=headers)


def test_predictions_in_tensors_and_a_broken_one_beside_them() -> None:
    fields = PredictionFields(
        prediction_id="/id",
        model="/model",
        rows="/in",
        tables=("/in", TableAt("/result", ("/none", "/out"))),
        features="row:",
        prediction="/result/*/class",
        score="/result/*/p",
    )
    good = {
        "id": "a",
        "model": "m",
        "in": [tensor("x", [2], [1, 2]), tensor("y", [2, 2], [1, 2, 3, 4])],
        "out": [tensor("class", [2], ["u", "v"]), tensor("p", [2, 1], [0.25, 0.5])],
    }
    intake = take_in_predictions(
        records(good, {**good, "id": "b", "out": [tensor("p", [3], [1])]}), PredictionDecoder(fields), 0
    )
    found = intake.events
    assert [*found.prediction_ids] == ["a#0", "a#1"]
    assert [*found.features] == [{"x": 1, "y": [1, 2]}, {"x": 2, "y": [3, 4]}]
    assert ([*found.predictions], [*found.scores]) == (["u", "v"], [0.25, 0.5])
    (letter,) = intake.refused
    assert (letter.offset, letter.reason) == (1, reasons.INVALID_VALUE)
    assert letter.message == "Expected 3 values, as the shape [3] says, got 1 - at `$.out[0]` (served-0@1)"


def test_the_first_place_with_something_in_it_counts() -> None:
    fields = LabelFields(prediction_id=First(("/after/id", "/before/id", FromHeader("id"))), label="/after/y", ts="/at")
    decode = LabelDecoder(fields)
    assert decode.asks_for == {"headers"}
    found = take_in_labels(
        records(
            {"after": {"id": "a", "y": 1}, "before": {"id": "z"}},
            {"after": None, "before": {"id": "b"}},
            {"after": {"id": None, "y": 2}},
            {"after": None},
            headers=[{}, {}, {"id": b"c"}, {}],
            kind="labels",
        ),
        decode,
        0,
    )
    assert [*found.events.prediction_ids] == ["a", "b", "c"]
    assert [*found.events.labels] == [1, None, 2]
    (letter,) = found.refused
    assert "got a record without it - at `$.after.id or $.before.id or header id`" in letter.message


def test_records_are_chosen_by_whether_a_field_is_there_and_tombstones_are_skipped() -> None:
    fields = PredictionFields(prediction_id="/id", model="/model", features=FeaturesAt("", without=("trace",)))
    documents = [{"id": 1, "model": "m", "x": 1, "trace": "t"}, {"id": 2, "model": None}, {"id": 3}, None]
    decode = PredictionDecoder(fields, where=Where(field="/model"))
    intake = take_in_predictions(records(*documents), decode, 0)
    assert [*intake.events.features] == [documents[0]]
    assert fields_beside(fields) >= {"id", "model", "trace"}
    assert (len(intake.skipped), intake.refused) == (3, [])
