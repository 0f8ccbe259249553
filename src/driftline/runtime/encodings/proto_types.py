"""Compiles the messages and enums of a .proto file to their descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor_pb2 import EnumDescriptorProto

    from driftline.runtime.encodings.proto_tokens import Tokens

_SCALARS: Final = {
    name: FieldDescriptorProto.Type.Value(f"TYPE_{name.upper()}")
    for name in [
        "double",
        "float",
        "int64",
        "uint64",
        "int32",
        "fixed64",
        "fixed32",
        "bool",
        "string",
        "bytes",
        "uint32",
        "sfixed32",
        "sfixed64",
        "sint32",
        "sint64",
    ]
}
_LABELS: Final = {
    name: FieldDescriptorProto.Label.Value(f"LABEL_{name.upper()}") for name in ("optional", "required", "repeated")
}
_FEATURES: Final = ("field_presence", "enum_type", "repeated_field_encoding", "utf8_validation", "message_encoding")


class TypeCompiler:
    """Reads messages, enums and options from tokens.

    Parameters
    ----------
    tokens : Tokens
    proto3 : bool
        Whether the file's syntax is proto3, in which ``optional`` says that a field can be absent.
    """

    def __init__(self, tokens: Tokens, *, proto3: bool) -> None:
        self._tokens = tokens
        self._proto3 = proto3

    # --- messages -----------------------------------------------------------------------------------------------------

    def message(self, message: DescriptorProto) -> None:
        """Read a message behind its keyword."""
        message.name = self._tokens.word()
        self._body(message)

    def _body(self, message: DescriptorProto) -> None:
        tokens = self._tokens
        tokens.expect("{")
        while not tokens.accept("}"):
            self._element(message)
        _synthetic_oneofs(message)

    def _element(self, message: DescriptorProto) -> None:
        """Read one element of a message; a keyword may also be the name of a field's type."""
        tokens = self._tokens
        word = tokens.next.text
        if word in {"export", "local"} and tokens.follows("message", "enum"):
            tokens.take()
            word = tokens.next.text
        if word == ";":
            tokens.take()
        elif word in {"message", "enum", "oneof"} and tokens.opens_block():
            tokens.take()
            if word == "message":
                self.message(message.nested_type.add())
            elif word == "enum":
                self.enum(message.enum_type.add())
            else:
                self._oneof(message)
        elif word == "option":
            tokens.take()
            self.option(message.options)
            tokens.expect(";")
        elif word in {"reserved", "extensions"}:
            tokens.skip_past(";")
        elif word == "extend":
            tokens.take()
            tokens.name()
            tokens.expect("{")
            tokens.skip_past("}")
        else:
            self._field(message, None)

    def _oneof(self, message: DescriptorProto) -> None:
        tokens = self._tokens
        index = len(message.oneof_decl)
        message.oneof_decl.add(name=tokens.word())
        tokens.expect("{")
        while not tokens.accept("}"):
            if tokens.accept("option"):
                tokens.skip_past(";")
            elif not tokens.accept(";"):
                self._field(message, index)

    def _field(self, message: DescriptorProto, oneof: int | None) -> None:
        tokens = self._tokens
        label = None
        if tokens.next.text in _LABELS:
            label = tokens.take().text
        if tokens.accept("map", "<"):
            self._map(message)
            return
        field = FieldDescriptorProto(label=_LABELS[label or "optional"])
        if oneof is not None:
            field.oneof_index = oneof
        field.proto3_optional = label == "optional" and self._proto3
        type_ = tokens.name()
        if type_ == "group":
            self._group(message, field)
        else:
            if type_ in _SCALARS:
                field.type = _SCALARS[type_]
            else:
                field.type_name = type_
            field.name = tokens.word()
            self._number_and_options(field)
            tokens.expect(";")
        if not field.proto3_optional:
            field.ClearField("proto3_optional")
        message.field.append(field)

    def _group(self, message: DescriptorProto, field: FieldDescriptorProto) -> None:
        """Read a field and its message type in one, whose names differ in case."""
        nested = message.nested_type.add(name=self._tokens.word())
        field.name = nested.name.lower()
        field.type = FieldDescriptorProto.TYPE_GROUP
        field.type_name = nested.name
        self._number_and_options(field)
        self._body(nested)

    def _map(self, message: DescriptorProto) -> None:
        """Read a map: on the wire, and in the descriptor, a repeated message of key and value."""
        tokens = self._tokens
        key_type = tokens.word()
        tokens.expect(",")
        value_type = tokens.name()
        tokens.expect(">")
        name = tokens.word()
        entry = message.nested_type.add(name="".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        for number, (each, type_) in enumerate((("key", key_type), ("value", value_type)), start=1):
            field = entry.field.add(name=each, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            if type_ in _SCALARS:
                field.type = _SCALARS[type_]
            else:
                field.type_name = type_
        field = FieldDescriptorProto(name=name, label=FieldDescriptorProto.LABEL_REPEATED, type_name=entry.name)
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        self._number_and_options(field)
        tokens.expect(";")
        message.field.append(field)

    def _number_and_options(self, field: FieldDescriptorProto) -> None:
        tokens = self._tokens
        tokens.expect("=")
        field.number = tokens.integer()
        if tokens.accept("["):
            while True:
                self.option(field.options)
                if tokens.accept("]"):
                    return
                tokens.expect(",")

    # --- enums and options --------------------------------------------------------------------------------------------

    def enum(self, enum: EnumDescriptorProto) -> None:
        """Read an enum behind its keyword."""
        tokens = self._tokens
        enum.name = tokens.word()
        tokens.expect("{")
        while not tokens.accept("}"):
            if tokens.accept("option"):
                self.option(enum.options)
                tokens.expect(";")
            elif tokens.next.text == "reserved" and not tokens.follows("="):
                tokens.skip_past(";")
            elif not tokens.accept(";"):
                value = enum.value.add(name=tokens.word())
                tokens.expect("=")
                value.number = tokens.integer()
                if tokens.accept("["):
                    tokens.skip_past("]")
                tokens.expect(";")

    def option(self, options: Any) -> None:  # noqa: ANN401  # options of a file, a message, a field or an enum
        """Read one option and keep it if the form of values depends on it."""
        tokens = self._tokens
        name = "".join(self._option_name())
        tokens.expect("=")
        value = self._option_value()
        if name in {"packed", "allow_alias", "message_set_wire_format"} and value in {"true", "false"}:
            setattr(options, name, value == "true")
        elif name.startswith("features.") and name.removeprefix("features.") in _FEATURES:
            feature = name.removeprefix("features.")
            number = options.features.DESCRIPTOR.fields_by_name[feature].enum_type.values_by_name[value].number
            setattr(options.features, feature, number)

    def _option_name(self) -> Iterator[str]:
        tokens = self._tokens
        while True:
            if tokens.accept("("):
                yield f"({tokens.name()})"
                tokens.expect(")")
            else:
                yield tokens.word()
            if not tokens.accept("."):
                return
            yield "."

    def _option_value(self) -> str:
        tokens = self._tokens
        if tokens.accept("{"):
            tokens.skip_past("}")
            return ""
        if tokens.next.kind == "text":
            tokens.text()
            return ""
        sign = "-" if tokens.accept("-") else "+" if tokens.accept("+") else ""
        token = tokens.take()
        if token.kind not in {"word", "number"}:
            raise tokens.problem("a value", token)
        return sign + token.text


def _synthetic_oneofs(message: DescriptorProto) -> None:
    """Put every ``optional`` field of proto3 into a group of its own, as the descriptor has it, behind the others."""
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            taken = {each.name for each in message.oneof_decl} | {each.name for each in message.field}
            name = f"_{field.name}"
            while name in taken:
                name = f"X{name}"
            message.oneof_decl.add(name=name)
