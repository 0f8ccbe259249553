"""Where records come from: values of headers and fields as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from driftline.config.field_places import OriginAt
from driftline.events.dead_letter import NOT_JSON
from driftline.events.record_batch import RecordBatch, Unreadable
from driftline.events.source import Source
from driftline.sketches.origin_table import NONE
from driftline.sketching.origin_reader import MAX_TEXT, NO_TEXT, OriginReader, shown_value

if TYPE_CHECKING:
    from driftline.sketches.origin_parts import Dimension


def batch(values: list[bytes | None]) -> RecordBatch:
    n = len(values)
    return RecordBatch(Source("predictions", 0), "t", values, [*range(n)], [-1] * n)


def texts(dimension: Dimension) -> list[str]:
    return [dimension.texts[code] for code in dimension.codes.tolist()]


def read(origin: OriginAt | str, given: RecordBatch) -> list[str]:
    reader = OriginReader((origin,), 2)  # type: ignore[arg-type]
    (dimension,) = reader.of_records(given)
    return texts(dimension)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"producer-7", "producer-7"),
        (b"", ""),
        (b"\x1b]0;pwned\x07", r"\x1b]0;pwned\x07"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("Zürich", "Zürich"),
        (True, "true"),
        (3.0, "3"),
        (None, NONE),
        ({"a": 1}, NO_TEXT),
        ([1], NO_TEXT),
    ],
)
def test_values_are_shown_as_text_that_can_be_printed(value: object, shown: str) -> None:
    assert shown_value(value) == shown
    assert shown_value(value).isprintable()


@pytest.mark.parametrize("value", [b"x" * 10_000, "y" * 10_000, "ü".encode() * 5_000, b"\xff" * 10_000, 10**4_000])
def test_long_values_are_cut(value: object) -> None:
    shown = shown_value(value)
    assert len(shown) == MAX_TEXT
    assert shown.endswith("…")


def test_headers_may_be_absent() -> None:
    headers = [{"producer": b"a"}, {}, {"producer": b"b" * 20_000}, {"producer": b"a", "other": b"x"}]
    found = read(OriginAt(header="producer"), batch([b"{}"] * 4)._replace(headers=headers))
    assert found == ["a", NONE, "b" * 99 + "…", "a"]
    assert read(OriginAt(header="producer"), batch([b"{}"])) == [NONE]


def test_fields_of_any_json_are_read() -> None:
    values = [
        b'{"a":{"v":"1.2"}}',
        b'{"a":3}',
        b"{}",
        b"not json",
        None,
        b'{"a":{"v":[1]}}',
        b'{"a":{"v":true}}',
        b"[]",
    ]
    found = read(OriginAt(field="/a/v"), batch([*values]))
    assert found == ["1.2", NONE, NONE, NONE, NONE, NO_TEXT, "true", NONE]


def test_numbers_and_truths_do_not_become_each_other_by_their_order() -> None:
    values = [json.dumps({"v": value}).encode() for value in (1, True, 1.0, "1", "true")]
    for order in (values, values[::-1]):
        found = dict(zip(order, read(OriginAt(field="/v"), batch([*order])), strict=True))
        assert [found[value] for value in values] == ["1", "true", "1", "1", "true"]


def test_deserialized_records_have_fields_and_schemas() -> None:
    documents: list[object] = [{"v": "x"}, Unreadable(NOT_JSON, "no"), {"v": None}]
    given = batch([b"", b"", b""])._replace(documents=documents, schemas=["7", None, "9"])
    assert read(OriginAt(field="/v"), given) == ["x", NONE, NONE]
    assert read("schema", given) == ["7", NONE, "9"]


def test_one_partition_alone_is_compared_with_nothing() -> None:
    assert OriginReader(("partition",), 1).is_empty
    assert not OriginReader(("partition",), 2).is_empty
    assert OriginReader((), 2).is_empty


def test_headers_are_asked_for_only_where_they_are_needed() -> None:
    assert OriginReader(("partition", OriginAt(field="/v")), 2).asks_for == frozenset()
    assert OriginReader((OriginAt(header="p"),), 2).asks_for == {"headers"}


def test_many_values_are_forgotten_between_flushes() -> None:
    reader = OriginReader((OriginAt(header="trace"),), 2)
    for start in range(0, 30_000, 5_000):
        headers = [{"trace": b"%d" % number} for number in range(start, start + 5_000)]
        (dimension,) = reader.of_records(batch([b"{}"] * 5_000)._replace(headers=headers))
        assert texts(dimension)[17] == str(start + 17)
        assert len(dimension.texts) <= 15_000
        reader.flushed()
