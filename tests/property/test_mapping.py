"""Plain mappings give the same events by typed decoding of JSON, by a closer look, and from parsed records."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftline.config.field_places import Constant
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.sketching.intake import Intake, take_in_labels, take_in_predictions
from tests.support.examples import examples

NOW_MS = 1_772_366_400_000
TIMES: st.SearchStrategy[Any] = st.integers(NOW_MS, NOW_MS + 60_000) | st.sampled_from(
    [NOW_MS // 1000, NOW_MS * 1000, 5, 1.5, "2026-03-01T12:00:00Z", "2026-03-01", str(NOW_MS), None, "soon", True, {}]
)
SCALARS = st.sampled_from(
    [None, True, 0, 1, 2**63, 10**30, 0.5, -1e-9, 1.0000001, 1.7, "0.5", "x", "", "x" * 1_100, "NaN"]
)
VALUES = SCALARS | st.sampled_from([[], [0.25, 0.75], {}, {"a": 0.25, "b": "0.75"}, {"a": []}])
IDS: st.SearchStrategy[Any] = st.sampled_from(["a", "é", 7, 7.0, 7.5, "", None, True, [], "i" * 1_030])
FEATURES = st.dictionaries(st.sampled_from(["x", "y"]), VALUES, max_size=2)
USUAL = st.fixed_dictionaries(
    {
        "prediction_id": st.integers(0, 9).map(str),
        "model": st.just("m"),
        "ts": st.integers(NOW_MS, NOW_MS + 60_000),
        "features": FEATURES,
        "prediction": st.sampled_from([0, 1, "b"]),
        "score": st.floats(0, 1),
        "segments": st.just({"country": "DE"}),
        "label": st.sampled_from([0, 1, "b"]),
    }
)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "prediction_id": IDS,
        "model": st.sampled_from(["m", "n", "", 3, None, "m" * 300]),
        "model_version": VALUES,
        "ts": TIMES,
        "features": st.one_of(FEATURES, st.sampled_from([None, [1], "x", '{"x": 1}', 3])),
        "prediction": VALUES,
        "score": VALUES,
        "segments": st.sampled_from([{"country": 1}, None, [], "x"]),
        "label": VALUES,
        "weight": VALUES,
    },
)
EVENTS = st.tuples(USUAL, ODD).map(lambda both: {**both[0], **both[1]})
RECORDS = st.lists(
    st.tuples(st.one_of(USUAL, USUAL, EVENTS, ODD, st.sampled_from([None, [], 3])), st.sampled_from([-1, NOW_MS])),
    min_size=1,
    max_size=6,
)
NESTED = {"prediction_id": "/in/prediction_id", "ts": "/in/ts"}
PREDICTIONS = [
    PredictionFields(),
    PredictionFields(features=""),
    PredictionFields(**NESTED, model=Constant("c"), model_version=Constant(2), features="/in/features"),  # type: ignore[arg-type]  # pointers all
]
LABELS = [LabelFields(), LabelFields(weight="/weight"), LabelFields(**NESTED, label="/in/label")]  # type: ignore[arg-type]  # pointers all


def parsed(value: Any) -> object:  # noqa: ANN401  # an object, JSON or empty bytes
    return value if isinstance(value, dict) else json.loads(bytes(value) or b"{}") or {}


Outcome = tuple[str, list[int], list[int], list[tuple[int, str, str]]]


def outcome(intake: Intake[Any]) -> Outcome:
    events = {name: [repr(each) for each in column] for name, column in intake.events._asdict().items()}
    if "features" in events:
        features, segments = map(parsed, intake.events.features), map(parsed, intake.events.segments)
        events["features"] = [*map(repr, features)]
        events["segments"] = [repr(each) if isinstance(each, dict) else "{}" for each in segments]  # of no slice
    refused = [(letter.offset, letter.reason, letter.message) for letter in intake.refused]
    return repr(events), intake.times_ms.tolist(), intake.offsets.tolist(), refused


def batches(kind: Any, records: list[tuple[Any, int]], *, nested: bool) -> tuple[RecordBatch, RecordBatch]:  # noqa: ANN401
    """Return records as JSON and parsed, each with a copy of itself inside where ``nested``."""
    documents = [{"in": each, **each} if nested and isinstance(each, dict) else each for each, _ in records]
    values: list[bytes | None] = [json.dumps(document).encode() for document in documents]
    stamps = [stamp for _, stamp in records]
    as_json = RecordBatch(Source(kind, 0), "t", values, [*range(len(values))], stamps)
    return as_json, as_json._replace(documents=documents)


@examples(300)
@given(RECORDS, st.sampled_from(PREDICTIONS))
def test_predictions(records: list[tuple[Any, int]], fields: PredictionFields) -> None:
    nested = fields.prediction_id != "/prediction_id"
    as_json, as_documents = batches("predictions", records, nested=nested)
    decode = PredictionDecoder(fields, with_segments=True)
    expected = outcome(take_in_predictions(as_json, decode, 600_000))
    assert outcome(take_in_predictions(as_documents, decode, 600_000)) == expected
    alone = [take_in_predictions(as_json.part(slice(i, i + 1)), decode, 600_000) for i in range(len(records))]
    assert [time for each in alone for time in each.times_ms.tolist()] == expected[1]
    assert [letter.message for each in alone for letter in each.refused] == [each[2] for each in expected[3]]


@examples(300)
@given(RECORDS, st.sampled_from(LABELS))
def test_labels(records: list[tuple[Any, int]], fields: LabelFields) -> None:
    nested = fields.prediction_id != "/prediction_id"
    as_json, as_documents = batches("labels", records, nested=nested)
    decode = LabelDecoder(fields)
    assert outcome(take_in_labels(as_documents, decode, 600_000)) == outcome(take_in_labels(as_json, decode, 600_000))
