"""What bytes that are no JSON look like, and what their reader can do about it."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_ID: Final = 1 << 24
"""Ids of a schema registry count from 1; four bytes that say more than this are no id."""
_LOOKED_AT: Final = 512
"""Bytes at the start of a value that are looked at."""
_FRAMED: Final = 5
"""Bytes before the message of a registry's client: a zero, and the schema's id in four."""
_UTF16_MIN: Final = 4
_BASE64_MIN: Final = 16
_MIN_CELLS: Final = 2

_COMPRESSED: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard (zstd)"),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (b"\x82SNAPPY\x00", "Snappy"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
_CONTAINERS: Final = (
    (b"Obj\x01", "an Avro container file (`Obj`, 1), one file with its schema in each record"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xac\xed\x00\x05", "a serialized Java object"),
    (b"\x80\x04\x95", "a pickled Python object"),
    (b"\x80\x05\x95", "a pickled Python object"),
)
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_SEPARATORS: Final = {b",": "commas", b";": "semicolons", b"\t": "tabs", b"|": "bars"}
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
"""Wire types of Protobuf: what follows a field's tag."""
_FIRST_TAG: Final = 8
"""Field numbers of Protobuf begin with 1, in the bits above the wire type's three."""
_MORE_BYTES: Final = 128
"""The highest bit of a byte of a Protobuf integer: another one follows."""
_FIRST_PRINTABLE: Final = 32
_CUT_CHARACTER: Final = 3
"""Bytes at the end of the look that may belong to a character it cuts."""


class _MapEncoding(NamedTuple):
    """First bytes of a binary encoding's maps, and of the text that is a map's first key."""

    small: range
    """Of a map that says its own length."""
    widths: dict[int, int]
    """Of a map whose length stands behind: how many bytes that has."""
    text: tuple[range, range]

    def begins(self, value: bytes) -> bool:
        """Whether a value begins with a map whose first key is text."""
        width = 0 if value[0] in self.small else self.widths.get(value[0], -1)
        key = value[1 + width : 2 + width] if width >= 0 else b""
        return bool(key) and any(key[0] in each for each in self.text)


_MAPS: Final = {
    "MessagePack": _MapEncoding(range(0x81, 0x90), {0xDE: 2, 0xDF: 4}, (range(0xA1, 0xC0), range(0xD9, 0xDC))),
    "CBOR": _MapEncoding(
        range(0xA1, 0xB8), {0xB8: 1, 0xB9: 2, 0xBA: 4, 0xBF: 0}, (range(0x61, 0x78), range(0x78, 0x7C))
    ),
}

_AS_JSON: Final = "Let the producer, or a connector, write JSON to a topic that driftline reads"
_REGISTRY: Final = (
    "Set the registry's address in the configuration (`schema_registry: {url: ...}`), and the records are read as they "
    "are"
)

_PRINTED: Final = (
    (re.compile(rb"<(\?xml|!DOCTYPE|[A-Za-z_][\w:.-]*[\s>/])"), "XML", _AS_JSON),
    (
        re.compile(rb"\{u?'"),
        "a Python dictionary as text",
        "Let the producer encode it with `json.dumps`, not with `str`",
    ),
    (re.compile(rb"b['\"]"), "Python bytes as text", "Let the producer send the bytes themselves, not `str` of them"),
    (re.compile(rb"Struct\{"), "a Kafka Connect struct as text", "Let the connector use its JsonConverter"),
)


def smell(value: bytes) -> str | None:
    """Return what a record's value that is no JSON seems to be and what to do about it, in one or two sentences.

    It is a guess by the first bytes, for the message of a dead letter: nothing is decoded by it. None where the bytes
    look like nothing known.

    Parameters
    ----------
    value : bytes
        The whole value.

    Notes
    -----
    *Cost*: a look at the first 512 bytes; called for refused records alone.

    Examples
    --------
    >>> print(smell(bytes([0, 0, 0, 0, 7, 2, 8]) + b"p-17"))  # doctest: +ELLIPSIS
    It looks like a record of Confluent's Schema Registry: a zero byte, schema id 7, then Avro. Set ...
    >>> smell(b'{"a": 1}') is None
    True
    """
    head = value[:_LOOKED_AT]
    return _framed(value) or _by_magic(head) or _utf16(head) or _text(head) or _binary(value)


def _says(what: str, advice: str) -> str:
    return f"It looks like {what}. {advice}"


def _framed(value: bytes) -> str | None:
    """Name the registry's framing, and what is behind it."""
    if len(value) <= _FRAMED or value[0] != 0:
        return None
    number = int.from_bytes(value[1:_FRAMED], "big")
    if not 0 < number < MAX_ID:
        return None
    behind = _payload(value[_FRAMED:])
    return _says(
        f"a record of Confluent's Schema Registry: a zero byte, schema id {number}, then {behind}",
        "If the serializer can leave its frame out, plain JSON is read as it is" if behind == "JSON" else _REGISTRY,
    )


def _payload(payload: bytes) -> str:
    """Return which of the registry's three kinds of schema a message is most likely of."""
    if payload.lstrip()[:1] in {b"{", b"["}:
        return "JSON"
    if payload[0] == 0 and len(payload) > 1 and _is_protobuf(payload[1:]):
        return "Protobuf"  # a zero here stands for the first message of the schema
    return "Avro"


def _by_magic(head: bytes) -> str | None:
    for magic, name in _COMPRESSED:
        if head.startswith(magic):
            return _says(
                f"a value that the producer's own code compressed with {name}",
                "Let it send the value as it is and set `compression.type` of the producer: Kafka's clients then "
                "compress whole batches, and readers do not notice",
            )
    for magic, name in _CONTAINERS:
        if head.startswith(magic):
            return _says(name, _AS_JSON)
    return None


def _utf16(head: bytes) -> str | None:
    """Name text of two bytes a character: by its mark, or by the zeros between ASCII characters."""
    pairs = head[: len(head) & ~1]
    zeros = (pairs[::2].count(0), pairs[1::2].count(0))
    half = len(pairs) // 2
    alternates = len(pairs) >= _UTF16_MIN and min(zeros) == 0 and max(zeros) >= 0.9 * half
    if head.startswith(_UTF16) or alternates:
        return _says("text in UTF-16", "JSON is UTF-8: let the producer encode it so")
    return None


def _text(head: bytes) -> str | None:
    """Name text that is no JSON: XML, base64, a line of a table, what other languages print of an object."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - _CUT_CHARACTER:
            return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for begins, what, advice in _PRINTED:
        if begins.match(start):
            return _says(what, advice)
    is_json = start[:1] in {b"{", b"[", b'"', b""}
    return None if is_json or not _printable(start) else _base64(head.strip()) or _table(start.splitlines()[0])


def _base64(text: bytes) -> str | None:
    if len(text) < _BASE64_MIN or len(text) % 4 or _BASE64.fullmatch(text) is None:
        return None
    return _says("base64", "If what it encodes is JSON, let the producer send those bytes themselves")


def _table(line: bytes) -> str | None:
    for separator, name in _SEPARATORS.items():
        if line.count(separator) >= _MIN_CELLS:
            advice = "A record is one JSON object: let the producer, or a connector, write the cells with their names"
            return _says(f"a line of a table, its cells separated by {name}", advice)
    return None


def _printable(text: bytes) -> bool:
    return all(byte >= _FIRST_PRINTABLE or byte in b"\t\r\n" for byte in text)


def _binary(value: bytes) -> str | None:
    """Name binary encodings that have no magic: their first byte says what a map or a message begins with."""
    if not value or (_printable(value[:_LOOKED_AT]) and value.isascii()):
        return None
    for name, encoding in _MAPS.items():
        if encoding.begins(value):
            return _says(name, _AS_JSON)
    if _is_protobuf(value):
        return _says("a Protobuf message without a frame", _AS_JSON)
    return None


def _is_protobuf(value: bytes) -> bool:
    """Whether bytes are a sequence of at least two Protobuf fields, to their end."""
    place = n_fields = 0
    while place < len(value):
        tag, place = _varint(value, place)
        wire = tag & 7
        if tag < _FIRST_TAG or place < 0:
            return False
        if wire == _VARINT:
            _, place = _varint(value, place)
        elif wire == _BYTES:
            length, place = _varint(value, place)
            place = place + length if place >= 0 else -1
        elif wire in {_EIGHT_BYTES, _FOUR_BYTES}:
            place += 8 if wire == _EIGHT_BYTES else 4
        else:
            return False
        if not 0 <= place <= len(value):
            return False
        n_fields += 1
    return n_fields > 1


def _varint(value: bytes, place: int) -> tuple[int, int]:
    """Return a Protobuf integer and the place behind it; the place is -1 where there is none."""
    number = 0
    for shift, byte in enumerate(value[place : place + 10]):
        number |= (byte & ~_MORE_BYTES) << 7 * shift
        if byte < _MORE_BYTES:
            return number, place + shift + 1
    return 0, -1
