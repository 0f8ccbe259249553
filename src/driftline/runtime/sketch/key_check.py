"""Checks the keys of the first records: whether labels would be joined to their predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.config.input_settings import LabelInput
from driftline.errors import EventError
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder
from driftline.events.record_batch import Unreadable
from driftline.runtime.kafka.co_partitioning import (
    CoPartitioning,
    KeyedRecord,
    Mismatch,
    keys_without_ids,
    records_have_ids,
)
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from confluent_kafka import Message

    from driftline.config.settings import Settings
    from driftline.events.label import Label
    from driftline.events.prediction import Prediction
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind

_MAX_RECORDS: Final = 10_000
"""Records of a topic after which no more are looked at, whether they had keys or not."""
_log = get_logger(__name__)


class KeyCheck:
    """Checks key and partition of the first records of each topic; once it is :attr:`done` it costs nothing.

    ``counts`` are the partitions of the topics. Of several, those that are joined with each other are in the same place
    of both lists.
    """

    def __init__(self, settings: Settings, counts: Mapping[str, int]) -> None:
        self._certain = settings.join.repartition is False
        labels = settings.labels or LabelInput()
        kinds: dict[Kind, tuple[str, ...]] = {"predictions": settings.predictions.topics, "labels": labels.topics}
        self._kinds = {topic: kind for kind, topics in kinds.items() for topic in topics}
        self._decoders: dict[Kind, Callable[[bytes], Prediction | Label]] = {
            "predictions": PredictionDecoder(settings.predictions.fields, where=settings.predictions.where),
            "labels": LabelDecoder.of(labels),
        }
        joined = settings.labels is not None and not settings.join.routed and not settings.shares_topic
        pairs = [*zip(kinds["predictions"], kinds["labels"], strict=False)] if joined else []
        joined = any(counts[predictions] > 1 for predictions, _ in pairs)
        self._checks: dict[str, CoPartitioning] = {}
        for one, other in pairs:
            self._checks |= dict.fromkeys((one, other), CoPartitioning(one, other, counts[one]))
        self._doubt = keys_without_ids(settings) if joined and not self._certain else None
        if self._doubt is not None or not records_have_ids(settings):
            joined = False  # its key says nothing of the ids in a record
        # where nothing is joined by partition, no record is on a wrong one
        self._n_left: dict[str, int] = dict.fromkeys(self._checks, _MAX_RECORDS if joined else 0)
        self._without_key: set[str] = set()

    @property
    def done(self) -> bool:
        """Whether enough records have been checked."""
        return self._doubt is None and not any(self._n_left.values())

    def look(self, messages: Iterable[Message], batches: Sequence[RecordBatch]) -> Mismatch | None:
        """Check records that have just been read; return why labels would not be joined to their predictions.

        Those count that are in the batches, deserialized.

        With ``join.repartition: auto`` a reason to doubt it is enough.
        """
        if self._doubt is not None:
            return self._doubt
        if not any(self._n_left.get(batch.topic) for batch in batches):
            return None
        values = _values(batches)
        for message in messages:
            topic = message.topic() or ""
            place = topic, message.partition(), message.offset()
            if message.error() is None and self._n_left.get(topic) and place in values:
                wants = self._checks[topic].wants(self._kinds[topic])
                self._n_left[topic] = self._n_left[topic] - 1 if wants else 0
                self._sample(topic, message, values[place])
        found = (each.mismatch() if self._certain else each.unproven() for each in self._checks.values())
        return next((mismatch for mismatch in found if mismatch is not None), None)

    def _sample(self, topic: str, message: Message, value: bytes | None) -> None:
        check, kind = self._checks[topic], self._kinds[topic]
        key = message.key()
        at = f"{message.topic()}-{message.partition()}@{message.offset()}"
        if key is None:
            check.add_keyless(kind)
            if self._certain and topic not in self._without_key:
                self._without_key.add(topic)
                _log.warning(
                    "record without a key: cannot check the partitioning; use the prediction id as the key", at=at
                )
            return
        try:
            event = self._decoders[kind](value or b"")
        except EventError:
            return  # the pipeline says what is wrong with it
        check.add(kind, KeyedRecord(message.partition() or 0, key, event.prediction_id, at))


def _values(batches: Sequence[RecordBatch]) -> dict[tuple[str | None, int | None, int | None], bytes | None]:
    """Return the values of records by topic, partition and offset; documents as JSON, unreadable ones as None."""
    values: dict[tuple[str | None, int | None, int | None], bytes | None] = {}
    for batch in batches:
        found = batch.values
        if batch.documents is not None:
            found = [None if isinstance(each, Unreadable) else msgspec.json.encode(each) for each in batch.documents]
        values |= {
            (batch.topic, batch.partition, offset): value for offset, value in zip(batch.offsets, found, strict=True)
        }
    return values
