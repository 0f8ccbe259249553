"""Schemas and values of Avro, any of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import fastavro
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = Any
"""JSON."""


def written(schema: Schema, value: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def record(*fields: tuple[str, object], name: str = "R") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


PRIMITIVES = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": st.integers(-(1 << 63), (1 << 63) - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "string": st.text(max_size=80),
}
Case = tuple[Schema, st.SearchStrategy[Any]]


def cases(depth: int, names: Iterator[int]) -> st.SearchStrategy[Case]:
    primitive = st.sampled_from(sorted(PRIMITIVES)).map(lambda name: (name, PRIMITIVES[name]))
    if depth == 0:
        return primitive
    below = cases(depth - 1, names)

    def of_record(fields: list[Case]) -> Case:
        schema = record(*((f"f{i}", s) for i, (s, _) in enumerate(fields)), name=f"R{next(names)}")
        return schema, st.fixed_dictionaries({f"f{i}": values for i, (_, values) in enumerate(fields)})

    def of_enum(symbols: set[str]) -> Case:
        listed = sorted(symbols)
        return {"type": "enum", "name": f"E{next(names)}", "symbols": listed}, st.sampled_from(listed)

    return st.one_of(
        primitive,
        below.map(lambda case: ({"type": "array", "items": case[0]}, st.lists(case[1], max_size=4))),
        below.map(
            lambda case: (
                {"type": "map", "values": case[0]},
                st.dictionaries(st.text(max_size=5), case[1], max_size=4),
            )
        ),
        st.lists(below, max_size=6).map(of_record),
        st.sets(st.from_regex(r"[A-Z]{1,3}", fullmatch=True), min_size=1, max_size=70).map(of_enum),
        st.sampled_from(["double", "float", "long", "string", "boolean"]).map(
            lambda name: (["null", name], st.none() | PRIMITIVES[name])
        ),
        st.sampled_from(["double", "float"]).map(lambda name: ([name, "null"], st.none() | PRIMITIVES[name])),
    )


@st.composite
def schemas_and_values(draw: st.DrawFn) -> tuple[Schema, Any]:
    counter = iter(range(10_000))
    fields = draw(st.lists(cases(3, counter), min_size=1, max_size=8))
    schema = record(*((f"f{i}", s) for i, (s, _) in enumerate(fields)), name="Root")
    return schema, {f"f{i}": draw(values) for i, (_, values) in enumerate(fields)}
