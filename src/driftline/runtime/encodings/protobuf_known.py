"""Files that every Protobuf schema may import without a registry holding them: Google's, and Confluent's decimal."""

from __future__ import annotations

import importlib
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto

_NAMES: Final = "any api descriptor duration empty field_mask source_context struct timestamp type wrappers"
_GOOGLE: Final = {f"google/protobuf/{name}.proto": f"google.protobuf.{name}_pb2" for name in _NAMES.split(" ")}


def google_file(name: str) -> FileDescriptorProto | None:
    """Return one of the files that come with Protobuf itself; None for another."""
    module = _GOOGLE.get(name)
    if module is None:
        return None
    file = FileDescriptorProto()
    importlib.import_module(module).DESCRIPTOR.CopyToProto(file)
    return file


_HEAD: Final = 'syntax = "proto3"; package google.type; '
_DATE: Final = "int32 year = 1; int32 month = 2; int32 day = 3;"

KNOWN_FILES: Final = {
    "google/type/date.proto": f"{_HEAD} message Date {{ {_DATE} }}",
    "google/type/timeofday.proto": (
        f"{_HEAD} message TimeOfDay {{ int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }}"
    ),
    "google/type/money.proto": (
        f"{_HEAD} message Money {{ string currency_code = 1; int64 units = 2; int32 nanos = 3; }}"
    ),
    "google/type/latlng.proto": f"{_HEAD} message LatLng {{ double latitude = 1; double longitude = 2; }}",
    "google/type/decimal.proto": f"{_HEAD} message Decimal {{ string value = 1; }}",
    "confluent/type/decimal.proto": (
        'syntax = "proto3"; package confluent.type; '
        "message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"
    ),
}
"""Text of files that registries take for granted, as far as it says how values are written."""
