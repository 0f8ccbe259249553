"""Reads Avro values of one schema: one by one in Python, and many together with the native library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.native.transcoder import transcoder
from driftline.runtime.encodings.avro_program import avro_program
from driftline.runtime.encodings.avro_reader import compile_reader, fingerprint, parse
from driftline.runtime.encodings.framing import BEFORE_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.native.transcoder import Transcoder


class AvroValues:
    """Reads the values of one schema.

    Parameters
    ----------
    text : str
        The schema.
    references : iterable of str
        Schemas of types that it uses and does not define, those that others use before these.

    Raises
    ------
    SchemaError
        When it is no schema, or uses what there is no reader for.
    """

    def __init__(self, text: str, references: Iterable[str] = ()) -> None:
        self.schema, named = parse(text, references)
        self.read = compile_reader(self.schema, named)
        """From the bytes of a value to a document; raises one of ``UNREADABLE`` for others."""
        self.many = transcoder(avro_program(self.schema, named))
        """Writes values as JSON; None where it cannot."""

    def __call__(self, payload: bytes, _message: bytes | str | None = BEFORE_PAYLOAD, /) -> object:
        """Return the document of a value."""
        return self.read(payload)

    def transcoder(self, _payload: bytes) -> tuple[Transcoder, bytes] | None:
        """Return what writes values as JSON, and that nothing stands before them; None where nothing does."""
        return None if self.many is None else (self.many, b"")

    @property
    def fingerprint(self) -> bytes:
        """The CRC-64-AVRO of the schema, as it stands in the single-object encoding."""
        return fingerprint(self.schema)
