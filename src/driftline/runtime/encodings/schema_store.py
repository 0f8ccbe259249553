"""The schemas of a registry, as readers of values; each is fetched and compiled once."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol

from driftline.runtime.encodings.framing import BEFORE_PAYLOAD
from driftline.runtime.encodings.schema_problems import SchemaError, UnknownSchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.native.transcoder import Transcoder
    from driftline.runtime.encodings.registry_client import RegisteredSchema, RegistryClient

UNKNOWN_FOR_S: Final = 60.0
"""Time for which the registry is not asked again for what it did not have: it may be registered later."""


class PayloadReader(Protocol):
    """Reads what is behind a framing, to a document or, where that is JSON, to bytes.

    ``message`` is Protobuf's message type as :class:`~driftline.runtime.encodings.framing.Framed` gives it.
    """

    def __call__(self, payload: bytes, message: bytes | str | None = BEFORE_PAYLOAD, /) -> object:
        """Return the document, or JSON."""

    def transcoder(self, payload: bytes) -> tuple[Transcoder, bytes] | None:
        """Return what writes payloads like this one as JSON, and what they begin with; None where nothing does."""


class SchemaStore:
    """Reads framed values with their schemas.

    Parameters
    ----------
    client : RegistryClient
    n_kept : int
        Schemas that are kept; beyond, those that were not used for longest are fetched again when they come.
    clock : callable, optional
        Returns seconds that never go back.

    Notes
    -----
    State: a compiled reader for each schema, some ten kilobytes each.
    """

    def __init__(self, client: RegistryClient, n_kept: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self._n_kept = n_kept
        self._clock = clock
        self._readers: OrderedDict[str, PayloadReader] = OrderedDict()
        self._problems: OrderedDict[str, tuple[SchemaError, float]] = OrderedDict()

    def reader(self, schema: str) -> PayloadReader:
        """Return what reads values of a schema: to a document, or to bytes for JSON.

        Parameters
        ----------
        schema : str
            Its path in the registry.

        Raises
        ------
        SchemaError
            When the registry does not have it, or it cannot be used.
        RegistryUnavailableError
            When it is not known yet and the registry does not answer.
        """
        reader = self._readers.get(schema)
        if reader is not None:
            self._readers.move_to_end(schema)
            return reader
        known = self._problems.get(schema)
        if known is not None and self._clock() < known[1]:
            raise known[0]
        try:
            reader = self._compile(schema)
        except SchemaError as error:
            forget_s = self._clock() + UNKNOWN_FOR_S
            self._problems[schema] = (error, forget_s)
            _shorten(self._problems, self._n_kept)
            raise
        self._readers[schema] = reader
        _shorten(self._readers, self._n_kept)
        return reader

    def _compile(self, path: str) -> PayloadReader:
        schema = self.client.fetch(path)
        if schema.kind == "JSON":
            return _JsonValues()
        if schema.kind == "AVRO":
            from driftline.runtime.encodings.avro_values import AvroValues  # noqa: PLC0415  # for who needs it

            return AvroValues(schema.text, self._references(schema).values())
        if schema.kind == "PROTOBUF":
            from driftline.runtime.encodings.protobuf_schema import from_registry  # noqa: PLC0415  # for who needs it
            from driftline.runtime.encodings.protobuf_values import ProtobufValues  # noqa: PLC0415  # as above

            return ProtobufValues(from_registry(schema.text, self._references(schema)))
        raise SchemaError(f"Expected a schema of the type AVRO, PROTOBUF or JSON, got `{schema.kind}`")

    def _references(self, schema: RegisteredSchema) -> dict[str, str]:
        """Return the texts of all schemas that a schema uses by name, those that others use before these."""
        texts: dict[str, str] = {}
        visited: set[str] = set()

        def collect(of: RegisteredSchema) -> None:
            for reference in of.references or ():
                if reference.path in visited:
                    continue
                visited.add(reference.path)
                try:
                    used = self.client.fetch(reference.path)
                except UnknownSchemaError as error:
                    raise SchemaError(f"it refers to `{reference.name}`, and {error}") from error
                collect(used)
                texts[reference.name] = used.text

        collect(schema)
        return texts


class _JsonValues:
    """Reads framed JSON: as it is."""

    def __call__(self, payload: bytes, _message: bytes | str | None = BEFORE_PAYLOAD, /) -> object:
        return payload

    def transcoder(self, payload: bytes) -> None:
        """Return None: JSON is only cut out."""


def _shorten(entries: OrderedDict[str, Any], n_kept: int) -> None:
    while len(entries) > n_kept:
        entries.popitem(last=False)
