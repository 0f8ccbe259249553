"""Compiles a Protobuf message type for the native library, which then writes records as the JSON of their documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor import FieldDescriptor

from driftline.native.program import Program
from driftline.native.transcoder import PROTOBUF
from driftline.runtime.encodings.protobuf_reader import MessageReader, message_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

_OBJECT, _TIMESTAMP, _DURATION, _WRAPPER, _ENTRY, _DECIMAL = range(6)
_TIME: Final = {"seconds": FieldDescriptor.TYPE_INT64, "nanos": FieldDescriptor.TYPE_INT32}
_FORMS: Final[dict[str, tuple[int, dict[str, int]]]] = {
    "google.protobuf.Timestamp": (_TIMESTAMP, _TIME),
    "google.protobuf.Duration": (_DURATION, _TIME),
    "confluent.type.Decimal": (
        _DECIMAL,
        {
            "value": FieldDescriptor.TYPE_BYTES,
            "scale": FieldDescriptor.TYPE_INT32,
            "precision": FieldDescriptor.TYPE_UINT32,
        },
    ),
    "google.protobuf.DoubleValue": (_WRAPPER, {"value": FieldDescriptor.TYPE_DOUBLE}),
    "google.protobuf.FloatValue": (_WRAPPER, {"value": FieldDescriptor.TYPE_FLOAT}),
    "google.protobuf.Int64Value": (_WRAPPER, {"value": FieldDescriptor.TYPE_INT64}),
    "google.protobuf.UInt64Value": (_WRAPPER, {"value": FieldDescriptor.TYPE_UINT64}),
    "google.protobuf.Int32Value": (_WRAPPER, {"value": FieldDescriptor.TYPE_INT32}),
    "google.protobuf.UInt32Value": (_WRAPPER, {"value": FieldDescriptor.TYPE_UINT32}),
    "google.protobuf.BoolValue": (_WRAPPER, {"value": FieldDescriptor.TYPE_BOOL}),
    "google.protobuf.StringValue": (_WRAPPER, {"value": FieldDescriptor.TYPE_STRING}),
    "google.protobuf.BytesValue": (_WRAPPER, {"value": FieldDescriptor.TYPE_BYTES}),
}
"""Types that JSON has another form for, and the fields that it is made of."""
_KINDS: Final = {
    FieldDescriptor.TYPE_DOUBLE: 0,
    FieldDescriptor.TYPE_FLOAT: 1,
    FieldDescriptor.TYPE_INT64: 2,
    FieldDescriptor.TYPE_UINT64: 3,
    FieldDescriptor.TYPE_INT32: 4,
    FieldDescriptor.TYPE_UINT32: 5,
    FieldDescriptor.TYPE_SINT32: 6,
    FieldDescriptor.TYPE_SINT64: 7,
    FieldDescriptor.TYPE_FIXED64: 8,
    FieldDescriptor.TYPE_SFIXED64: 9,
    FieldDescriptor.TYPE_FIXED32: 10,
    FieldDescriptor.TYPE_SFIXED32: 11,
    FieldDescriptor.TYPE_BOOL: 12,
    FieldDescriptor.TYPE_STRING: 13,
    FieldDescriptor.TYPE_BYTES: 14,
    FieldDescriptor.TYPE_ENUM: 15,
    FieldDescriptor.TYPE_MESSAGE: 16,
}
_MAP: Final = 17
_HAS_PRESENCE: Final = 1
_IS_REPEATED: Final = 2
_MAX_ONEOFS: Final = 60
"""Of several fields each, in one message: those that were met are bits of a number."""


class _NotNative(Exception):  # noqa: N818  # no error: it ends the attempt
    """The type uses what the native library does not read."""


def protobuf_program(descriptor: Descriptor) -> Program | None:
    """Return the program of a message type; None where its messages are to be read in Python."""
    try:
        return _Compiler(descriptor).program
    except _NotNative:
        return None


class _Compiler:
    """Numbers the message types that a type uses, itself 0, and the enums; writes each once."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.program = Program(PROTOBUF)
        self._messages: list[list[int]] = []
        self._enums: list[list[int]] = []
        self._numbers: dict[str, int] = {}
        if descriptor.full_name in _FORMS:
            raise _NotNative  # its documents are no objects
        self._message(descriptor)
        self.program.words += [len(self._messages), len(self._enums)]
        self.program.words += [word for each in (*self._messages, *self._enums) for word in each]

    def _once(self, name: str, those: list[list[int]], write: Callable[[], Iterator[int]]) -> int:
        """Return the number of a type, which is written where it is met first."""
        if name not in self._numbers:
            self._numbers[name] = len(those)
            words: list[int] = []
            those.append(words)
            words += write()
        return self._numbers[name]

    def _message(self, descriptor: Descriptor) -> int:
        return self._once(descriptor.full_name, self._messages, lambda: self._words_of(descriptor))

    def _words_of(self, descriptor: Descriptor) -> Iterator[int]:
        form, names = self._form(descriptor)
        if descriptor.is_extendable or descriptor.GetOptions().message_set_wire_format:
            raise _NotNative
        fields = [descriptor.fields_by_name[name] for name in names]
        yield from (form, len(fields))
        several = [oneof.full_name for oneof in descriptor.oneofs if len(oneof.fields) > 1]
        if len(several) > _MAX_ONEOFS:
            raise _NotNative
        oneofs = {name: number for number, name in enumerate(several, start=1)}
        for field in fields:
            oneof = field.containing_oneof
            yield from self._field(field, 0 if oneof is None else oneofs.get(oneof.full_name, 0))

    @staticmethod
    def _form(descriptor: Descriptor) -> tuple[int, Sequence[str]]:
        if descriptor.GetOptions().map_entry:
            return _ENTRY, ("key", "value")
        if descriptor.full_name in _FORMS:
            form, types = _FORMS[descriptor.full_name]
            if types != {field.name: field.type for field in descriptor.fields if not field.is_repeated}:
                raise _NotNative  # somebody's own type of that name
            return form, [*types]
        reader = message_reader(descriptor)
        if not isinstance(reader, MessageReader):
            raise _NotNative  # such as google.protobuf.Struct
        return _OBJECT, reader.order

    def _field(self, field: FieldDescriptor, oneof: int) -> Iterator[int]:
        kind = _KINDS.get(field.type)
        if kind is None or field.is_required:  # a group, or what Protobuf itself refuses if it is absent
            raise _NotNative
        argument: tuple[int, ...] = ()
        if field.enum_type is not None:
            argument = (self._enum(field.enum_type),)
        elif field.message_type is not None:
            if field.message_type.GetOptions().map_entry:
                kind = _MAP
            argument = (self._message(field.message_type),)
        flags = _HAS_PRESENCE * field.has_presence + _IS_REPEATED * field.is_repeated
        yield from (field.number, kind, *argument, flags, oneof, *self.program.name(f",{json.dumps(field.name)}:"))

    def _enum(self, enum: EnumDescriptor) -> int:
        if enum.full_name == "google.protobuf.NullValue":
            raise _NotNative
        return self._once(enum.full_name, self._enums, lambda: self._words_of_enum(enum))

    def _words_of_enum(self, enum: EnumDescriptor) -> Iterator[int]:
        names = {number: value.name for number, value in enum.values_by_number.items()}
        yield from (int(enum.is_closed), len(names))
        for number in sorted(names):
            yield from (number % (1 << 32), *self.program.name(json.dumps(names[number])))
