"""The deserializers of the input topics, as they are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.runtime.encodings.topic_deserializer import BRACE, TopicDeserializer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.config.input_settings import LabelInput, PredictionInput
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.record_batch import RecordBatch
    from driftline.runtime.encodings.framed_reader import FramedReader
    from driftline.runtime.encodings.registry_client import RegistryClient
    from driftline.runtime.encodings.schema_files import AvroFiles
    from driftline.runtime.encodings.topic_deserializer import Read


class InputEncodings:
    """Reads the records of all input topics; those of topics with nothing but JSON are left as they are.

    Raises
    ------
    ConfigurationError
        When a file with a schema or a certificate cannot be used.
    """

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._client: RegistryClient | None = None
        framed = None
        registry = settings.schema_registry
        if registry is not None:
            from driftline.runtime.encodings.framed_reader import FramedReader  # noqa: PLC0415  # 50 ms for who needs it
            from driftline.runtime.encodings.registry_client import RegistryClient  # noqa: PLC0415  # as above
            from driftline.runtime.encodings.schema_store import SchemaStore  # noqa: PLC0415  # as above

            self._client = RegistryClient(registry, credentials)
            store = SchemaStore(self._client, registry.cache)
            framed = FramedReader(store, registry.id_bytes, registry.cache)
        inputs: dict[str, PredictionInput | LabelInput | None] = {
            "predictions": settings.predictions,
            "labels": settings.labels,
        }
        self._by_topic: dict[str, TopicDeserializer] = {}
        for kind, topic in inputs.items():
            deserializer = None if topic is None else _deserializer(topic, f"$.{kind}", framed)
            if topic is not None and deserializer is not None:
                self._by_topic |= dict.fromkeys(topic.topics, deserializer)

    def __bool__(self) -> bool:
        """Whether there is anything but JSON to read."""
        return bool(self._by_topic)

    def wants_headers(self, topic: str, values: Sequence[bytes | None]) -> bool:
        """Whether the headers of records with these values are needed to read them."""
        deserializer = self._by_topic.get(topic)
        return deserializer is not None and deserializer.wants_headers(values)

    def read(self, batch: RecordBatch) -> list[RecordBatch]:
        """Return the records of a batch, in their order, as JSON or as documents.

        Raises
        ------
        RegistryUnavailableError
            When a schema is needed that cannot be had now; nothing of the batch has been used.
        """
        deserializer = self._by_topic.get(batch.topic)
        return [batch] if deserializer is None else deserializer(batch)

    @property
    def may_ask(self) -> bool:
        """Whether it is time to ask the registry again, if it did not answer."""
        return self._client is None or self._client.may_ask

    def problem(self) -> str | None:
        """Return why the schema registry cannot be asked; None while it answers, or is not needed."""
        return None if self._client is None else self._client.problem


def _deserializer(
    topic: PredictionInput | LabelInput, at: str, framed: FramedReader | None
) -> TopicDeserializer | None:
    """Return the deserializer of a topic; None where there is nothing but JSON to read."""
    match topic.encoding:
        case "schema_registry" if framed is not None:
            return TopicDeserializer(framed, framed.texts, framed.read_all, framed.schemas, by_headers=True)
        case "avro":
            files = _avro_files(topic, at)
            return TopicDeserializer(files.bare, files.texts)
        case "protobuf":
            from driftline.runtime.encodings.schema_files import protobuf_file  # noqa: PLC0415  # for who needs it

            file = protobuf_file(topic.protobuf, at)
            return TopicDeserializer(file, file.texts)
        case "cloudevents":
            from driftline.runtime.encodings.cloud_event_input import CloudEventReader  # noqa: PLC0415  # as above

            schemas = None if framed is None else framed.schemas
            return TopicDeserializer(CloudEventReader(_automatic(framed, None)), schemas=schemas, by_headers=True)
        case "auto" if framed is not None or topic.avro.schema_files:
            return _by_first_bytes(framed, _avro_files(topic, at) if topic.avro.schema_files else None)
    return None


def _avro_files(topic: PredictionInput | LabelInput, at: str) -> AvroFiles:
    from driftline.runtime.encodings.schema_files import AvroFiles  # noqa: PLC0415  # for who needs it

    return AvroFiles(topic.avro, at)


def _by_first_bytes(framed: FramedReader | None, files: AvroFiles | None) -> TopicDeserializer:
    read = _automatic(framed, files)
    if framed is not None:
        return TopicDeserializer(
            read, framed.texts, framed.read_all, framed.schemas, by_headers_unless_json=True, plain_json=True
        )
    return TopicDeserializer(read, None if files is None else files.single_object_texts, plain_json=True)


def _automatic(framed: FramedReader | None, files: AvroFiles | None) -> Read:
    """Return the reader that goes by the first bytes: JSON, a framed value, Avro's single-object encoding.

    What is none of these is left as it is, to be refused as JSON.
    """

    def read(value: bytes, headers: Mapping[str, bytes]) -> object:
        if value[0] == BRACE:
            return value
        taken = None if framed is None else framed.take(value, headers)
        if taken is not None:
            return taken.reader(taken.payload, taken.message)
        if files is not None and files.is_single_object(value):
            return files.single_object(value, headers)
        return value

    return read
