"""Reads values that name their schema, with the schemas of a registry."""

from __future__ import annotations

from contextlib import suppress
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.runtime.encodings.framing import (
    BEFORE_PAYLOAD,
    ID,
    SCHEMA_HEADERS,
    from_headers,
    from_prefix,
    schema_name,
)
from driftline.runtime.encodings.schema_problems import EncodingError
from driftline.runtime.encodings.transcoding import transcoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.native.transcoder import Transcoder
    from driftline.runtime.encodings.schema_store import PayloadReader, SchemaStore


_FIRST: Final = itemgetter(0)
_NO_HEADERS: Final[Mapping[str, bytes]] = {}


class Taken(NamedTuple):
    """A framed value taken apart, with the reader of its schema."""

    reader: PayloadReader
    payload: bytes
    message: bytes | str | None


class FramedReader:
    """Reads values that name their schema in a header or before themselves.

    Parameters
    ----------
    store : SchemaStore
    id_bytes : int
        Length of an id before the value.
    n_kept : int
        Beginnings of values whose readers are remembered.
    """

    def __init__(self, store: SchemaStore, id_bytes: int, n_kept: int) -> None:
        self._store = store
        self._id_bytes = id_bytes
        self._head = 1 + id_bytes
        self._n_kept = n_kept
        self._by_head: dict[bytes, PayloadReader] = {}
        self._head_of = itemgetter(slice(0, self._head))

    def __call__(self, value: bytes, headers: Mapping[str, bytes]) -> object:
        """Return what a value holds that must be framed: a document, or bytes where that is JSON.

        Raises
        ------
        EncodingError
            When it names no schema.
        SchemaError
            When its schema cannot be used.
        RegistryUnavailableError
            When its schema cannot be had now.
        """
        taken = self.take(value, headers)
        if taken is None:
            raise EncodingError(
                f"Expected the schema's id before the value (0 and {self._id_bytes} bytes, or 1 and 16 bytes) or in a "
                f"header, got a value that begins with {value[:12]!r}"
            )
        return taken.reader(taken.payload, taken.message)

    def read_all(self, values: Sequence[bytes | None], headers: Sequence[Mapping[str, bytes]] | None) -> list[object]:
        """Return what values hold that all begin with ids which have come before.

        Raises
        ------
        LookupError
            When one of them does not, or its schema may be named by a header.
        TypeError
            When there is none.
        Exception
            One of ``UNREADABLE`` or a SchemaError, when one of them cannot be read.
        """
        if headers is not None and not all(map(SCHEMA_HEADERS.isdisjoint, headers)):
            raise LookupError("schemas are named by headers")
        readers, head = self._by_head, self._head
        return [readers[value[:head]](value[head:]) for value in values]  # type: ignore[index]  # None raises TypeError

    def texts(
        self, values: Sequence[bytes | None], headers: Sequence[Mapping[str, bytes]] | None
    ) -> list[bytes] | None:
        """Return values as JSON where the native library writes it; see :func:`.transcoded`.

        Values whose schemas have not come before are left, as are all whose schemas headers may name.
        """
        if headers is not None and not all(map(SCHEMA_HEADERS.isdisjoint, headers)):
            return None
        return transcoded(values, self._transcoder) if self._by_head else None

    def _transcoder(self, value: bytes) -> tuple[Transcoder, bytes] | None:
        head = value[: self._head]
        reader = self._by_head.get(head)
        found = None if reader is None else reader.transcoder(value[self._head :])
        return None if found is None else (found[0], head + found[1])

    def take(self, value: bytes, headers: Mapping[str, bytes]) -> Taken | None:
        """Return a value, which is not empty, taken apart; None where it names no schema."""
        framed = from_headers(value, headers) if headers else None
        if framed is None:
            head = value[: self._head]
            reader = self._by_head.get(head)
            if reader is not None:
                return Taken(reader, value[self._head :], BEFORE_PAYLOAD)
            framed = from_prefix(value, self._id_bytes)
            if framed is None:
                return None
            reader = self._store.reader(framed.schema)
            if len(framed.payload) + self._head == len(value):
                self._remember(head, reader)
            return Taken(reader, framed.payload, framed.message)
        return Taken(self._store.reader(framed.schema), framed.payload, framed.message)

    def schemas(
        self, values: Sequence[bytes | None], headers: Sequence[Mapping[str, bytes]] | None
    ) -> list[str | None]:
        """Return the name of the schema that each value names; None for those that name none."""
        if values and (headers is None or all(map(SCHEMA_HEADERS.isdisjoint, headers))):
            with suppress(TypeError, IndexError):  # a value is missing or empty
                heads = {*map(self._head_of, values)}  # type: ignore[arg-type]  # None raises TypeError
                if {*map(_FIRST, heads)} == {ID}:
                    if len(heads) == 1:
                        return [self._schema(heads.pop(), _NO_HEADERS)] * len(values)
                    names = {head: self._schema(head, _NO_HEADERS) for head in heads}
                    return [*map(names.__getitem__, map(self._head_of, values))]  # type: ignore[arg-type]  # as above
        return [*map(self._schema, values, repeat(_NO_HEADERS) if headers is None else headers)]

    def _schema(self, value: bytes | None, headers: Mapping[str, bytes]) -> str | None:
        if not value:
            return None
        framed = from_headers(value, headers) or from_prefix(value, self._id_bytes)
        return None if framed is None else schema_name(framed.schema)

    def _remember(self, head: bytes, reader: PayloadReader) -> None:
        """Remember the reader for values that begin with an id, of which the store need then not be asked."""
        if len(self._by_head) >= self._n_kept:
            self._by_head.clear()
        self._by_head[head] = reader
