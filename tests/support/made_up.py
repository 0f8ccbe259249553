"""Values of any type of our structs, made from the types alone, so that no field can be forgotten."""

from __future__ import annotations

from functools import singledispatch
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from msgspec import inspect

if TYPE_CHECKING:
    from msgspec import Struct

TEXTS = ("0", "", "a.b", "größe ✓", 'quoted "', "null")
FLOATS = (3.0, -0.0, 0.1, 1e300, 5e-324, float(2**60))
INTEGERS = (0, 1, 2**62, 63, 64)
ROUNDS = 60


def made_up_structs(struct: type[Struct]) -> list[Any]:
    """Return structs of a type that together take every branch of each union: JSON's hard cases among the values."""
    return [_value(inspect.type_info(struct), turn) for turn in range(ROUNDS)]


@singledispatch
def _value(info: inspect.Type, turn: int) -> object:
    """Return a value of a type; which branch of a union, and how many items of a list, goes by ``turn``."""
    raise TypeError(f"no value for {info} in turn {turn}")


@_value.register
def _(info: inspect.Metadata, turn: int) -> object:
    return _value(info.type, turn)


@_value.register
def _(info: inspect.StructType, turn: int) -> object:
    return info.cls(**{field.name: _value(field.type, turn + n) for n, field in enumerate(info.fields)})


@_value.register
def _(info: inspect.UnionType, turn: int) -> object:
    return _value(info.types[turn % len(info.types)], turn // len(info.types))


@_value.register
def _(info: inspect.ListType, turn: int) -> object:
    return [_value(info.item_type, turn + n) for n in range(turn % 3)]


@_value.register
def _(info: inspect.TupleType, turn: int) -> object:
    return tuple(_value(item, turn + n) for n, item in enumerate(info.item_types))


@_value.register
def _(info: inspect.DictType, turn: int) -> object:
    keys = islice(cycle(TEXTS), turn, turn + turn % (len(TEXTS) + 1))
    return {key: _value(info.value_type, turn + n) for n, key in enumerate(keys)}


@_value.register
def _(info: inspect.LiteralType, turn: int) -> object:
    return info.values[turn % len(info.values)]


@_value.register
def _(_info: inspect.NoneType, _turn: int) -> object:
    return None


@_value.register
def _(_info: inspect.BoolType, turn: int) -> object:
    return bool(turn % 2)


@_value.register
def _(_info: inspect.IntType, turn: int) -> object:
    return INTEGERS[turn % len(INTEGERS)]


@_value.register
def _(_info: inspect.FloatType, turn: int) -> object:
    return FLOATS[turn % len(FLOATS)]


@_value.register
def _(_info: inspect.StrType, turn: int) -> object:
    return TEXTS[turn % len(TEXTS)]
