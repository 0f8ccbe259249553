"""Protobuf messages made at run time, with the types of .proto texts as protoc compiles them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc_tools
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

ProtoMessage = Any
"""A message, or the class of messages, whose fields are known at run time."""

GOOGLE = Path(grpc_tools.__file__).parent / "_proto"


def descriptor_set(folder: Path, files: dict[str, str], *names: str) -> bytes:
    """Return what ``protoc --descriptor_set_out --include_imports`` writes for some of the files."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    out = folder / "out.desc"
    options = [f"-I{folder}", f"-I{GOOGLE}", f"--descriptor_set_out={out}", "--include_imports"]
    assert protoc.main(["protoc", *options, *names]) == 0
    return out.read_bytes()


def message_classes(data: bytes) -> dict[str, ProtoMessage]:
    """Return the classes of all message types of a descriptor set, by full name."""
    pool = descriptor_pool.DescriptorPool()
    classes = {}
    for file in FileDescriptorSet.FromString(data).file:
        pool.AddSerializedFile(file.SerializeToString())
        described = pool.FindFileByName(file.name)
        for name in described.message_types_by_name:
            descriptor = described.message_types_by_name[name]
            classes[descriptor.full_name] = message_factory.GetMessageClass(descriptor)
            for nested in descriptor.nested_types:
                classes[nested.full_name] = message_factory.GetMessageClass(nested)
    return classes
