"""What no producer should send: the outcome of a record does not depend on those beside it, and none is lost."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.field_places import TimeAt
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.events.features import features_json
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.panes.segments import SegmentBits
from driftline.sketching.intake import take_in_labels, take_in_predictions

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW_MS = 1_772_366_400_000
USUAL = {
    "prediction_id": '"p"',
    "model": '"m"',
    "model_version": '"1"',
    "ts": str(NOW_MS),
    "features": '{"x":1.5}',
    "prediction": "1",
    "score": "0.5",
    "segments": '{"c":"x"}',
    "label": "1",
    "weight": "1",
    "rows": '[{"x":1}]',
}
LITERALS = [
    *("null", "true", "0", "-0", "-0.0", "1.0", "1.5", "1e400", "-1e400", "1e20", "1e308", "1e-400", "NaN", "Infinity"),
    *("9223372036854775808", "-9223372036854775809", "1" * 300, "1" * 1_025, "1" * 4_299, "1" * 5_000),
    *("0." + "1" * 1_000, '""', '" "', '"a"', '"NaN"', '"1e400"', '"\\ud800"', '"\\u0000"', '"\u0661"'),
    *(f'"{"x" * n}"' for n in (256, 257, 1_024, 1_025)),
    *("[]", "[1]", "[0.2,0.8]", "[0.2,0.3,0.5]", "[null]", "[[]]", "{}", '{"a":1}', '{"a":null}', '{"a":NaN}'),
    *('{"a":1e400}', '{"":1}', '{"a":"\\ud800"}', '{"a":0.5,"b":0.5}', '{"a\\"b":1}', '{"c":"x","a":1e400}'),
    *('"2026-12-31T23:59:60Z"', '"2026-03-01T24:00:00Z"', '"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"'),
    *('"2026-03-01T12:00:00+99:00"', '"20260301"', '"1772366400"', "-1", "1772366400", "1772366400000000"),
    *("1772366400000000000", "1000000000000000000", "1772366400000.5", "253370764800000", "-62135596800000"),
    *('{"$date":1772366400000}', '{"$date":{"$numberLong":"1772366400000"}}', '{"$date":' * 3 + "1" + "}" * 3),
    *("01", "1.", ".5", "+1", "tru", '"\x01"', '"\\x"', "[1,]", "'a'", "1_000"),
    *("[" * n + "]" * n for n in (30, 500, 5_000)),
    *('{"$date":' * n + "1" + "}" * n for n in (30, 500, 900, 5_000)),
]
RECORDS = [
    "{" + ",".join(f'"{name}":{literal if name == odd else text}' for name, text in USUAL.items()) + "}"
    for odd, literal in product(USUAL, LITERALS)
]
VALUES: list[bytes | None] = [
    *(record.encode() for record in RECORDS),
    *(None, b"", b"\xef\xbb\xbf" + RECORDS[0].encode(), RECORDS[0].encode().replace(b'"m"', b'"\xff"'), b"[]", b"1"),
]
STAMPS = [(-1, NOW_MS, NOW_MS - 100_000, 0)[number % 4] for number in range(len(VALUES))]
IN_ROWS: dict[str, Any] = {"rows": "/rows", "features": "row:"}


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: repr(each) for name, each in value.items()}
    return repr(value)


def outcomes(decode: Any, take: Any, size: int) -> list[tuple[object, ...]]:  # noqa: ANN401  # of either kind
    """Return what becomes of all records, in batches of a size: their events, dead letters and skipped offsets."""
    bits = SegmentBits({"c": ["x"], "a": ["inf", "1"]})
    found: list[tuple[object, ...]] = []
    for start in range(0, len(VALUES), size):
        values, stamps = VALUES[start : start + size], STAMPS[start : start + size]
        offsets = [*range(start, start + len(values))]
        taken = take(RecordBatch(Source("predictions", 0), "t", values, offsets, stamps), decode, 60_000)
        events: Sequence[Sequence[object]] = taken.events
        if take is take_in_predictions:
            features = [features_json(each) for each in taken.events.features]
            events = [*events[:4], features, *events[5:7], bits(taken.events.segments).tolist()]
        rows = zip(taken.offsets.tolist(), taken.times_ms.tolist(), *events, strict=True)
        found += [("event", offset, *map(plain, row)) for offset, *row in rows]
        found += [("refused", letter.offset, letter.reason, letter.message) for letter in taken.refused]
        found += [("skipped", offset) for offset in taken.skipped]
        told = {*taken.offsets.tolist(), *taken.skipped} | {letter.offset for letter in taken.refused}
        assert told == {*offsets}
    return sorted(found, key=str)


@pytest.mark.parametrize(
    ("decode", "take"),
    [
        (PredictionDecoder(PredictionFields()), take_in_predictions),
        (PredictionDecoder(PredictionFields(), with_segments=True), take_in_predictions),
        (PredictionDecoder(PredictionFields(features="")), take_in_predictions),
        (PredictionDecoder(PredictionFields(ts=TimeAt("/ts", unit="s"))), take_in_predictions),
        (PredictionDecoder(PredictionFields(ts=TimeAt("/ts", unit="ns"))), take_in_predictions),
        (PredictionDecoder(PredictionFields(**IN_ROWS)), take_in_predictions),
        (PredictionDecoder(PredictionFields(segments={"c": "/segments"}), with_segments=True), take_in_predictions),
        (LabelDecoder(LabelFields(weight="/weight")), take_in_labels),
    ],
    ids=["plain", "segments", "whole", "seconds", "nanoseconds", "rows", "own segments", "labels"],
)
def test_each_record_has_the_same_outcome_alone_and_among_others(decode: Any, take: Any) -> None:  # noqa: ANN401
    alone = outcomes(decode, take, 1)
    assert outcomes(decode, take, 60) == alone
    assert outcomes(decode, take, 1_000) == alone


def test_a_record_without_rows_is_counted_as_skipped() -> None:
    values: list[bytes | None] = [b'{"prediction_id": "a", "model": "m", "rows": []}']
    batch = RecordBatch(Source("predictions", 0), "t", values, [7], [NOW_MS])
    taken = take_in_predictions(batch, PredictionDecoder(PredictionFields(**IN_ROWS)), 60_000)
    assert ([*taken.skipped], taken.refused, taken.offsets.size) == ([7], [], 0)
