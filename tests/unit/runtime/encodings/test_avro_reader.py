"""Avro against fastavro: the same values for any schema, and no value for bytes that are not of it."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import math
import uuid
from contextlib import suppress
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.runtime.encodings.avro_logical import decimal as decimal_of
from driftline.runtime.encodings.avro_reader import compile_reader, fingerprint, parse
from driftline.runtime.encodings.schema_problems import UNREADABLE, SchemaError
from tests.support.avro_cases import Schema, record, schemas_and_values, written
from tests.support.examples import examples


def read(schema: object, data: bytes, references: tuple[str, ...] = ()) -> object:
    return compile_reader(*parse(json.dumps(schema), references))(data)


# --- any schema -------------------------------------------------------------------------------------------------------


@given(schemas_and_values())
@examples(300)
def test_any_value_of_any_schema_is_read_as_fastavro_reads_it(case: tuple[Schema, Any]) -> None:
    schema, value = case
    data = written(schema, value)
    expected = fastavro.schemaless_reader(io.BytesIO(data), fastavro.parse_schema(schema))
    assert read(schema, data) == expected


@given(schemas_and_values(), st.data())
@examples(150)
def test_bytes_that_are_cut_or_longer_are_refused_or_another_value(
    case: tuple[Schema, Any], data: st.DataObject
) -> None:
    schema, value = case
    reader = compile_reader(*parse(json.dumps(schema)))
    whole = written(schema, value)
    with pytest.raises(UNREADABLE):
        reader(whole + b"\x00")
    cut = whole[: data.draw(st.integers(0, max(0, len(whole) - 1)))]
    if cut != whole:
        with pytest.raises(UNREADABLE):
            reader(cut)


@given(schemas_and_values(), st.binary(max_size=60))
@examples(300)
def test_any_bytes_are_read_or_refused(case: tuple[Schema, Any], noise: bytes) -> None:
    reader = compile_reader(*parse(json.dumps(case[0])))
    with suppress(*UNREADABLE):
        reader(noise)


# --- types that JSON has another form for -----------------------------------------------------------------------------

DAY = dt.date(2026, 3, 1)
MOMENT = dt.datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=dt.UTC)
MOMENT_MS = 1_772_368_215_123


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "long", "logicalType": "timestamp-millis"}, MOMENT, MOMENT_MS),
        ({"type": "long", "logicalType": "timestamp-micros"}, MOMENT, MOMENT_MS),
        ({"type": "long", "logicalType": "timestamp-nanos"}, MOMENT_MS * 1_000_000 + 999_999, MOMENT_MS),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, MOMENT.replace(tzinfo=None), MOMENT_MS),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, MOMENT.replace(tzinfo=None), MOMENT_MS),
        ({"type": "int", "logicalType": "date"}, DAY, "2026-03-01"),
        ({"type": "int", "logicalType": "date"}, dt.date(1969, 12, 31), "1969-12-31"),
        ({"type": "int", "logicalType": "time-millis"}, dt.time(0, 0, 1, 5_000), 1_005),
        ({"type": "string", "logicalType": "uuid"}, uuid.UUID(int=7), str(uuid.UUID(int=7))),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, decimal.Decimal("-12.34"), -12.34),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9}, decimal.Decimal(7), 7.0),
        (
            {"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal", "precision": 18, "scale": 3},
            decimal.Decimal("123456789.125"),
            123456789.125,
        ),
        ("bytes", b"\x00\xff", "AP8="),
        ({"type": "fixed", "name": "F", "size": 3}, b"abc", "YWJj"),
        ({"type": "string", "logicalType": "of-tomorrow"}, "as it is", "as it is"),
    ],
)
def test_logical_types_become_what_json_would_have(schema: object, value: object, expected: object) -> None:
    if isinstance(schema, dict) and schema.get("logicalType") == "timestamp-nanos":
        data = written("long", value)
    else:
        data = written(schema, value)
    assert read(schema, data) == expected
    assert read(record(("x", ["null", schema])), b"\x02" + data) == {"x": expected}


def test_a_decimal_beyond_floating_point_is_infinite() -> None:
    schema = {"type": "bytes", "logicalType": "decimal", "precision": 400}
    assert read(schema, written("bytes", (10**400).to_bytes(200, signed=True))) == math.inf
    assert read(schema, written("bytes", (-(10**400)).to_bytes(200, signed=True))) == -math.inf


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (3, 0.258),
        (-2, 25_800.0),
        (300, 258e-300),
        (-400, math.inf),
        (1 << 31, 0.0),
        (-(1 << 31), math.inf),
    ],
)
def test_a_decimal_of_any_scale_is_read_at_once(scale: int, expected: float) -> None:
    assert decimal_of(b"\x01\x02", scale) == pytest.approx(expected, rel=1e-15)
    assert decimal_of(b"\0", scale) == 0.0


def test_float_specials_are_read() -> None:
    value = read(
        record(("a", "double"), ("b", "double")),
        written(record(("a", "double"), ("b", "double")), {"a": math.inf, "b": math.nan}),
    )
    assert isinstance(value, dict)
    assert value["a"] == math.inf
    assert math.isnan(value["b"])


def test_a_union_of_records_is_the_value_of_its_branch() -> None:
    schema = record(("x", [record(("a", "int"), name="A"), record(("b", "string"), name="B"), "null"]))
    for value in ({"x": {"a": 5}}, {"x": {"b": "y"}}, {"x": None}):
        assert read(schema, written(schema, value)) == value


def test_a_type_that_contains_itself_is_read_to_any_reasonable_depth() -> None:
    schema = record(("value", "long"), ("next", ["null", "Node"]), name="Node")
    value: dict[str, Any] = {"value": 0, "next": None}
    for number in range(1, 50):
        value = {"value": number, "next": value}
    assert read(schema, written(schema, value)) == value
    with pytest.raises(UNREADABLE):
        read(schema, b"\x00\x02" * 100_000)


def test_arrays_inside_arrays_are_read_however_deep() -> None:
    schema: object = "int"
    value: object = 7
    for _ in range(30):
        schema, value = {"type": "array", "items": schema}, [value]
    assert read(schema, written(schema, value)) == value


def test_blocks_with_their_size_are_read() -> None:
    assert read({"type": "array", "items": "int"}, b"\x03\x04\x02\x04\x00") == [1, 2]


def test_a_count_of_items_without_bytes_is_refused() -> None:
    assert read({"type": "array", "items": "null"}, b"\x06\x00") == [None, None, None]
    with pytest.raises(ValueError, match="more items than bytes"):
        read({"type": "array", "items": "null"}, b"\x80\x80\x80\x80\x10\x00")


def test_names_of_fields_are_no_code() -> None:
    name = 'a"] + exit() #'
    schema = record(("plain", "int"))
    schema["fields"][0]["name"] = name
    parsed, named = parse(json.dumps(record(("plain", "int"))))
    parsed["fields"][0]["name"] = name
    assert compile_reader(parsed, named)(b"\x02") == {name: 1}


def test_a_wide_schema_is_read() -> None:
    schema = record(*((f"f{i}", ["null", "double"] if i % 2 else "string") for i in range(2_000)))
    value = {f"f{i}": (float(i) if i % 3 else None) if i % 2 else "x" for i in range(2_000)}
    assert read(schema, written(schema, value)) == value


# --- schemas ----------------------------------------------------------------------------------------------------------


def test_types_of_references_are_known() -> None:
    unit = json.dumps({"type": "enum", "name": "shop.Unit", "symbols": ["KG", "LB"]})
    weight = json.dumps(record(("amount", "double"), ("unit", "shop.Unit"), name="shop.Weight"))
    schema = record(("weight", "shop.Weight"), name="shop.Parcel")
    data = b"\x00\x00\x00\x00\x00\x00\xf8?" + b"\x02"
    assert read(schema, data, (unit, weight)) == {"weight": {"amount": 1.5, "unit": "LB"}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is no Avro schema"),
        ('{"type": "record", "name": "R", "fields": [{"name": "a", "type": "Missing"}]}', "`Missing` is not defined"),
        ('{"type": "enum", "name": "E", "symbols": ["a b"]}', "it is no Avro schema"),
    ],
)
def test_a_schema_that_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SchemaError, match=problem):
        parse(text)


def test_a_union_of_nothing_is_refused() -> None:
    with pytest.raises(SchemaError, match="it is no Avro schema"):
        compile_reader(*parse("[]"))


def test_a_default_that_does_not_fit_its_type_does_not_matter_to_a_reader() -> None:
    schema = record(("a", "int"))
    schema["fields"][0]["default"] = "none"
    assert read(schema, b"\x08") == {"a": 4}


def test_the_fingerprint_is_that_of_the_specification() -> None:
    # CRC-64-AVRO of `"int"`, little-endian, from the specification's own test vectors
    assert fingerprint(parse('"int"')[0]).hex() == (0x7275D51A3F395C8F).to_bytes(8, "little").hex()
