"""Reads what :mod:`driftline.runtime.encodings.event_encoder` wrote back as JSON, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from driftline.errors import BrokerError, FormatError
from driftline.events.cloudevents import AVRO_CONTENT_TYPE
from driftline.runtime.encodings.framed_reader import FramedReader
from driftline.runtime.encodings.registry_client import RegistryClient
from driftline.runtime.encodings.schema_problems import UNREADABLE, EncodingError, RegistryUnavailableError, SchemaError
from driftline.runtime.encodings.schema_store import SchemaStore

if TYPE_CHECKING:
    from driftline.config.secrets import Credentials
    from driftline.config.settings import SchemaRegistrySettings


class EventDecoder:
    """Turns the values of events into JSON, whichever encoding they are in; each Avro value with its own schema.

    Parameters
    ----------
    registry : SchemaRegistrySettings or None
        Without one, Avro cannot be read.
    credentials : Credentials
    """

    def __init__(self, registry: SchemaRegistrySettings | None, credentials: Credentials) -> None:
        self._read: FramedReader | None = None
        if registry is not None:
            store = SchemaStore(RegistryClient(registry, credentials), registry.cache)
            self._read = FramedReader(store, registry.id_bytes, registry.cache)

    def __call__(self, value: bytes, content_type: str | None) -> bytes:
        """Return a value as JSON.

        Raises
        ------
        BrokerError
            When the schema of an Avro value cannot be had, as no registry is configured or it does not answer.
        FormatError
            When the value is not what its headers say.
        """
        if content_type != AVRO_CONTENT_TYPE:
            return value
        if self._read is None:
            raise BrokerError(
                "The events are Avro, and no schema registry is configured to read them with: add a section "
                "`schema_registry` with its `url`, and name the configuration file with `--config`"
            )
        try:
            return orjson.dumps(self._read(value, {}), option=orjson.OPT_SORT_KEYS)
        except RegistryUnavailableError as error:
            raise BrokerError(str(error)) from error
        except (SchemaError, EncodingError, *UNREADABLE) as error:
            raise FormatError(f"An event cannot be read as Avro: {error}") from error
