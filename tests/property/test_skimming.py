"""Records of which only what a mapping asks for is read have the outcome that they have parsed as a whole."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.field_places import Constant, FeaturesAt, First, FromKey, Joined, ScoreAt, TimeAt, Where
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.events.documents import documents_of
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder, fields_beside
from driftline.events.record_batch import RecordBatch, Unreadable
from driftline.events.source import Source
from driftline.sketches.column_encoder import ColumnEncoder
from driftline.sketches.columns import CategoricalColumn, NumericColumn
from driftline.sketching.intake import Intake, take_in_labels, take_in_predictions
from driftline.sketching.rows import AllRows
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.events.features import Features

NOW_MS = 1_772_366_400_000
ODD = [
    *("null", "true", "0", "1.5", "-0.0", "1e400", "NaN", "-Infinity", "9223372036854775808"),
    *("1" * 300, "1" * 5_000, "[" * 1_500 + "]" * 1_500),
    *('""', '"a"', '"\\u00e9"', '"\\ud800"', '"1.5"', f'"{"x" * 1_030}"', "[]", "[1,2]", "{}", '{"a":0.25,"b":0.75}'),
    *('"[1,2]"', '"{\\"x\\":1}"', '"1,2"', '{"x":NaN}', '{"x":1,"x":"b"}', "[[", "tru", '"\x01"', "01", '"\ud800"'),
]
ROOTS = [None, b"", b" {}", b'{"model":"\xff"}', b"\xef\xbb\xbf{}", b"[]", b"3"]


class Producer:
    """Writes records as JSON, of which some are odd: values, members that are absent, twice there or moved."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._odd = self._random.choice([0.0, 0.02, 0.2])
        """How often a member is odd; records of one producer resemble each other."""

    def records(self) -> list[tuple[bytes | None, int]]:
        return [(self._value(), self._random.choice([-1, NOW_MS])) for _ in range(self._random.randint(1, 8))]

    def _value(self) -> bytes | None:
        if self._random.random() < self._odd:
            return self._random.choice([*ROOTS, self._rows().encode("utf-8", "surrogatepass")])
        return self._record().encode("utf-8", "surrogatepass")

    def _record(self) -> str:
        members = {
            "prediction_id": self._random.choice(['"p"', '"q"', "7"]),
            "model": '"m"',
            "ts": str(NOW_MS + self._random.randint(0, 9)),
            "rows": self._rows(),
            "lists": self._listed(self._values),
            "tuples": self._listed(self._tuple),
            "predictions": self._listed(self._number),
            "pairs": self._listed(self._values),
            "row": self._row(),
            "type": self._random.choice(['"p"', '"l"']),
            "segments": '{"c":"x"}',
            "in": self._object({"rows": self._rows(), "row": self._row(), "id": '"i"', "tuple": self._tuple()}),
        }
        return self._object(members)

    def _rows(self) -> str:
        return self._listed(self._row)

    def _row(self) -> str:
        members = {
            "id": self._random.choice(['"a"', '"b"', "7"]),
            "x": self._number(),
            "c": '"web"',
            "features": self._object({"x": self._number(), "y": self._number(), "c": '"web"'}),
            "prediction": self._random.choice(["0", "1", '"b"']),
            "score": str(self._random.random()),
            "out": self._random.choice(['{"p":0.5}', '{"p":0.5}', "null", "{}", "[0.25]"]),
        }
        return self._object(members)

    def _object(self, members: dict[str, str]) -> str:
        written = [*members.items()]
        if self._random.random() < self._odd:
            del written[self._random.randrange(len(written))]
        if self._random.random() < self._odd:
            other = self._random.choice([*ODD, *members.values()])
            written.append((self._random.choice([*members, "junk"]), other))
        if self._random.random() < self._odd:
            self._random.shuffle(written)
        return "{" + ", ".join(f'"{name}":{text}' for name, text in written) + "}"

    def _listed(self, write: Callable[[], str]) -> str:
        n = 2 if self._random.random() >= self._odd else self._random.randint(0, 3)
        return "[" + ",".join(write() for _ in range(n)) + "]"

    def _number(self) -> str:
        return str(self._random.choice([self._random.random(), self._random.randint(0, 9)]))

    def _tuple(self) -> str:
        """Return a list of values that features are made of, some perhaps of other types."""
        usual = ['"web"', self._number(), self._number(), '"i"']
        return (
            "["
            + ",".join(self._random.choice(ODD) if self._random.random() < self._odd else each for each in usual)
            + "]"
        )

    def _values(self) -> str:
        odd = self._random.random() < self._odd
        return self._random.choice([*ODD, '["a","b"]', "[1]"] if odd else ["[1,2]", "[1.5,null]"])


CONSTANT: dict[str, Any] = {"model": Constant("c")}
PREDICTIONS = {
    "plain": PredictionFields(features="/row/features"),
    "objects in rows": PredictionFields(rows="/rows", features="row:/features", score="row:/score", **CONSTANT),
    "flat rows": PredictionFields(rows="/rows", prediction_id="row:/id", features="row:", prediction="row:/prediction"),
    "objects within rows": PredictionFields(
        rows="/in/rows", features="row:", score="row:/out/p", prediction_id="/in/id"
    ),
    "beside lists": PredictionFields(rows="/rows", features="row:", prediction="/predictions/*", score="/pairs/*/1"),
    "lists": PredictionFields(rows="/lists", features=FeaturesAt("row:", names=("x", "y")), score="/pairs/*/0"),
    "lists of values of all types": PredictionFields(
        rows="/tuples", features=FeaturesAt("row:", names=("c", "y", "new", "z")), score="/predictions/*", **CONSTANT
    ),
    "ids in lists of values of all types": PredictionFields(
        rows="/tuples",
        prediction_id="row:/3",
        score="row:/1",
        segments={"c": "row:/0", "none": "row:/4"},
        features=FeaturesAt("row:", names=("c", "x", "user.age", "z"), without=("z",)),
    ),
    "a list in the record": PredictionFields(features=FeaturesAt("/tuples/0", names=("c", "y", "x", "z"))),
    "the list of the record": PredictionFields(features=FeaturesAt("/in/tuple", names=("c", "y", "x", "z"))),
    "ids in lists": PredictionFields(
        rows="/lists", prediction_id="row:/0", features=FeaturesAt("row:", names=("x", "y")), **CONSTANT
    ),
    "a list as the record": PredictionFields(rows="", prediction_id="row:/id", features="row:/features", **CONSTANT),
    "a list that has no members": PredictionFields(rows="", prediction_id="row:/id", score="/features/x", **CONSTANT),
    "features in no row": PredictionFields(rows="/rows", prediction_id="row:/id", features="/row"),
    "time in seconds": PredictionFields(ts=TimeAt("/ts", unit="s"), features="/row"),
    "places of all kinds": PredictionFields(
        prediction_id=First(("/row/id", "/in/id")),
        model=Joined(("/model", Constant("z"))),
        model_version=FromKey("/v"),
        features="/row",
        score=ScoreAt("/row/out/p", scale="percent"),
        segments={"c": "/row/c", "d": "/segments/c"},
    ),
    "the record itself": PredictionFields(features=FeaturesAt("", without=("row", "rows")), score="/row/score"),
    "the record, ids in keys": PredictionFields(prediction_id=FromKey("/id"), features=""),
    "an index within features": PredictionFields(features="/row", score="/row/out/0"),
}
WHERE = {"all": None, "a field": Where("/type", equals="p"), "a field that is there": Where("/row/out")}
LABELS = {
    "plain": LabelFields(label="/row/prediction"),
    "rows": LabelFields(rows="/rows", prediction_id="row:/id", label="row:/prediction", weight="row:/score"),
    "beside lists": LabelFields(rows="/rows", label="/predictions/*"),
}
COLUMNS = (
    NumericColumn("x", "feature", np.array([0.5]).tobytes(), 0.5, 1.0, 0.0, 1.0),
    NumericColumn("y", "feature", np.array([0.5]).tobytes(), 0.5, 1.0, 0.0, 1.0),
    CategoricalColumn("c", "feature", ("web",)),
)


def batch(kind: Any, records: list[tuple[bytes | None, int]]) -> RecordBatch:  # noqa: ANN401
    values, stamps = [value for value, _ in records], [stamp for _, stamp in records]
    keys: list[bytes | None] = [b'{"id": "k", "v": 3}'] * len(values)
    return RecordBatch(Source(kind, 0), "t", values, [*range(len(values))], stamps, keys=keys)


def parsed(records: RecordBatch) -> RecordBatch:
    """Return records with what they hold as a whole."""
    documents, problems = documents_of(records.values)
    return records._replace(
        documents=[
            Unreadable(problems[number].reason, str(problems[number])) if number in problems else document
            for number, document in enumerate(documents)
        ]
    )


def counted(features: list[Features], beside: frozenset[str]) -> tuple[object, ...]:
    """Return everything that is counted of features."""
    n, none = len(features), np.zeros(len(features), dtype=np.int64)
    rows = AllRows(none, ["id"] * n, none, none, none > 0, features, [None] * n, [None] * n)
    columns, unexpected = ColumnEncoder(COLUMNS, None, beside)(rows)
    return (
        columns.bins.tolist(),
        columns.z.tolist(),
        sorted((index, sorted(names)) for index, names in columns.unlisted.items()),
        sorted((name, sorted(found.tolist())) for name, found in columns.unknown.items()),
        unexpected.tolist(),
    )


def segments(found: bytes) -> dict[str, Any]:
    """Return the segments of an event; what is no object has none, however it is kept."""
    values = json.loads(found or b"{}")
    return values if isinstance(values, dict) else {}


def outcome(intake: Intake[Any], beside: frozenset[str]) -> dict[str, Any]:
    """Return what became of records; features as they are counted."""
    columns = {name: [*map(repr, column)] for name, column in intake.events._asdict().items()}
    if "features" in columns:
        columns["features"] = [*map(repr, counted([*intake.events.features], beside))]
        columns["segments"] = [repr(segments(bytes(each))) for each in intake.events.segments]
    return {
        **columns,
        "times": intake.times_ms.tolist(),
        "offsets": intake.offsets.tolist(),
        "refused": [(letter.offset, letter.reason, letter.message) for letter in intake.refused],
        "skipped": [*intake.skipped],
    }


@pytest.mark.parametrize("where", WHERE.values(), ids=WHERE)
@pytest.mark.parametrize("fields", PREDICTIONS.values(), ids=PREDICTIONS)
@examples(100)
@given(records=st.integers(0, 1 << 32).map(lambda seed: Producer(seed).records()))
def test_predictions(records: list[tuple[bytes | None, int]], fields: PredictionFields, where: Where | None) -> None:
    decode, beside = PredictionDecoder(fields, with_segments=True, where=where), fields_beside(fields)
    skimmed = batch("predictions", records)
    expected = outcome(take_in_predictions(parsed(skimmed), decode, 60_000), beside)
    assert outcome(take_in_predictions(skimmed, decode, 60_000), beside) == expected
    parts = [take_in_predictions(skimmed.part(slice(i, i + 1)), decode, 60_000) for i in range(len(records))]
    assert [letter.message for part in parts for letter in part.refused] == [each[2] for each in expected["refused"]]


@pytest.mark.parametrize("where", WHERE.values(), ids=WHERE)
@pytest.mark.parametrize("fields", LABELS.values(), ids=LABELS)
@examples(100)
@given(records=st.integers(0, 1 << 32).map(lambda seed: Producer(seed).records()))
def test_labels(records: list[tuple[bytes | None, int]], fields: LabelFields, where: Where | None) -> None:
    decode = LabelDecoder(fields, where=where)
    skimmed = batch("labels", records)
    expected = outcome(take_in_labels(parsed(skimmed), decode, 60_000), frozenset())
    assert outcome(take_in_labels(skimmed, decode, 60_000), frozenset()) == expected
