"""Label records: what is read, and with which reason the others are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftline.config.input_settings import LabelFields
from driftline.errors import EventError
from driftline.events import dead_letter as reasons
from driftline.events.label import Label, LabelDecoder

DECODE = LabelDecoder(LabelFields())


def read(**fields: Any) -> Label:  # noqa: ANN401  # any JSON
    return DECODE(json.dumps({"prediction_id": "a"} | fields).encode())


@pytest.mark.parametrize("label", [0, 1, -(2**63), 0.5, "yes", "", True, None])
def test_labels(label: object) -> None:
    assert read(label=label, ts=5) == Label("a", label, 5)  # type: ignore[arg-type]  # any of what is allowed


def test_an_absent_label_takes_back() -> None:
    assert read() == Label("a", None, None)


@pytest.mark.parametrize(
    ("fields", "reason", "at"),
    [
        ({"label": float("nan")}, reasons.INVALID_VALUE, "$.label"),
        ({"label": float("-inf")}, reasons.INVALID_VALUE, "$.label"),
        ({"label": 2**63}, reasons.INVALID_VALUE, "$.label"),
        ({"label": "x" * 1_025}, reasons.INVALID_VALUE, "$.label"),
        ({"label": [1]}, reasons.INVALID_TYPE, "$.label"),
        ({"label": {}}, reasons.INVALID_TYPE, "$.label"),
        ({"prediction_id": None}, reasons.INVALID_TYPE, "$.prediction_id"),
        ({"prediction_id": ""}, reasons.INVALID_VALUE, "$.prediction_id"),
        ({"ts": "soon"}, reasons.INVALID_VALUE, "$.ts"),
        ({"ts": 1e17}, reasons.INVALID_VALUE, "$.ts"),
    ],
)
def test_refusals(fields: dict[str, object], reason: str, at: str) -> None:
    with pytest.raises(EventError) as caught:
        read(**fields)
    assert caught.value.reason == reason
    assert f"at `{at}`" in str(caught.value)


def test_a_label_without_an_id() -> None:
    with pytest.raises(EventError) as caught:
        DECODE(b'{"label": 1}')
    assert caught.value.reason == reasons.MISSING_FIELD
    assert str(caught.value).endswith("got a record without it - at `$.prediction_id`")


def test_weights_are_read_where_the_mapping_names_them() -> None:
    assert read(weight="none of ours").weight is None
    decode = LabelDecoder(LabelFields(weight="/weight"))
    assert decode(b'{"prediction_id": "a", "weight": 2.5}').weight == 2.5
    assert decode(b'{"prediction_id": "a"}').weight is None
    columns = decode.columns([b'{"prediction_id": "a", "weight": 2}', b'{"prediction_id": "b"}'])
    assert columns is not None
    assert [*columns.weights] == [2.0, None]
    for weight in (b"-1", b"1e7"):
        record = b'{"prediction_id": "a", "weight": ' + weight + b"}"
        with pytest.raises(EventError, match=r"Expected a weight in \[0, 2²⁰\], got .* - at `\$\.weight`"):
            decode(record)
        assert decode.columns([record]) is None


def test_pointers() -> None:
    decode = LabelDecoder(LabelFields(prediction_id="/key/id", label="/outcome", ts="/key/at"))
    assert decode(b'{"outcome": "bad", "key": {"at": 9, "id": 7}}') == Label("7", "bad", 9)
