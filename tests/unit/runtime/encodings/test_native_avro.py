"""Avro in the native library against the reader in Python: the same document, or none."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.native.transcoder import Transcoder, transcoder
from driftline.runtime.encodings.avro_program import avro_program
from driftline.runtime.encodings.avro_reader import compile_reader, parse
from tests.support.avro_cases import Schema, cases, record, written
from tests.support.changed_bytes import changed_bytes
from tests.support.examples import examples
from tests.support.native import require_native

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module", autouse=True)
def _native() -> None:
    require_native()


def both(schema: Schema) -> tuple[Callable[[bytes], object], Transcoder]:
    parsed, named = parse(json.dumps(schema))
    native = transcoder(avro_program(parsed, named))
    assert native is not None, "the schema is left to Python"
    return compile_reader(parsed, named), native


def is_native(schema: Schema) -> bool:
    return avro_program(*parse(json.dumps(schema))) is not None


def as_json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def compare(schema: Schema, *values: bytes) -> list[bool]:
    """Compare all values in one batch; return which of them the native library wrote."""
    read, native = both(schema)
    texts = native(values)
    assert len(texts) == len(values)
    for value, text in zip(values, texts, strict=True):
        if text:
            assert text == as_json(read(value))
    return [text != b"" for text in texts]


# --- any schema -------------------------------------------------------------------------------------------------------

LOGICAL: list[tuple[Schema, Schema, st.SearchStrategy[Any]]] = [
    *(
        ({"type": "long", "logicalType": name}, "long", st.integers(-(1 << 63), (1 << 63) - 1))
        for name in ("timestamp-millis", "timestamp-micros", "local-timestamp-nanos", "time-micros", "of-tomorrow")
    ),
    ({"type": "int", "logicalType": "date"}, "int", st.integers(-719_200, 2_932_950)),
    ({"type": "bytes", "logicalType": "decimal", "precision": 20}, "bytes", st.binary(max_size=9)),
    ({"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}, "bytes", st.binary(max_size=9)),
    ({"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 22}, "bytes", st.binary(max_size=7)),
    ("bytes", "bytes", st.binary(max_size=40)),
]
SIZED: list[tuple[int, dict[str, Any]]] = [
    (0, {}),
    (7, {}),
    (16, {"logicalType": "uuid"}),
    (7, {"logicalType": "decimal", "precision": 15, "scale": 2}),
]


@st.composite
def schemas_and_values(draw: st.DrawFn) -> tuple[Schema, bytes]:
    """Return a schema and a value of it as bytes: what is written does not know of logical types."""
    counter = iter(range(10_000))
    fields, plain, value = [], [], {}
    for number in range(draw(st.integers(1, 8))):
        name = f"field_{number}"
        if draw(st.booleans()):
            schema, values = draw(cases(3, counter))
            as_plain = schema
        elif draw(st.booleans()):
            schema, as_plain, values = draw(st.sampled_from(LOGICAL))
        else:
            size, more = draw(st.sampled_from(SIZED))
            as_plain = {"type": "fixed", "name": f"F{number}", "size": size}
            schema, values = {**as_plain, **more}, st.binary(min_size=size, max_size=size)
        if not isinstance(schema, list) and schema != "null" and draw(st.booleans()):
            schema, as_plain, values = ["null", schema], ["null", as_plain], st.none() | values
        fields.append((name, schema))
        plain.append((name, as_plain))
        value[name] = draw(values)
    return record(*fields, name="Root"), written(record(*plain, name="Root"), value)


@given(schemas_and_values(), st.data())
@examples(200)
def test_what_is_written_is_the_document_of_the_reader_in_python(
    case: tuple[Schema, bytes], data: st.DataObject
) -> None:
    schema, value = case
    noise = data.draw(st.lists(changed_bytes(value), max_size=6))
    compare(schema, value, *noise, value)


@pytest.mark.slow
@given(schemas_and_values(), st.lists(st.randoms(use_true_random=False), min_size=1, max_size=3))
@examples(1_000)
def test_many_changed_bytes_are_the_document_of_the_reader_in_python(
    case: tuple[Schema, bytes], randoms: list[Any]
) -> None:
    schema, value = case
    changed = []
    for random in randoms:
        for _ in range(40):
            each = bytearray(value)
            for _ in range(random.randint(1, 3)):
                if each:
                    each[random.randrange(len(each))] = random.choice(
                        (0, 1, 2, 3, 127, 128, 129, 255, random.randrange(256))
                    )
            changed.append(bytes(each[: random.choice((len(each), random.randint(0, len(each))))]))
    compare(schema, value, *changed)


FINITE = st.floats(allow_nan=False, allow_infinity=False)
USUAL = record(
    ("id", "string"),
    ("at", {"type": "long", "logicalType": "timestamp-micros"}),
    (
        "features",
        record(("a", ["null", "double"]), ("b", "float"), ("c", ["string", "null"]), ("d", "boolean"), name="F"),
    ),
    ("more", {"type": "map", "values": ["null", "double", "string"]}),
    ("list", {"type": "array", "items": "int"}),
    ("kind", {"type": "enum", "name": "K", "symbols": ["A", "B"]}),
    name="Usual",
)
PLAIN_USUAL = json.loads(json.dumps(USUAL).replace("timestamp-micros", "of-tomorrow"))


@given(
    st.fixed_dictionaries(
        {
            "id": st.text(),
            "at": st.integers(-(1 << 63), (1 << 63) - 1),
            "features": st.fixed_dictionaries(
                {
                    "a": st.none() | FINITE,
                    "b": st.floats(width=32, allow_nan=False, allow_infinity=False),
                    "c": st.none() | st.text(),
                    "d": st.booleans(),
                }
            ),
            "more": st.dictionaries(st.text(), st.none() | FINITE | st.text()),
            "list": st.lists(st.integers(-(1 << 31), (1 << 31) - 1)),
            "kind": st.sampled_from(["A", "B"]),
        }
    )
)
@examples(300)
def test_a_usual_value_is_never_left_to_python(value: dict[str, Any]) -> None:
    assert compare(USUAL, written(PLAIN_USUAL, value)) == [True]


@given(st.lists(st.floats() | st.integers(-(10**9), 10**9).map(lambda n: n / 1e4), min_size=1, max_size=200))
@examples(300)
def test_every_number_in_double_precision_has_the_digits_of_python(numbers: list[float]) -> None:
    values = [struct.pack("<d", number) for number in numbers]
    assert compare(record(("x", "double")), *values) == [math.isfinite(number) for number in numbers]


# --- what is left to Python -------------------------------------------------------------------------------------------


ENUM: Schema = {"type": "enum", "name": "E", "symbols": ["A"]}
DECIMAL: Schema = {"type": "bytes", "logicalType": "decimal", "precision": 30}


@pytest.mark.parametrize(
    ("type_", "good", "odd"),
    [
        ("double", bytes(8), struct.pack("<d", math.nan)),
        ("float", bytes(4), struct.pack("<f", math.inf)),
        ("string", b"\x00", b"\x04\xff\xfe"),
        ("string", b"\x00", b"\x06\xed\xa0\x80"),
        ("string", b"\x00", b"\x04a"),
        ("string", b"\x00", b"\x01"),
        ("boolean", b"\x00", b"\x02"),
        ("long", b"\x00", b"\xff" * 9 + b"\x7f\x00"),
        ("long", b"\x00", b"\xff" * 9 + b"\x03"),
        ("long", b"\x00", b""),
        ("long", b"\x00", b"\x02\x00"),
        (["null", "long"], b"\x00", b"\x04"),
        (["null", "long"], b"\x00", b"\x01"),
        (["null", "long"], b"\x00", b"\x80\x00"),
        (ENUM, b"\x00", b"\x02"),
        (ENUM, b"\x00", b"\x01"),
        ({"type": "map", "values": "int"}, b"\x00", b"\x04\x02a\x02\x02a\x04\x00"),
        ({"type": "array", "items": "null"}, b"\x00", b"\x80\x80\x01\x00"),
        ({"type": "int", "logicalType": "date"}, b"\x00", b"\xff\xff\xff\xff\x0f"),
        (DECIMAL, b"\x00", b"\x12" + b"\x7f" * 9),
    ],
)
def test_what_is_unusual_is_left_and_its_neighbours_are_written(type_: Schema, good: bytes, odd: bytes) -> None:
    assert compare(record(("x", type_)), good, odd, good) == [True, False, True]


def test_a_record_in_itself_is_written_to_a_depth() -> None:
    schema = record(("x", ["null", "Node"]), name="Node")
    assert compare(schema, b"\x02" * 20 + b"\x00", b"\x02" * 200 + b"\x00") == [True, False]


def test_a_few_bytes_that_stand_for_very_much_are_left() -> None:
    nothing = record(*((f"field_{number}", "null") for number in range(50)), name="Nothing")
    schema = record(("x", {"type": "array", "items": nothing}), ("y", "bytes"))
    many = written(schema, {"x": [dict.fromkeys(f"field_{number}" for number in range(50))] * 3_000, "y": bytes(3_000)})
    few = written(schema, {"x": [dict.fromkeys(f"field_{number}" for number in range(50))] * 300, "y": bytes(300)})
    assert compare(schema, many, few) == [False, True]


@pytest.mark.parametrize(
    "schema",
    [
        "string",
        {"type": "array", "items": "int"},
        record(("x", {"type": "bytes", "logicalType": "decimal", "precision": 40, "scale": 30})),
        record(("x", {"type": "fixed", "name": "U", "size": 8, "logicalType": "uuid"})),
        record(("x", [{"type": "enum", "name": f"E{n}", "symbols": ["A"]} for n in range(65)])),
    ],
)
def test_some_schemas_are_left_to_python(schema: Schema) -> None:
    assert not is_native(schema)


def test_names_and_symbols_are_written_as_json_has_them() -> None:
    schema = record(("x", {"type": "enum", "name": "E", "symbols": ["A_1"]}), ("empty", record(name="Nothing")))
    _, native = both(schema)
    assert native([b"\x00"]) == [b'{"x":"A_1","empty":{}}']


def test_only_what_begins_with_the_prefix_is_written_and_missing_values_are_left() -> None:
    _, native = both(record(("x", "int")))
    values = [b"head\x02", b"hea", None, b"", b"deaf\x02", b"head\x04", b"head"]
    assert native(values, b"head") == [b'{"x":1}', b"", b"", b"", b"", b'{"x":2}', b""]
    many = [b"head\x02"] * 2_501
    assert native(many, b"head") == [b'{"x":1}'] * 2_501


# --- keys of maps -----------------------------------------------------------------------------------------------------

KEYS = ["a", "b", "c", "ab", "", "ü", 'say "hi"', "k" * 40, "\x00", *(f"name_{i}" for i in range(80))]


@examples(100)
@given(
    maps=st.lists(
        st.lists(st.sampled_from(KEYS[:9]), unique=True, max_size=6)
        | st.integers(0, len(KEYS)).map(lambda n: KEYS[:n]),
        min_size=2,
        max_size=8,
    )
)
def test_a_map_is_written_alike_whichever_maps_came_before(maps: list[list[str]]) -> None:
    schema = {"type": "map", "values": {"type": "map", "values": "long"}}
    values = [
        written(
            schema, {key: dict.fromkeys([*keys[number:], *keys[:number]], number) for number, key in enumerate(keys)}
        )
        for keys in maps
    ]
    assert all(compare(schema, *values))


@pytest.mark.parametrize("n_before", [0, 2, 70])
def test_a_key_that_comes_twice_is_found_among_known_ones(n_before: int) -> None:
    def entries(*keys: str) -> bytes:
        return b"".join(bytes([2 * len(key)]) + key.encode() + b"\x02" for key in keys)

    names = [f"k{i}" for i in range(n_before)]
    once = written({"type": "map", "values": "long"}, dict.fromkeys([*names, "x", "y"], 1))
    n = 2 * (n_before + 2)
    twice = (bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7])) + entries(*names, "x", "x") + b"\x00"
    assert compare({"type": "map", "values": "long"}, once, twice, once, twice, once) == [True, False] * 2 + [True]
