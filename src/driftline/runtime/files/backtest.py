"""The pipeline over files: what driftline would have said of last month, without a broker.

The same sketch and detect stages as on Kafka, so the same events, byte for byte, for the same records in the same
partitions. What is open at the end stays open, as it would on a topic that has no more records.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from msgspec.structs import replace

from driftline.errors import EventError, FormatError
from driftline.events.label import LabelDecoder
from driftline.events.output_record import attributes
from driftline.events.prediction import PredictionDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.runtime.files.event_files import METADATA_FIELD, EventFile
from driftline.runtime.kafka.co_partitioning import keys_without_ids
from driftline.runtime.kafka.input_partitions import read_topics
from driftline.runtime.pending.pending_folder import PendingFolder
from driftline.sketching.pairing import Pairing
from driftline.sketching.sketcher import Sketcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from driftline.config.settings import Settings
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.output_record import OutputRecord
    from driftline.events.source import Kind
    from driftline.profiles.profiles import Profiles

BATCH_LINES: Final = 10_000


class BacktestTotals(NamedTuple):
    """What went in and out of a backtest."""

    n_predictions: int
    n_late: int
    n_labels: int
    n_dead_letters: int
    n_events: int
    n_alerts_opened: int
    n_predictions_refused: int
    """Of ``n_predictions``."""
    refused: Counter[str]
    """Dead letters by reason code."""
    first_refusals: dict[str, str]
    """The message of the first dead letter of each reason; it says where the record stood."""
    n_halves_waiting: int = 0
    """Requests and responses whose other half had not come at the end, where they are separate records."""

    @property
    def nothing_usable(self) -> bool:
        """Whether there were predictions, and every one of them was refused."""
        return 0 < self.n_predictions <= self.n_predictions_refused


_COUNTED: Final = tuple(name for name in BacktestTotals._fields if name.startswith("n_"))


class Backtest:
    """Runs both stages over files that stand for topics of ``n_partitions``.

    Where ``profiles`` has no reference for a model, one is learnt from the first events. ``n_label_partitions`` is
    given where the labels topic has another number of partitions; joins are then routed, as ``join.repartition``
    must allow.
    """

    def __init__(
        self, settings: Settings, profiles: Profiles, n_partitions: int, n_label_partitions: int | None = None
    ) -> None:
        n_labels = n_label_partitions or n_partitions
        reading = settings
        apart = n_labels != n_partitions or (n_partitions > 1 and keys_without_ids(settings) is not None)
        if settings.join.repartition == "auto" and apart:
            reading = replace(settings, join=replace(settings.join, repartition=True))
        self._settings = reading
        self._n_partitions: dict[Kind, int] = {
            "predictions": n_partitions,
            "labels": n_labels,
            "joins": max(n_partitions, n_labels),
        }
        self._sources = [
            Source(kind, partition) for kind in read_topics(reading) for partition in range(self._n_partitions[kind])
        ]
        self._blocks: list[RecordBatch] = []
        self._next_block = [0] * self._n_partitions["joins"]
        self._pending = PendingFolder(replace(settings.join, directory=None), profiles, "backtest", "backtest")
        self._sketcher = Sketcher(
            reading, profiles, self._n_partitions, self._pending.open, not_features=frozenset({METADATA_FIELD})
        )
        self._monitors = [
            PartitionMonitor(partition, settings, profiles) for partition in range(settings.kafka.panes_partitions)
        ]
        self._offsets = [0] * len(self._monitors)
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._refused: Counter[str] = Counter()
        self._first_refusals: dict[str, str] = {}

    @property
    def totals(self) -> BacktestTotals:
        """What went in and out so far."""
        return BacktestTotals(**self._counts, refused=self._refused.copy(), first_refusals=dict(self._first_refusals))

    def run(
        self,
        predictions: Path,
        labels: Path | None,
        emit: Callable[[OutputRecord], None],
        advance: Callable[[int], None] = lambda _n_bytes: None,
    ) -> BacktestTotals:
        """Read the files, one JSON object a line, to their ends.

        ``emit`` receives each output record, and ``advance`` the number of bytes read, for a progress bar.
        """
        try:
            self._read(predictions, labels, emit, advance)
        finally:
            self._sketcher.revoke()
            self._pending.close()
        return self.totals

    def _read(
        self,
        predictions: Path,
        labels: Path | None,
        emit: Callable[[OutputRecord], None],
        advance: Callable[[int], None],
    ) -> None:
        files: dict[Kind, EventFile] = {"predictions": self._file(predictions, "predictions")}
        if labels is not None and self._settings.labels is not None:
            files["labels"] = self._file(labels, "labels")
        for source in self._sources:
            self._sketcher.assign(source, None)
        for batches, n_bytes in self._in_step({kind: file.batches(BATCH_LINES) for kind, file in files.items()}):
            for batch in batches:
                self._sketcher.add(batch)
                self._counts["n_labels" if batch.source.kind == "labels" else "n_predictions"] += len(batch.offsets)
            self._flush(emit)
            advance(n_bytes)
        while self._blocks:
            self._flush(emit)
        self._counts["n_halves_waiting"] = sum(self._sketcher.halves_waiting().values())

    def _file(self, path: Path, kind: Kind) -> EventFile:
        labels = self._settings.labels
        if kind == "labels" and labels is not None:
            decode: PredictionDecoder | LabelDecoder = LabelDecoder(labels.fields, where=labels.where)
            topic = labels.topic
        else:
            predictions = self._settings.predictions
            decode, topic = PredictionDecoder(predictions.fields, where=predictions.where), predictions.topic
            if predictions.pair is not None:
                id_of = Pairing(predictions.pair).id_of
                return EventFile(path, kind, topic, self._n_partitions[kind], id_of, self._sketcher.asks_for[topic])
        return EventFile(path, kind, topic, self._n_partitions[kind], _id_by(decode), decode.asks_for)

    def _in_step(
        self, files: dict[Kind, Iterator[tuple[list[RecordBatch], int]]]
    ) -> Iterator[tuple[list[RecordBatch], int]]:
        """Yield batches from the file that is behind in event time, so that the join need not remember for long."""
        while files:
            kind = min(files, key=self._reached)
            batch = next(files[kind], None)
            if batch is None:
                del files[kind]
            else:
                yield batch

    def _reached(self, kind: Kind) -> tuple[bool, int]:
        marks = [self._sketcher.watermark_ms(source) for source in self._sources if source.kind == kind]
        times_ms = [mark for mark in marks if mark is not None]
        return (bool(times_ms), min(times_ms, default=0))

    def _flush(self, emit: Callable[[OutputRecord], None]) -> None:
        for blocks in self._blocks:
            self._sketcher.add(blocks)
        self._blocks = []
        flush = self._sketcher.flush()
        if flush is None:
            return
        self._sketcher.committed()
        self._blocks = [
            self._as_records(partition, blocks)
            for partition, blocks in flush.pending.items()
            if Source("joins", partition) in self._sources
        ]
        for letter in flush.dead_letters:
            self._count_refused(letter)
        self._counts["n_late"] += flush.n_late
        for partition, records in flush.panes.items():
            for record in records:
                for output in self._monitors[partition].apply(record, self._offsets[partition]):
                    self._counts["n_events"] += output.channel != "references"
                    self._counts["n_alerts_opened"] += _opens(output)
                    emit(output)
                self._offsets[partition] += 1
            self._monitors[partition].checkpoint()  # not kept; without it, what has changed piles up

    def _as_records(self, partition: int, blocks: list[bytes]) -> RecordBatch:
        """Return what a flush wrote to a partition of the pending topic, as it would be read from there."""
        start = self._next_block[partition]
        self._next_block[partition] += len(blocks)
        offsets = [*range(start, start + len(blocks))]
        return RecordBatch(Source("joins", partition), "pending", [*blocks], offsets, [-1] * len(blocks))

    def _count_refused(self, letter: DeadLetter) -> None:
        self._counts["n_dead_letters"] += 1
        self._refused[letter.reason] += 1
        self._first_refusals.setdefault(letter.reason, letter.message)
        if letter.topic == self._settings.predictions.topic:
            self._counts["n_predictions_refused"] += 1


def structured(output: OutputRecord) -> bytes:
    """Return an event in CloudEvents' structured JSON form; ``data`` is the record's value, byte for byte."""
    return orjson.dumps({**attributes(output), "data": orjson.Fragment(output.value or b"null")})


def write_events(path: Path, backtest: Callable[[Callable[[OutputRecord], None]], BacktestTotals]) -> BacktestTotals:
    """Run a backtest and write its events and alerts to a file, one a line, as :func:`structured` gives them.

    Raises
    ------
    FormatError
        When the file cannot be written.
    """
    try:
        file = path.open("wb")
    except OSError as error:
        message = f"Expected a file that can be written, got {error.strerror} - at `{path}`"
        raise FormatError(message) from error
    with file:

        def emit(output: OutputRecord) -> None:
            if output.channel != "references":
                file.write(structured(output) + b"\n")

        return backtest(emit)


def _opens(output: OutputRecord) -> bool:
    if output.channel != "alerts" or output.value is None:
        return False
    alert = orjson.loads(output.value)
    return bool(alert["state"] == "open" and alert["revision"] == 1)


def _id_by(decode: PredictionDecoder | LabelDecoder) -> Callable[[bytes], str | None]:
    def id_of(line: bytes) -> str | None:
        try:
            return decode(line).prediction_id
        except EventError:
            return None

    return id_of
