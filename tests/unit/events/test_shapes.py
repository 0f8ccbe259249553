"""Every shape of record that a mapping can say, and what becomes of values that do not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftline.config.field_places import (
    Constant,
    FeaturesAt,
    FromHeader,
    FromKey,
    FromTopic,
    Joined,
    Place,
    ScoreAt,
    TimeAt,
    Where,
)
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.errors import EventError
from driftline.events import dead_letter as reasons
from driftline.events.features import features_json
from driftline.events.label import LabelColumns, LabelDecoder
from driftline.events.prediction import PredictionColumns, PredictionDecoder, fields_beside
from driftline.events.record_batch import RecordBatch, Unreadable
from driftline.events.source import Source
from driftline.events.unusable import WRONG_TYPE, Unusable
from driftline.sketching.intake import take_in_labels, take_in_predictions

NOW_MS = 1_772_366_400_000
PLAIN = {"prediction_id": "a", "model": "m", "ts": NOW_MS, "features": {"x": 1}}


def batch(*records: Any, **more: Any) -> RecordBatch:  # noqa: ANN401  # any JSON
    values: list[bytes | None] = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in records]
    n = len(values)
    return RecordBatch(Source("predictions", 0), "risk-scores", values, [*range(n)], [NOW_MS] * n, **more)


def events(records: RecordBatch, where: Where | None = None, **fields: Any) -> PredictionColumns:  # noqa: ANN401
    """Return the events of records of which none is refused."""
    intake = take_in_predictions(records, decoder(where, **fields), 0)
    assert [letter.message for letter in intake.refused] == []
    return intake.events


def decoder(where: Where | None = None, **fields: Any) -> PredictionDecoder:  # noqa: ANN401  # any places
    return PredictionDecoder(PredictionFields(**fields), with_segments=True, where=where)


def features_of(found: PredictionColumns, **fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # any places
    """Return the features of events as objects, without the members that are none."""
    beside = fields_beside(PredictionFields(**fields))
    objects = [json.loads(features_json(each) or b"{}") for each in found.features]
    return [{name: value for name, value in each.items() if name not in beside} for each in objects]


def refusals(records: RecordBatch, **fields: Any) -> list[tuple[int, str, str]]:  # noqa: ANN401  # any places
    intake = take_in_predictions(records, decoder(**fields), 0)
    return [(letter.offset, letter.reason, letter.message) for letter in intake.refused]


# --- where a text stands ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (Constant("fraud"), "fraud"),
        (Constant(7), "7"),
        (FromKey(""), "k-1"),
        (FromHeader("team"), "credit"),
        (FromTopic(topic=True), "risk-scores"),
        (FromTopic(topic=r"^(\w+)-"), "risk"),
        (Joined(("/a", "/b/0")), "x-7"),
        (Joined((FromTopic(topic=r"^(\w+)-"), "/a", Constant("z")), with_="/"), "risk/x/z"),
        ("/b/1", "one"),
        ("/in/deep", "er"),
    ],
)
def test_a_name_from_anywhere(place: Place, found: str) -> None:
    record = PLAIN | {"a": "x", "b": [7.0, "one"], "in": json.dumps({"deep": "er"})}
    found_at = events(batch(record, keys=[b"k-1"], headers=[{"team": b"credit"}]), model=place)
    assert [*found_at.models] == [found]


@pytest.mark.parametrize(
    ("key", "pointer", "found"),
    [(b"k-1", "", "k-1"), (b'"k-1"', "", "k-1"), (b"17", "", "17"), (b'{"id": [3]}', "/id/0", "3")],
)
def test_an_id_from_the_key(key: bytes, pointer: str, found: str) -> None:
    assert [*events(batch(PLAIN, keys=[key]), prediction_id=FromKey(pointer)).prediction_ids] == [found]


@pytest.mark.parametrize(
    ("more", "place", "at"),
    [
        ({}, FromKey(""), "the record's key"),
        ({"keys": [None]}, FromKey(""), "the record's key"),
        ({"keys": [b"\xff"]}, FromKey(""), "the record's key"),
        ({"keys": [b"x"]}, FromKey("/id"), "the record's key, $.id"),
        ({}, FromHeader("id"), "header id"),
        ({"headers": [{}]}, FromHeader("id"), "header id"),
        ({}, FromTopic(topic="(labels)"), "the topic's name"),
        ({}, Joined(("/prediction_id", "/gone")), "$.prediction_id and $.gone"),
        ({}, Joined(("/prediction_id", "/features")), "$.prediction_id and $.features"),
        ({}, "/features/0", "$.features[0]"),
    ],
)
def test_an_id_that_is_not_there_is_refused_with_its_place(more: dict[str, Any], place: Place, at: str) -> None:
    ((offset, reason, message),) = refusals(batch(PLAIN, **more), prediction_id=place)
    assert (offset, reason in (reasons.MISSING_FIELD, reasons.INVALID_TYPE)) == (0, True)
    assert message.endswith(f"- at `{at}` (risk-scores-0@0)")


def test_what_a_decoder_asks_for() -> None:
    assert decoder().asks_for == frozenset()
    assert decoder(model=Joined((FromKey(""), FromHeader("v")))).asks_for == {"keys", "headers"}
    assert decoder(ts=TimeAt(header="at")).asks_for == {"headers"}
    assert decoder(segments={"country": FromHeader("c")}).asks_for == {"headers"}
    assert decoder(Where(header="type", equals="a")).asks_for == {"headers"}


def test_segments_by_name() -> None:
    places = {"country": "/features/country", "team": FromHeader("team"), "gone": "/gone"}
    record = PLAIN | {"features": {"country": "DE", "x": 1}}
    found = events(batch(record, headers=[{"team": b"credit"}]), segments=places)
    assert [json.loads(bytes(each)) for each in found.segments] == [{"country": "DE", "team": "credit"}]
    assert features_of(found) == [{"country": "DE", "x": 1}], "what names a segment is a feature too"


def test_odd_segments_belong_to_no_slice() -> None:
    assert [bytes(each) for each in events(batch(PLAIN | {"segments": [1]}), score="/a/0").segments] == [b""]


# --- features ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "place", "found"),
    [
        ({"a": 1, "p": 2}, "/row", {"a": 1}),
        ([1, "b"], FeaturesAt("/row", ("x", "y")), {"x": 1, "y": "b"}),
        ("23,0.5,,007", FeaturesAt("/row", ("a", "b", "c", "d")), {"a": 23, "b": 0.5, "c": None, "d": "007"}),
        ('"a, b",2', FeaturesAt("/row", ("x", "y"), "csv"), {"x": "a, b", "y": 2}),
        ('{"a": 1, "p": 3}', FeaturesAt("/row", text="json"), {"a": 1}),
        ("[1, 2]", FeaturesAt("/row", ("x", "y")), {"x": 1, "y": 2}),
        (None, FeaturesAt("/row", ("x", "y")), {}),
        ({}, FeaturesAt("/row"), {}),
    ],
)
def test_features_of_any_form(value: object, place: Any, found: object) -> None:  # noqa: ANN401  # a pointer or a form
    fields = {"features": place, "prediction": "/row/p"}
    assert features_of(events(batch(PLAIN | {"row": value}), **fields), **fields) == [found]


@pytest.mark.parametrize(
    ("value", "place", "message"),
    [
        ([1], FeaturesAt("/row", ("x", "y")), "Expected 2 values, for each of the configured names, got 1"),
        ([1], FeaturesAt("/row"), "got a list; `features: {pointer: ..., names: [...]}` gives names"),
        ("1,2", FeaturesAt("/row"), "got a text '1,2'; `features:"),
        ("{1", FeaturesAt("/row", text="json"), "got a text '{1'"),
        (5, FeaturesAt("/row"), "Expected an object of features, got a whole number - at `$.row`"),
    ],
)
def test_features_that_cannot_be_read(value: object, place: FeaturesAt, message: str) -> None:
    ((_, _, found),) = refusals(batch(PLAIN | {"row": value}), features=place)
    assert message in found


def test_a_flat_row_in_an_envelope() -> None:
    row = {"id": 1, "at": NOW_MS, "age": 23, "out": {"p": 0.5, "class": "b"}, "team": "a"}
    fields: dict[str, Any] = {
        "prediction_id": "/payload/after/id",
        "model": Joined(("/payload/after/team", Constant("loan"))),
        "ts": "/payload/after/at",
        "features": "/payload/after",
        "prediction": "/payload/after/out/class",
        "score": "/payload/after/out/p",
    }
    found = events(batch({"payload": {"after": row, "op": "c"}}), **fields)
    assert features_of(found, **fields) == [{"age": 23}]
    ((*names, _, prediction, score, segments, operations),) = zip(*found, strict=True)
    assert (names, prediction, score) == (["1", "a-loan", "", NOW_MS], "b", 0.5)
    assert (segments, operations) == (b"", None)


# --- scores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "place", "found"),
    [
        (90, ScoreAt("/p", "percent"), 0.9),
        ("90", ScoreAt("/p", "percent"), 0.9),
        (100.00001, ScoreAt("/p", "percent"), 1.0),
        (101, ScoreAt("/p", "percent"), Unusable(1.01)),
        (0, ScoreAt("/p", "margin"), 0.5),
        (-1e9, ScoreAt("/p", "margin"), 0.0),
        (1e9, ScoreAt("/p", "margin"), 1.0),
        (0, ScoreAt("/p", "margin", "safer"), 0.5),
        (575, ScoreAt("/p", (300.0, 850.0)), 0.5),
        (300, ScoreAt("/p", (300.0, 850.0), "safer"), 1.0),
        (0.25, ScoreAt("/p", higher="safer"), 0.75),
        ([0.25, 0.75], ScoreAt("/p"), 0.75),
        ([0.25, 0.75], ScoreAt("/p", order=("no", "yes")), {"no": 0.25, "yes": 0.75}),
        ([20, 80, None], ScoreAt("/p", "percent", order=("a", "b", 3)), {"a": 0.2, "b": 0.8}),
        ([0.5], ScoreAt("/p", order=("a", "b")), WRONG_TYPE),
        ({"a": 50}, ScoreAt("/p", "percent"), {"a": 0.5}),
        (True, ScoreAt("/p"), WRONG_TYPE),
        (None, ScoreAt("/p"), None),
    ],
)
def test_scores_of_any_scale(value: object, place: ScoreAt, found: object) -> None:
    assert [*events(batch(PLAIN | {"p": value}), score=place).scores] == [found]


# --- rows -------------------------------------------------------------------------------------------------------------

KSERVE = {"id": "r", "time": "2026-03-01T12:00:00Z", "instances": [[1, "a"], [2, "b"]], "predictions": [0, 1]}
IN_ROWS: dict[str, Any] = {
    "prediction_id": "/id",
    "model": Constant("m"),
    "ts": "/time",
    "rows": "/instances",
    "features": FeaturesAt("row:", ("x", "c")),
    "prediction": "/predictions/*",
    "score": "/scores/*/1",
}


def test_a_record_of_many_rows() -> None:
    records = batch(KSERVE | {"scores": [[0.9, 0.1], [0.25, 0.75]]}, KSERVE | {"id": "s", "predictions": [1]})
    intake = take_in_predictions(records, decoder(**IN_ROWS), 0)
    assert intake.events.prediction_ids == ["r#0", "r#1", "s#0", "s#1"]
    features = [json.loads(features_json(each)) for each in intake.events.features]
    assert features == [{"x": 1, "c": "a"}, {"x": 2, "c": "b"}] * 2
    assert intake.events.predictions == [0, 1, 1, None]
    assert intake.events.scores == [0.1, 0.75, None, None]
    assert intake.offsets.tolist() == [0, 0, 1, 1]
    assert intake.times_ms.tolist() == [NOW_MS] * 4
    assert intake.refused == []


def test_rows_with_ids_of_their_own_and_rows_in_text() -> None:
    rows = {"model": "m", "rows": [{"id": "a", "x": 1, "p": 0.5}, {"id": "b", "x": 2, "p": 0.75}]}
    own: dict[str, Any] = {
        "rows": "/rows",
        "prediction_id": "row:/id",
        "features": "row:",
        "score": "row:/p",
        "ts": "/ts",
    }
    found = events(batch(rows), **own)
    assert ([*found.prediction_ids], features_of(found, **own)) == (["a", "b"], [{"x": 1}, {"x": 2}])
    text = {"prediction_id": "r", "model": "m", "in": "1,a\n2,b\n", "out": "0.5\n0.75"}
    found = events(batch(text), rows="/in", features=FeaturesAt("row:", ("x", "c")), score="/out/*")
    assert (found.features, found.scores) == ([{"x": 1, "c": "a"}, {"x": 2, "c": "b"}], [0.5, 0.75])


def test_odd_rows_cost_themselves_and_one_dead_letter_of_the_record() -> None:
    records = batch(
        KSERVE | {"instances": [[1, "a"], [1], [3, "c"], 7]},
        KSERVE | {"instances": 5},
        {"id": "t"},
        KSERVE | {"instances": []},
        KSERVE,
    )
    intake = take_in_predictions(records, decoder(**IN_ROWS), 0)
    assert [*intake.skipped] == [3]
    assert intake.events.prediction_ids == ["r#0", "r#2", "r#0", "r#1"]
    assert intake.offsets.tolist() == [0, 0, 4, 4]
    messages = [(letter.offset, letter.reason, letter.message.partition(" (risk")[0]) for letter in intake.refused]
    assert messages == [
        (
            0,
            reasons.INVALID_VALUE,
            (
                "Expected 2 values, for each of the configured names, got 1 - at `$.instances[1]`; "
                "2 of its 4 rows are refused"
            ),
        ),
        (1, reasons.INVALID_TYPE, "Expected a list of rows, got a whole number - at `$.instances`"),
        (2, reasons.INVALID_TYPE, "Expected a list of rows, got a record without it - at `$.instances`"),
    ]


def test_labels_in_rows() -> None:
    fields = LabelFields(rows="/outcomes", prediction_id="row:/id", label="row:/y", weight="row:/w", ts="/at")
    record = {
        "at": NOW_MS,
        "outcomes": [{"id": 1.0, "y": "yes", "w": "2.5"}, {"id": "b", "y": 0}, {"id": "c", "y": []}],
    }
    intake = take_in_labels(batch(record), LabelDecoder(fields), 0)
    assert intake.events == LabelColumns(["1", "b"], ["yes", 0], [NOW_MS, NOW_MS], [2.5, None])
    assert [letter.reason for letter in intake.refused] == [reasons.INVALID_TYPE]
    assert "at `$.outcomes[2].y`; 1 of its 3 rows are refused" in intake.refused[0].message


# --- one topic of several kinds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (Where("/type", equals="prediction"), [0]),
        (Where("/type", equals=("prediction", 7)), [0, 2]),
        (Where("/type", equals="7"), [2]),
        (Where("/type", equals=True), [4]),
        (Where(header="kind", equals="p"), [1, 3]),
        (Where("/type"), [0, 1, 2, 4]),
        (Where(header="kind"), [1, 3]),
    ],
)
def test_records_that_are_not_meant_are_skipped_and_counted(where: Where, kept: list[int]) -> None:
    types: list[Any] = ["prediction", "label", 7, None, True]
    headers = [{"kind": b"p"} if number % 2 else {} for number in range(5)]
    records = batch(*(PLAIN | {"type": each} for each in types), headers=headers)
    intake = take_in_predictions(records, decoder(where), 0)
    assert intake.offsets.tolist() == kept
    assert (intake.skipped, intake.refused) == ([n for n in range(5) if n not in kept], [])


def test_what_cannot_be_read_may_have_been_meant() -> None:
    intake = take_in_predictions(batch(b"{", PLAIN | {"type": "a"}), decoder(Where("/type", equals="b")), 0)
    assert ([letter.offset for letter in intake.refused], intake.skipped) == ([0], [1])


# --- deserialized records ---------------------------------------------------------------------------------------------


def test_documents_are_taken_in_place_of_the_values() -> None:
    documents: list[object] = [PLAIN, Unreadable("unknown_schema", "Expected a schema, got none"), None, 5, [PLAIN]]
    records = batch(*[b"\x00\x01"] * 5, documents=documents)._replace(values=[b"\x00", b"\x00", None, b"\x00", b"\x00"])
    intake = take_in_predictions(records, decoder(), 0)
    assert (intake.events.features, intake.offsets.tolist()) == ([{"x": 1}], [0])
    assert [(letter.offset, letter.reason) for letter in intake.refused] == [
        (1, "unknown_schema"),
        (2, reasons.EMPTY),
        (3, reasons.INVALID_TYPE),
        (4, reasons.INVALID_TYPE),
    ]
    assert intake.refused[0].message == "Expected a schema, got none (risk-scores-0@1)"


def test_a_record_alone() -> None:
    decode = decoder(**IN_ROWS)
    assert decode(json.dumps(KSERVE).encode()).prediction_id == "r#0"
    with pytest.raises(EventError, match="Expected a prediction, got a record without one"):
        decode(json.dumps(KSERVE | {"instances": []}).encode())
    labels = LabelDecoder(LabelFields(), where=Where("/type", equals="label"))
    with pytest.raises(EventError, match="Expected a label, got a record without one"):
        labels(b"{}")
