"""Turns the values of one topic's records into documents, or leaves them where they are plain JSON."""

from __future__ import annotations

from contextlib import suppress
from itertools import groupby, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from driftline.events.dead_letter import UNKNOWN_SCHEMA, UNUSABLE_SCHEMA, WRONG_ENCODING
from driftline.events.record_batch import Unreadable
from driftline.runtime.encodings.schema_problems import UNREADABLE, EncodingError, SchemaError, UnknownSchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from driftline.events.record_batch import RecordBatch

    Read = Callable[[bytes, Mapping[str, bytes]], object]
    Schemas = Callable[[Sequence[bytes | None], Sequence[Mapping[str, bytes]] | None], list[str | None]]
    ReadAll = Callable[[Sequence[bytes | None], Sequence[Mapping[str, bytes]] | None], list[object]]

_FIRST: Final = itemgetter(0)
BRACE: Final = ord("{")
"""The first byte of JSON objects, and of nothing that is framed by an id."""
_NO_HEADERS: Final[Mapping[str, bytes]] = {}


class TopicDeserializer:
    """Reads the values of a topic.

    Parameters
    ----------
    read : callable
        From a value that is not empty and its headers to a document, or to bytes where that is JSON. Raises
        SchemaError, EncodingError or one of ``UNREADABLE``: the record is refused.
    read_all : callable, optional
        From values and perhaps their headers to what ``read`` gives for each, but quicker; raises what ``read`` does,
        a LookupError or a TypeError where they need a closer look.
    schemas : callable, optional
        From values and perhaps their headers to the names of the schemas that they name.
    by_headers : bool
        Whether any record's headers may matter.
    by_headers_unless_json : bool
        Whether headers may matter of records that do not look like JSON.
    plain_json : bool
        Whether values that begin with a brace are JSON, whatever their headers say.
    """

    def __init__(
        self,
        read: Read,
        read_all: ReadAll | None = None,
        schemas: Schemas | None = None,
        *,
        by_headers: bool = False,
        by_headers_unless_json: bool = False,
        plain_json: bool = False,
    ) -> None:
        self._read = read
        self._read_all = read_all
        self._schemas = schemas
        self._by_headers = by_headers
        self._by_headers_unless_json = by_headers_unless_json
        self._plain_json = plain_json

    def wants_headers(self, values: Sequence[bytes | None]) -> bool:
        """Whether the headers of records with these values are needed to read them."""
        return self._by_headers or (self._by_headers_unless_json and not _all_objects(values))

    def __call__(self, batch: RecordBatch) -> list[RecordBatch]:
        """Return the records of a batch, cut where JSON and documents meet; the batch itself if it is plain JSON.

        Raises
        ------
        RegistryUnavailableError
            When a schema is needed that cannot be had now; nothing of the batch has been used.
        """
        if self._plain_json and _all_objects(batch.values):
            return [batch]
        results = self._results(batch)
        parts = []
        start = 0
        for is_json, run in groupby(results, _is_json):
            end = start + sum(1 for _ in run)
            part = batch.part(slice(start, end))
            part = part._replace(schemas=self._schemas_of(part))
            if is_json:
                values: list[bytes | None] = results[start:end]  # type: ignore[assignment]  # bytes or None all
                parts.append(part._replace(values=values, raw_values=part.values))
            else:
                parts.append(part._replace(documents=results[start:end]))
            start = end
        return parts

    def _schemas_of(self, part: RecordBatch) -> list[str | None] | None:
        """Return the schemas of records; None where none of them names one that counts."""
        if self._schemas is None or (self._plain_json and _all_objects(part.values)):
            return None
        names = self._schemas(part.values, part.headers)
        if self._plain_json:
            pairs = zip(names, part.values, strict=True)
            names = [None if value and value[0] == BRACE else name for name, value in pairs]
        return names if any(names) else None

    def _results(self, batch: RecordBatch) -> list[object]:
        if self._read_all is not None:
            with suppress(LookupError, TypeError, SchemaError, *UNREADABLE):
                return self._read_all(batch.values, batch.headers)
        headers = repeat(_NO_HEADERS) if batch.headers is None else batch.headers
        return [*map(self._one, batch.values, headers)]

    def _one(self, value: bytes | None, headers: Mapping[str, bytes]) -> object:
        if not value:
            return value
        try:
            return self._read(value, headers)
        except UnknownSchemaError as error:
            return Unreadable(UNKNOWN_SCHEMA, f"Expected a known schema, but {error}")
        except SchemaError as error:
            return Unreadable(UNUSABLE_SCHEMA, f"Expected a schema that can be used, but {error}")
        except EncodingError as error:
            return Unreadable(WRONG_ENCODING, str(error))
        except UNREADABLE as error:
            return Unreadable(WRONG_ENCODING, f"Expected a value of its schema, got other bytes: {error}")


def _all_objects(values: Sequence[bytes | None]) -> bool:
    """Whether every value begins with a brace."""
    try:
        return set(map(_FIRST, values)) == {BRACE}  # type: ignore[arg-type]  # None raises TypeError
    except (TypeError, IndexError):
        return False


def _is_json(result: object) -> bool:
    return result is None or type(result) is bytes
