"""Checks on a sample of keyed records whether predictions and labels of an id are in the same partition.

Kafka's Java clients choose a key's partition by murmur2, librdkafka's by CRC-32 unless told otherwise. Where the
topics are written with one of them each, most labels never meet their predictions.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.runtime.kafka.partitioning import partition_of

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.events.source import Kind

SAMPLE: Final = 1_000
"""Records with a key that are looked at, of each topic."""
ENOUGH: Final = 20
"""Records with a key before anything is said: with 2 partitions, so many agree by chance once in a million times."""
_ENOUGH_SHARED: Final = 5
_AGREES: Final = 0.95
"""Share of a topic's records that must lie where a partitioner puts them; a few may have been written otherwise."""
_NAMES: Final = {
    "murmur2": "murmur2 (Java's clients, or `partitioner: murmur2_random`)",
    "crc32": "CRC-32 (librdkafka's `consistent_random`, its default)",
    "unknown": "neither murmur2 nor CRC-32",
}


class KeyedRecord(NamedTuple):
    """One record with a key."""

    partition: int
    key: bytes
    prediction_id: str
    at: str
    """Where it stands, for messages."""


_START: Final = (
    "Existing records do not move: start with new topics, or delete the old records. Or let driftline repartition both "
    "topics by id, with `join: {repartition: auto}`"
)


class Mismatch(NamedTuple):
    """Why labels and predictions of an id may not be in partitions of the same number."""

    reason: str
    advice: str
    """What producers can do about it."""

    def __str__(self) -> str:
        return f"{self.reason}. {self.advice}. {_START}"


def records_have_ids(settings: Settings) -> bool:
    """Whether each record of both topics has one prediction id, which may be its key."""
    predictions, labels = settings.predictions, settings.labels
    rows = predictions.fields.rows is not None or (labels is not None and labels.fields.rows is not None)
    return not rows and predictions.pair is None


def keys_without_ids(settings: Settings) -> Mismatch | None:
    """Return why labels may lie elsewhere than predictions whose records hold many ids; None where they have one each.

    Where both topics hold rows, the rows of a record and their labels may well have one key.
    """
    if settings.labels is None or records_have_ids(settings) or settings.labels.fields.rows is not None:
        return None
    return Mismatch(
        f"the records of `{settings.predictions.shown}` are not single events, so their keys may be no prediction ids",
        "Write one record for each event",
    )


class _Topic:
    """Counts over the sampled records of one topic."""

    __slots__ = ("by_id", "n", "n_crc32", "n_keyless", "n_murmur2", "n_strange", "name", "strange")

    def __init__(self, name: str) -> None:
        self.name = name
        self.n = self.n_keyless = self.n_strange = self.n_murmur2 = self.n_crc32 = 0
        self.strange: KeyedRecord | None = None
        self.by_id: dict[str, KeyedRecord] = {}

    def add(self, record: KeyedRecord, n_partitions: int) -> None:
        self.n += 1
        self.n_murmur2 += partition_of(record.key, n_partitions) == record.partition
        self.n_crc32 += crc32_partition(record.key, n_partitions) == record.partition
        if record.key != record.prediction_id.encode():
            self.n_strange += 1
            self.strange = self.strange or record
        self.by_id[record.prediction_id] = record

    @property
    def partitioner(self) -> str:
        needed = _AGREES * self.n
        return "murmur2" if self.n_murmur2 >= needed else "crc32" if self.n_crc32 >= needed else "unknown"


class CoPartitioning:
    """Checks the partitioning of both topics, which have ``n_partitions`` each, on their first records.

    Notes
    -----
    *State*: up to ``SAMPLE`` records of each topic. *Cost*: two hashes a record.
    """

    def __init__(self, predictions: str, labels: str, n_partitions: int) -> None:
        self._n_partitions = n_partitions
        self._topics: dict[Kind, _Topic] = {"predictions": _Topic(predictions), "labels": _Topic(labels)}
        self._apart: list[tuple[KeyedRecord, KeyedRecord]] = []
        self._n_shared = 0

    def wants(self, kind: Kind) -> bool:
        """Whether the sample of a topic needs more records."""
        return self._topics[kind].n < SAMPLE

    def add(self, kind: Kind, record: KeyedRecord) -> None:
        """Add a record to the sample."""
        if not self.wants(kind):
            return
        self._topics[kind].add(record, self._n_partitions)
        partner = self._topics["labels" if kind == "predictions" else "predictions"].by_id.get(record.prediction_id)
        if partner is not None:
            self._n_shared += 1
            if partner.partition != record.partition:
                self._apart.append((partner, record))

    def add_keyless(self, kind: Kind) -> None:
        """Note a record without a key, whose producer chose any partition."""
        self._topics[kind].n_keyless += 1

    def mismatch(self) -> Mismatch | None:
        """Return why the topics cannot be joined; None while the sample shows no reason.

        One strange record among good ones stops nothing: more than half of a topic's keys must differ from the
        prediction ids, or its partitions from those of the other topic's partitioner.
        """
        if self._n_partitions == 1:
            return None
        return self._strange_keys() or self._partitioners() or self._ids_apart()

    def unproven(self) -> Mismatch | None:
        """Return why it is not certain that the topics can be joined; None while the sample shows no reason.

        Besides :meth:`mismatch`: records without keys, and keys whose partitions no known partitioner explains, as with
        clients that spread records evenly whatever their keys.
        """
        if self._n_partitions == 1:
            return None
        return self.mismatch() or self._keyless() or self._unknown_partitioner()

    def _keyless(self) -> Mismatch | None:
        for topic in self._topics.values():
            if topic.n_keyless >= ENOUGH and topic.n_keyless > topic.n:
                reason = (
                    f"{topic.n_keyless} of the first {topic.n_keyless + topic.n} records of `{topic.name}` have no key"
                )
                return Mismatch(reason, "Use the prediction id as the key")
        return None

    def _unknown_partitioner(self) -> Mismatch | None:
        for topic in self._topics.values():
            if topic.n >= ENOUGH and topic.partitioner == "unknown":
                reason = (
                    f"the partitions of `{topic.name}` follow neither murmur2 nor CRC-32 of the keys: its producer may "
                    "spread records evenly"
                )
                return Mismatch(reason, "Choose a partitioner that hashes the key")
        return None

    def _strange_keys(self) -> Mismatch | None:
        for topic in self._topics.values():
            if topic.strange is not None and topic.n >= ENOUGH and 2 * topic.n_strange > topic.n:
                got = f"the key {topic.strange.key[:80]!r} with the id {topic.strange.prediction_id[:80]!r}"
                return Mismatch(
                    f"Expected the prediction id as the key of each record, got {got} ({topic.n_strange} of {topic.n} "
                    f"records differ) - at `{topic.strange.at}`",
                    f"Configure the producers of `{topic.name}` to use the id as the key, in UTF-8 and without quotes",
                )
        return None

    def _partitioners(self) -> Mismatch | None:
        sampled = [topic for topic in self._topics.values() if topic.n >= ENOUGH]
        if len({topic.partitioner for topic in sampled}) < len(self._topics):
            return None
        shown = " and ".join(f"{_NAMES[topic.partitioner]} at `{topic.name}`" for topic in sampled)
        return Mismatch(
            f"Expected predictions and labels to be partitioned in the same way, got {shown}",
            "Set `partitioner: murmur2_random` in librdkafka's producers, or the same partitioner in both",
        )

    def _ids_apart(self) -> Mismatch | None:
        """Compare ids that are in both samples: this finds partitioners that are neither of the two."""
        if len(self._apart) < _ENOUGH_SHARED or 2 * len(self._apart) <= self._n_shared:
            return None
        one, other = self._apart[0]
        return Mismatch(
            f"Expected a prediction and its label in partitions of the same number, got {one.prediction_id[:80]!r} at "
            f"`{one.at}` and at `{other.at}` ({len(self._apart)} of {self._n_shared} ids are apart)",
            "Configure the producers of both topics to use the id as the key and the same partitioner",
        )


def crc32_partition(key: bytes, n_partitions: int) -> int:
    """Return the partition that librdkafka's ``consistent`` and ``consistent_random`` choose for a key.

    Examples
    --------
    >>> crc32_partition(b"9f2c", 12) == zlib.crc32(b"9f2c") % 12
    True
    """
    return zlib.crc32(key) % n_partitions
