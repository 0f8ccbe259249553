"""Compiles the text of a .proto file to its descriptor, as far as values depend on it.

A registry stores the text, and ``protoc``, which would compile it, is not there at run time. Options that say nothing
about how values are written, services and extensions are passed over. Names of types stay as they are written: the
descriptor pool resolves them.

*Source*: the language specifications of proto2, proto3 and editions 2023 and 2024.

*Oracle*: ``protoc`` of grpcio-tools, which a test holds the descriptors against.
"""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import Edition, FileDescriptorProto

from driftline.runtime.encodings.proto_tokens import Token, Tokens
from driftline.runtime.encodings.proto_types import TypeCompiler
from driftline.runtime.encodings.schema_problems import SchemaError


def compile_proto(text: str, name: str) -> FileDescriptorProto:
    """Return the descriptor of a .proto file; ``name`` is what others import it by.

    Raises
    ------
    SchemaError
        When the text is no .proto file; says where.
    """
    try:
        return _FileCompiler(Tokens(text), name).file
    except RecursionError as error:
        raise SchemaError("its messages are nested too deeply") from error
    except (ValueError, KeyError) as error:  # a number or the name of a feature that Protobuf does not have
        raise SchemaError(f"it is no .proto file: {error}") from error


class _FileCompiler:
    """Reads the statements of a file; syntax or edition are the first of them."""

    def __init__(self, tokens: Tokens, name: str) -> None:
        self._tokens = tokens
        self.file = FileDescriptorProto(name=name)
        self._types = TypeCompiler(tokens, proto3=False)
        while tokens.next.kind != "end":
            self._statement(tokens.take())

    def _statement(self, word: Token) -> None:
        tokens, file = self._tokens, self.file
        if word.text in {"export", "local"}:
            word = tokens.take()
        match word.text:
            case "message":
                self._types.message(file.message_type.add())
            case "enum":
                self._types.enum(file.enum_type.add())
            case "extend" | "service":
                tokens.name()
                tokens.expect("{")
                tokens.skip_past("}")
            case "import":
                self._import()
            case "package":
                file.package = tokens.name()
                tokens.expect(";")
            case "option":
                self._types.option(file.options)
                tokens.expect(";")
            case "syntax" | "edition":
                tokens.expect("=")
                self._language(word)
                tokens.expect(";")
            case ";":
                return
            case _:
                raise tokens.problem("`message`, `enum` or another statement", word)

    def _import(self) -> None:
        tokens, file = self._tokens, self.file
        if tokens.accept("option"):  # what only options of this file are made of
            tokens.skip_past(";")
            return
        if tokens.accept("public"):
            file.public_dependency.append(len(file.dependency))
        tokens.accept("weak")
        file.dependency.append(tokens.text())
        tokens.expect(";")

    def _language(self, word: Token) -> None:
        text = self._tokens.text()
        if word.text == "syntax":
            if text != "proto2":  # the descriptor's default
                self.file.syntax = text
            self._types = TypeCompiler(self._tokens, proto3=text == "proto3")
        else:
            known = Edition.DESCRIPTOR.values_by_name.get(f"EDITION_{text}")
            if known is None:
                raise self._tokens.problem("an edition that this version of Protobuf knows", word._replace(text=text))
            self.file.syntax = "editions"
            self.file.edition = Edition.Value(known.name)
