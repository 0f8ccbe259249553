"""Protobuf schemas: descriptor files, and what a registry holds, as types that values are read with."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from driftline.native.transcoder import transcoder
from driftline.runtime.encodings.proto_text import compile_proto
from driftline.runtime.encodings.protobuf_known import KNOWN_FILES, google_file
from driftline.runtime.encodings.protobuf_program import protobuf_program
from driftline.runtime.encodings.protobuf_reader import message_reader
from driftline.runtime.encodings.schema_problems import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pb2 import DescriptorProto

    from driftline.native.transcoder import Transcoder

ROOT: Final = "schema.proto"
"""Name of the file that a registry's schema is, which has none of its own."""


class ProtobufSchema:
    """The message types of one file; gives the reader of each.

    Parameters
    ----------
    files : sequence of FileDescriptorProto
        The file itself first, then what it imports, in any order. Google's own files may be left out.

    Raises
    ------
    SchemaError
        When they do not fit together.
    """

    def __init__(self, files: Sequence[FileDescriptorProto]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        try:
            _add(self._pool, files)
        except (TypeError, ValueError, KeyError) as error:
            raise SchemaError(f"its types do not fit together: {error}") from error
        self._file = files[0]
        self._readers: dict[str, Callable[[bytes], object]] = {}
        self._transcoders: dict[str, Transcoder | None] = {}
        self.names = {_full(files[0].package, message.name): message for message in files[0].message_type}
        """The outermost message types, by full name."""
        self.short_names = {message.name: name for name, message in self.names.items()}
        """Their full names by those without the package."""

    def reader(self, name: str) -> Callable[[bytes], object]:
        """Return the function from bytes to a document for a message type, by its full name.

        Raises
        ------
        SchemaError
            When there is no such type.
        """
        if name not in self._readers:
            descriptor = self._descriptor(name)
            parse = message_factory.GetMessageClass(descriptor).FromString
            self._readers[name] = _composed(message_reader(descriptor), parse)
        return self._readers[name]

    def transcoder(self, name: str) -> Transcoder | None:
        """Return what writes many messages of a type as JSON; None where that has to be done one by one.

        Raises
        ------
        SchemaError
            When there is no such type.
        """
        if name not in self._transcoders:
            self._transcoders[name] = transcoder(protobuf_program(self._descriptor(name)))
        return self._transcoders[name]

    def _descriptor(self, name: str) -> Descriptor:
        try:
            return self._pool.FindMessageTypeByName(name)
        except KeyError:
            known = ", ".join(f"`{each}`" for each in self.names) or "none"
            raise SchemaError(f"it has no message type `{name}`; it has {known}") from None

    def at(self, indexes: Sequence[int]) -> Callable[[bytes], object]:
        """Return the reader of the message type at a position in the file, outermost first.

        Raises
        ------
        SchemaError
            When there is no such type.
        """
        return self.reader(self.name_at(indexes))

    def name_at(self, indexes: Sequence[int]) -> str:
        """Return the full name of the message type at a position in the file, outermost first.

        Raises
        ------
        SchemaError
            When there is no such type.
        """
        name, types = self._file.package, self._file.message_type
        for index in indexes:
            if not 0 <= index < len(types):
                raise SchemaError(f"it has no message type at the position {list(indexes)}")
            message: DescriptorProto = types[index]
            name, types = _full(name, message.name), message.nested_type
        return name


def _composed(read: Callable[..., object], parse: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def document(value: bytes) -> object:
        try:
            return read(parse(value))
        except DecodeError as error:
            raise ValueError(str(error) or "no such message") from error

    return document


def _full(package: str, name: str) -> str:
    return f"{package}.{name}" if package else name


def from_registry(text: str, references: Mapping[str, str]) -> ProtobufSchema:
    """Return the schema that a registry holds as text, or as base64 of a serialized descriptor.

    Parameters
    ----------
    text : str
    references : mapping of str to str
        The files that it imports, also indirectly, by the name that they are imported by.

    Raises
    ------
    SchemaError
        When one of the files is no .proto file, or they do not fit together.
    """
    return ProtobufSchema([_file(text, ROOT), *(_file(each, name) for name, each in references.items())])


def _file(text: str, name: str) -> FileDescriptorProto:
    try:
        data = base64.b64decode(text.strip(), validate=True)
        file = FileDescriptorProto.FromString(data)
    except (binascii.Error, ValueError, DecodeError):
        return compile_proto(text, name)
    file.name = name
    return file


def from_descriptor_file(data: bytes, message: str) -> ProtobufSchema:
    """Return the schema of a message type from what ``protoc --descriptor_set_out`` wrote.

    Raises
    ------
    SchemaError
        When the bytes are none, lack an import, or do not have the message type.
    """
    try:
        files = list(FileDescriptorSet.FromString(data).file)
    except DecodeError as error:
        raise SchemaError(f"it is no descriptor set: {error}") from error
    if not files:
        raise SchemaError("it is an empty descriptor set")
    files.sort(key=lambda file: not message.startswith(f"{file.package}." if file.package else ""))
    schema = ProtobufSchema(files)
    schema.reader(message)
    return schema


def _add(pool: descriptor_pool.DescriptorPool, files: Iterable[FileDescriptorProto]) -> None:
    """Add files after those that they import; an import that gives no types, as for options, may be missing."""
    by_name = {file.name: file for file in files}
    state: dict[str, bool] = {}

    def add(name: str) -> bool:
        if name in state:
            return state[name]
        state[name] = False  # a circle of imports ends here
        file = by_name.get(name) or google_file(name)
        if file is None and name in KNOWN_FILES:
            file = compile_proto(KNOWN_FILES[name], name)
        if file is None:
            return False
        copy = FileDescriptorProto()
        copy.CopyFrom(file)
        kept = [each for each in file.dependency if add(each)]
        public = {file.dependency[index] for index in file.public_dependency}
        del copy.dependency[:], copy.public_dependency[:], copy.weak_dependency[:]
        copy.dependency.extend(kept)
        copy.public_dependency.extend(index for index, each in enumerate(kept) if each in public)
        pool.AddSerializedFile(copy.SerializeToString())
        state[name] = True
        return True

    for name in by_name:
        add(name)
