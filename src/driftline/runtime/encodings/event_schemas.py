"""Avro schemas of the output events, derived from the same types as their JSON Schemas.

===============================  ====================================
type of a field                  Avro
===============================  ====================================
another struct                   record of its name
a value or null                  union with null first, default null
a whole number, perhaps a float  ``long``, union of ``long`` and ``double``
a float                          ``double``
text, one of several texts       ``string``: new texts need no new schema
list, pair of the same type      ``array``
names with values                ``map``
===============================  ====================================

A schema has no documentation in it: better words for a field would be another schema, with another id. Nulls, lists and
maps have defaults, so that a registry with the compatibility BACKWARD accepts fields of these types that are added
later; an added field of another type needs a default in its struct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import NODEFAULT, inspect

if TYPE_CHECKING:
    from driftline.events.evidence import Event

NAMESPACE: Final = "io.driftline.v1"

_PRIMITIVES: Final[dict[type[inspect.Type], str]] = {
    inspect.NoneType: "null",
    inspect.BoolType: "boolean",
    inspect.IntType: "long",
    inspect.FloatType: "double",
    inspect.StrType: "string",
}
_ORDER: Final = ("null", "boolean", "long", "double", "string")
"""Of a union: null first, so that it can be the default."""
_EMPTY: Final[dict[object, object]] = {"array": [], "map": {}}


def avro_schema(event: type[Event]) -> dict[str, Any]:
    """Return the Avro schema of a type of event: a record ``io.driftline.v1.<name of the type>``.

    Raises
    ------
    TypeError
        When a field is of a type that Avro has no counterpart for.

    Examples
    --------
    >>> from driftline.events.window import WindowEvent
    >>> schema = avro_schema(WindowEvent)
    >>> schema["namespace"], schema["name"], schema["fields"][0]
    ('io.driftline.v1', 'WindowEvent', {'name': 'model', 'type': 'string'})
    """
    defined: dict[str, type] = {}
    schema: dict[str, Any] = _avro(inspect.type_info(event), defined)
    return {"type": "record", "namespace": NAMESPACE, **schema}


def record_name(event: type[Event]) -> str:
    """Return the full name of an event's record, of which its subject in the registry is made."""
    return f"{NAMESPACE}.{event.__name__}"


def _avro(info: inspect.Type, defined: dict[str, type]) -> Any:  # noqa: ANN401  # an Avro schema is any JSON
    """Return the schema of a type; records in ``defined`` are named only."""
    match info:
        case inspect.Metadata(type=described):
            schema = _avro(described, defined)
        case inspect.StructType():
            schema = _record(info, defined)
        case inspect.UnionType(types=types):
            branches = [_avro(each, defined) for each in types]
            schema = sorted(branches, key=lambda each: _ORDER.index(each) if each in _ORDER else len(_ORDER))
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            schema = {"type": "array", "items": _avro(item, defined)}
        case inspect.TupleType(item_types=(first, *others)) if all(type(each) is type(first) for each in others):
            schema = {"type": "array", "items": _avro(first, defined)}
        case inspect.DictType(key_type=inspect.StrType(), value_type=value):
            schema = {"type": "map", "values": _avro(value, defined)}
        case inspect.LiteralType(values=texts) if all(isinstance(text, str) for text in texts):
            schema = "string"
        case _ if type(info) in _PRIMITIVES:
            schema = _PRIMITIVES[type(info)]
        case _:
            raise TypeError(f"there is no Avro type for {info}")
    return schema


def _record(info: inspect.StructType, defined: dict[str, type]) -> Any:  # noqa: ANN401  # as above
    name = info.cls.__name__
    if name in defined:
        if defined[name] is not info.cls:
            raise TypeError(f"two types of one event are called {name}")
        return name
    defined[name] = info.cls
    fields = []
    for field in info.fields:
        schema = _avro(field.type, defined)
        default = _default(field, schema)
        named = {"name": field.encode_name, "type": schema}
        fields.append(named if default is NODEFAULT else {**named, "default": default})
    return {"type": "record", "name": name, "fields": fields}


def _default(field: inspect.Field, schema: Any) -> Any:  # noqa: ANN401  # as above
    """Return what readers take for a field that an event was written without; NODEFAULT for nothing."""
    if isinstance(schema, list) and schema[0] == "null":
        return None
    if field.default is not NODEFAULT:
        return msgspec.to_builtins(field.default)
    if field.default_factory is not NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    kind = schema["type"] if isinstance(schema, dict) else None
    if kind not in _EMPTY and not field.required:
        raise TypeError(f"the field {field.name}, which events may be without, has no empty value: let it be null too")
    return _EMPTY.get(kind, NODEFAULT)
