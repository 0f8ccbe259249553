"""Runs both stages over records as they stand in topics: bytes, keys, headers and timestamps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from confluent_kafka import KafkaError, TopicPartition

from driftline.config.secrets import resolve_credentials
from driftline.events.record_batch import no_records
from driftline.events.source import Source
from driftline.profiles.profiles import Profiles
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.files.backtest import Backtest
from tests.support.reading import ANSWER_S, consumer_of
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind
    from driftline.profiles.profile import Profile
    from driftline.runtime.files.backtest import BacktestTotals

NOWHERE = Path()


class Stored(NamedTuple):
    """One record of a topic with one partition."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    headers: dict[str, bytes]
    value: bytes | None


class Said(NamedTuple):
    """What a run over records said."""

    outputs: list[str]
    """Events and alerts in JSON without what depends on where records stood, in the order of their bytes."""
    totals: BacktestTotals


def stored(bootstrap: str, topic: str) -> list[Stored]:
    """Return all records of partition 0 of a topic, with their timestamps."""
    records: list[Stored] = []
    with consumer_of(bootstrap) as consumer:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while True:
            message: Any = consumer.poll(patient(ANSWER_S))
            assert message is not None, f"{topic} does not end"
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                return records
            headers = dict(message.headers() or ())
            records.append(Stored(message.offset(), message.timestamp()[1], message.key(), headers, message.value()))


class RecordRun(Backtest):
    """A backtest over records in place of files."""

    def __init__(self, settings: Settings, profiles: Iterable[Profile], records: dict[Kind, Sequence[Stored]]) -> None:
        super().__init__(settings, Profiles(profiles), 1)
        self._records = records
        self._encodings = InputEncodings(settings, resolve_credentials(settings.kafka.security, {}))

    def _file(self, _path: Path, kind: Kind) -> Any:  # noqa: ANN401  # stands for a file
        return self._Topic(self, kind)

    class _Topic:
        def __init__(self, run: RecordRun, kind: Kind) -> None:
            self._run, self._kind = run, kind

        def batches(self, n_records: int) -> Iterator[tuple[list[RecordBatch], int]]:
            run, n = self._run, min(n_records, 700)
            records = run._records[self._kind]
            topic = run._settings.predictions.shown
            if self._kind == "labels" and run._settings.labels is not None:
                topic = run._settings.labels.shown
            for start in range(0, len(records), n):
                batch = no_records(Source(self._kind, 0), topic, ("keys", "headers"))
                for record in records[start : start + n]:
                    batch.values.append(record.value)
                    batch.offsets.append(record.offset)
                    batch.timestamps_ms.append(record.timestamp_ms)
                    assert batch.keys is not None
                    assert batch.headers is not None
                    batch.keys.append(record.key)
                    batch.headers.append(record.headers)
                yield run._encodings.read(batch), 0


def said(
    settings: Settings, profiles: Iterable[Profile], predictions: Sequence[Stored], labels: Sequence[Stored]
) -> Said:
    """Run both stages over records; of outputs, offsets, ids of schemas and the hash of the settings are left out."""
    outputs: list[str] = []

    def emit(output: OutputRecord) -> None:
        if output.channel != "references" and output.value is not None:
            outputs.append(normal(output.headers, output.value))

    run = RecordRun(settings, profiles, {"predictions": predictions, "labels": labels})
    totals = run.run(NOWHERE, NOWHERE, emit)
    return Said(sorted(outputs), totals)


def normal(headers: Iterable[tuple[str, bytes]], value: bytes) -> str:
    """Return an event without offsets, ids of schemas, the hash of the settings and the prefix."""
    named = {name: text.decode() for name, text in headers if name not in {"ce_source", "ce_id"}}
    return json.dumps([named, _without(msgspec.json.decode(value))], sort_keys=True)


def _without(value: Any) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in {"offsets", "schemas", "settings"}}
    return [_without(each) for each in value] if isinstance(value, list) else value
