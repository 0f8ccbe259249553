"""Turns Protobuf messages into documents, by a plan that is made once for each message type.

What JSON would have, with these choices: fields keep the names of the .proto file; 64-bit integers stay numbers; a time
is milliseconds since the epoch and a duration seconds; wrappers are their values; bytes are base64. A field that cannot
be absent is always there, a zero included; one that can, and is, is left out.

*Oracle*: ``google.protobuf.json_format``, which takes 15 µs for an event of 20 features where this takes 4.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor

from driftline.runtime.encodings.avro_logical import base64_text, decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

    Convert = Callable[[Any], object]


class MessageReader:
    """Reads the messages of one type; :func:`message_reader` gives it."""

    def plan(self, descriptor: Descriptor, known: dict[str, Convert]) -> None:
        """Decide how to read each field; ``known`` has the readers of types, and gets those of further ones."""
        plain: list[str] = []
        self._sometimes: list[str] = []
        self._converted: list[tuple[str, Convert]] = []
        self._sometimes_converted: list[tuple[str, Convert]] = []
        for field in descriptor.fields:
            convert = _of_field(field, known)
            if convert is None and field.has_presence and field.default_value:
                convert = _as_it_is  # absent, it reads as its default, which is not told from a value
            if convert is None:
                plain.append(field.name)
                if field.has_presence:
                    self._sometimes.append(field.name)
            elif field.has_presence:
                self._sometimes_converted.append((field.name, convert))
            else:
                self._converted.append((field.name, convert))
        self._plain, self._take_plain = tuple(plain), _getter(plain)
        self.order = (*plain, *(name for name, _ in (*self._converted, *self._sometimes_converted)))
        """The names of the fields in the order in which documents have them."""

    def __call__(self, message: Any) -> dict[str, object]:  # noqa: ANN401  # messages are of types made at run time
        """Return the message as a document."""
        values = self._take_plain(message)
        document: dict[str, object] = dict(zip(self._plain, values, strict=True))
        has = message.HasField
        if self._sometimes and not all(values):  # what is absent reads as zero
            for name in self._sometimes:
                if not document[name] and not has(name):
                    del document[name]
        for name, convert in self._converted:
            document[name] = convert(getattr(message, name))
        for name, convert in self._sometimes_converted:
            if has(name):
                document[name] = convert(getattr(message, name))
        return document


def message_reader(descriptor: Descriptor) -> Convert:
    """Return the function from a message of this type to a document."""
    return _of_message(descriptor, {})


def _as_it_is(value: object) -> object:
    return value


def _getter(names: list[str]) -> Callable[[Any], tuple[object, ...]]:
    if not names:
        return lambda _message: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda message: (get(message),)


def _of_field(field: FieldDescriptor, known: dict[str, Convert]) -> Convert | None:
    """Return what turns a field's value into that of a document; None where it is the same."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _of_map(field.message_type, known)
    convert = _of_value(field, known)
    if not field.is_repeated:
        return convert
    return list if convert is None else lambda values: [convert(value) for value in values]


def _of_map(entry: Descriptor, known: dict[str, Convert]) -> Convert:
    """Return the function from a map to an object, sorted by the text of the keys: Protobuf itself knows no order."""
    key, convert = entry.fields_by_name["key"], _of_value(entry.fields_by_name["value"], known) or _as_it_is
    if key.type == FieldDescriptor.TYPE_STRING:
        return lambda values: {k: convert(values[k]) for k in sorted(values)}
    text: Convert = (lambda k: "true" if k else "false") if key.type == FieldDescriptor.TYPE_BOOL else str
    return lambda values: {text(k): convert(values[k]) for k in sorted(values, key=str)}


def _of_value(field: FieldDescriptor, known: dict[str, Convert]) -> Convert | None:
    if field.message_type is not None:
        return _of_message(field.message_type, known)
    if field.enum_type is not None:
        return _of_enum(field.enum_type)
    return base64_text if field.type == FieldDescriptor.TYPE_BYTES else None


def _of_enum(enum: EnumDescriptor) -> Convert:
    """Return the function from number to name; a number without a name stays one."""
    names: dict[int, object] = {number: value.name for number, value in enum.values_by_number.items()}
    if enum.full_name == "google.protobuf.NullValue":
        return lambda _number: None
    return lambda number: names.get(number, number)


def _of_message(descriptor: Descriptor, known: dict[str, Convert]) -> Convert:
    name = descriptor.full_name
    if name in _WELL_KNOWN:
        return _WELL_KNOWN[name]
    if name not in known:
        reader = MessageReader()
        known[name] = reader
        reader.plan(descriptor, known)  # which may come back to this type
    return known[name]


# --- types that JSON has another form for -----------------------------------------------------------------------------


def _json_value(value: Any) -> object:  # noqa: ANN401
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _json_object(value.struct_value)
    if kind == "list_value":
        return _json_list(value.list_value)
    return None if kind in {None, "null_value"} else getattr(value, kind)


def _json_object(value: Any) -> object:  # noqa: ANN401
    return {name: _json_value(value.fields[name]) for name in sorted(value.fields)}


def _json_list(value: Any) -> object:  # noqa: ANN401
    return [_json_value(each) for each in value.values]


def _plain(value: Any) -> object:  # noqa: ANN401
    return value.value


_WELL_KNOWN: Final[dict[str, Convert]] = {
    "google.protobuf.Timestamp": lambda value: value.seconds * 1_000 + value.nanos // 1_000_000,
    "google.protobuf.Duration": lambda value: value.seconds + value.nanos / 1e9,
    "google.protobuf.Struct": _json_object,
    "google.protobuf.ListValue": _json_list,
    "google.protobuf.Value": _json_value,
    "google.protobuf.BytesValue": lambda value: base64_text(value.value),
    "google.protobuf.FieldMask": lambda value: ",".join(value.paths),
    "confluent.type.Decimal": lambda value: decimal(value.value, value.scale),
    **{
        f"google.protobuf.{kind}Value": _plain
        for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String")
    },
}
