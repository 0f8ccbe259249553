"""Turns the values of one topic's records into documents, or leaves them where they are plain JSON."""

from __future__ import annotations

from contextlib import suppress
from itertools import groupby, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from driftline.events.dead_letter import UNKNOWN_SCHEMA, UNUSABLE_SCHEMA, WRONG_ENCODING
from driftline.events.documents import documents_of
from driftline.events.record_batch import Unreadable
from driftline.runtime.encodings.schema_problems import UNREADABLE, EncodingError, SchemaError, UnknownSchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from driftline.events.record_batch import RecordBatch

    Read = Callable[[bytes, Mapping[str, bytes]], object]
    Schemas = Callable[[Sequence[bytes | None], Sequence[Mapping[str, bytes]] | None], list[str | None]]
    Texts = Callable[[Sequence[bytes | None], Sequence[Mapping[str, bytes]] | None], list[bytes] | None]
    ReadAll = Callable[[Sequence[bytes | None], Sequence[Mapping[str, bytes]] | None], list[object]]

_FIRST: Final = itemgetter(0)
_JSON_ALONE: Final = {bytes}
_CUTS_PER: Final = 50
"""Records of a batch for each that may be read in another way than the others: where documents would take as long."""
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
    texts : callable, optional
        From values and perhaps their headers to JSON for each, with empty bytes for those that ``read`` has to look at;
        None where it has to look at all.
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
        texts: Texts | None = None,
        read_all: ReadAll | None = None,
        schemas: Schemas | None = None,
        *,
        by_headers: bool = False,
        by_headers_unless_json: bool = False,
        plain_json: bool = False,
    ) -> None:
        self._read = read
        self._texts = texts
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
        if set(map(type, results)) == _JSON_ALONE:
            return [batch._replace(values=results, raw_values=batch.values, schemas=self._schemas_of(batch))]
        parts = []
        start = 0
        for is_json, run in groupby(results, _is_json):
            end = start + sum(1 for _ in run)
            part = batch.part(slice(start, end))
            part = part._replace(schemas=self._schemas_of(part))
            if is_json:
                values: list[bytes | None] = results[start:end]
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
        if self._plain_json and part.headers is not None and _may_be_objects(part.values):  # JSON has no id before it
            pairs = zip(names, part.values, strict=True)
            names = [None if value and value[0] == BRACE else name for name, value in pairs]
        return names if any(names) else None

    def _results(self, batch: RecordBatch) -> list[Any]:
        texts = None if self._texts is None else self._texts(batch.values, batch.headers)
        if texts is not None:
            return self._completed(texts, batch)
        if self._read_all is not None:
            with suppress(LookupError, TypeError, SchemaError, *UNREADABLE):
                return self._read_all(batch.values, batch.headers)
        headers = repeat(_NO_HEADERS) if batch.headers is None else batch.headers
        return [*map(self._one, batch.values, headers)]

    def _completed(self, texts: list[Any], batch: RecordBatch) -> list[Any]:
        """Return what ``texts`` hold, and what was left of them one by one.

        Where more than a few of these are not JSON, all become documents: a batch is cut where the encoding changes.
        """
        if all(texts):
            return texts
        headers = repeat(_NO_HEADERS) if batch.headers is None else batch.headers
        results = [
            text or self._one(value, each) for text, value, each in zip(texts, batch.values, headers, strict=False)
        ]
        n_documents = len(results) - sum(map(_is_json, results))
        if n_documents * _CUTS_PER <= len(results):
            return results
        documents, _ = documents_of([text or b"null" for text in texts])
        return [document if text else result for document, text, result in zip(documents, texts, results, strict=True)]

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
    if not values or not values[0] or values[0][0] != BRACE:
        return False
    try:
        return set(map(_FIRST, values)) == {BRACE}  # type: ignore[arg-type]  # None raises TypeError
    except (TypeError, IndexError):
        return False


def _may_be_objects(values: Sequence[bytes | None]) -> bool:
    """Whether a value may begin with a brace."""
    try:
        return BRACE in set(map(_FIRST, values))  # type: ignore[arg-type]  # None raises TypeError
    except (TypeError, IndexError):
        return True


def _is_json(result: object) -> bool:
    return result is None or type(result) is bytes
