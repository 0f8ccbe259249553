"""Schemas from files, for Avro and Protobuf without a registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from driftline.errors import ConfigurationError, describe
from driftline.runtime.encodings.schema_problems import EncodingError, SchemaError
from driftline.runtime.encodings.transcoding import transcoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from driftline.config.input_settings import AvroSettings, ProtobufSettings
    from driftline.native.transcoder import Transcoder
    from driftline.runtime.encodings.avro_values import AvroValues


class AvroFiles:
    """Reads Avro with schemas from files: bare with the first, and the single-object encoding with the one it names.

    Raises
    ------
    ConfigurationError
        When one of the files cannot be read, or is no Avro schema.
    """

    def __init__(self, settings: AvroSettings, at: str) -> None:
        from driftline.runtime.encodings import avro_reader  # noqa: PLC0415  # for who needs it
        from driftline.runtime.encodings.avro_values import AvroValues  # noqa: PLC0415  # as above

        self._mark, self._end = avro_reader.SINGLE_OBJECT, avro_reader.FINGERPRINT_END
        self._readers: dict[bytes, AvroValues] = {}
        for number, file in enumerate(settings.schema_files):
            place = f"{at}.avro.schema_files[{number}]"
            try:
                reader = AvroValues(_read(file, place).decode("utf-8-sig"))
                self._readers[reader.fingerprint] = reader
            except (SchemaError, UnicodeDecodeError) as error:
                message = f"{describe('an Avro schema (.avsc)', file, place)}: {error}"
                raise ConfigurationError((message,), "The configuration") from error
        self._first = next(iter(self._readers.values()))

    def bare(self, value: bytes, headers: Mapping[str, bytes]) -> object:
        """Return the document of a value with or without the frame of the single-object encoding."""
        if value.startswith(self._mark) and value[2 : self._end] in self._readers:
            return self.single_object(value, headers)
        return self._first.read(value)

    def single_object(self, value: bytes, _headers: Mapping[str, bytes]) -> object:
        """Return the document of a value in the single-object encoding.

        Raises
        ------
        EncodingError
            When its schema is none of the files'.
        """
        reader = self._readers.get(value[2 : self._end])
        if reader is None:
            raise EncodingError(
                "Expected Avro (single-object encoding) of one of the schemas in `avro.schema_files`, got the "
                f"fingerprint {value[2 : self._end].hex()}"
            )
        return reader.read(value[self._end :])

    def texts(
        self, values: Sequence[bytes | None], _headers: Sequence[Mapping[str, bytes]] | None
    ) -> list[bytes] | None:
        """Return bare values as JSON where the native library writes it; see :func:`.transcoded`.

        None where one of them may be in the single-object encoding.
        """
        many = self._first.many
        if many is None or any(value is not None and value.startswith(self._mark) for value in values):
            return None
        return many(values)

    def single_object_texts(
        self, values: Sequence[bytes | None], _headers: Sequence[Mapping[str, bytes]] | None
    ) -> list[bytes] | None:
        """Return values in the single-object encoding as JSON as :meth:`texts` does; others are left."""
        return transcoded(values, self._transcoder)

    def _transcoder(self, value: bytes) -> tuple[Transcoder, bytes] | None:
        if not value.startswith(self._mark):
            return None
        reader = self._readers.get(value[2 : self._end])
        many = None if reader is None else reader.many
        return None if many is None else (many, value[: self._end])

    def is_single_object(self, value: bytes) -> bool:
        """Whether a value begins as the single-object encoding does; JSON never does."""
        return value.startswith(self._mark)


class ProtobufFile:
    """Reads bare Protobuf values of one message type; see :func:`protobuf_file`."""

    def __init__(self, read: Callable[[bytes], object], many: Transcoder | None) -> None:
        self._read = read
        self._many = many

    def __call__(self, value: bytes, _headers: Mapping[str, bytes]) -> object:
        """Return the document of a value."""
        return self._read(value)

    def texts(
        self, values: Sequence[bytes | None], _headers: Sequence[Mapping[str, bytes]] | None
    ) -> list[bytes] | None:
        """Return values as JSON where the native library writes it; see :func:`.transcoded`."""
        return None if self._many is None else self._many(values)


def protobuf_file(settings: ProtobufSettings, at: str) -> ProtobufFile:
    """Return the reader of the configured message type.

    Raises
    ------
    ConfigurationError
        When the file cannot be read, or does not have it.
    """
    from driftline.runtime.encodings.protobuf_schema import from_descriptor_file  # noqa: PLC0415  # for who needs it

    file, message = settings.descriptor_file or "", settings.message or ""
    place = f"{at}.protobuf.descriptor_file"
    try:
        schema = from_descriptor_file(_read(file, place), message)
        return ProtobufFile(schema.reader(message), schema.transcoder(message))
    except SchemaError as error:
        wanted = "a file that `protoc --descriptor_set_out --include_imports` wrote, with the message type"
        raise ConfigurationError((f"{describe(wanted, file, place)}: {error}",), "The configuration") from error


def _read(file: str, place: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        message = describe(f"a readable file ({error.strerror})", file, place)
        raise ConfigurationError((message,), "The configuration") from error
