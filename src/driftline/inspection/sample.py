"""A sample of the records of a topic, as the worker would read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.events.documents import parsed_values
from driftline.events.source import Source
from driftline.events.where import matcher

if TYPE_CHECKING:
    from driftline.config.field_places import Where
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind


class TopicSample(NamedTuple):
    """Oldest and newest records of a topic.

    Attributes
    ----------
    kind : Kind
        What the topic is thought to hold.
    topic : str
        Its name; of a file, the file's.
    batches : list of RecordBatch
        The records by partition, deserialized, with keys and headers; each partition in the order of its offsets.
    n_records : int
        Number of records in the whole topic.
    n_partitions : int, optional
        None for a file.
    retention_ms : int, optional
        How long the broker keeps records, where that is known and limited.
    trouble : str, optional
        Why some of it could not be read, in words for the reader.
    """

    kind: Kind
    topic: str
    batches: list[RecordBatch]
    n_records: int
    n_partitions: int | None = None
    retention_ms: int | None = None
    trouble: str | None = None

    @property
    def n_sampled(self) -> int:
        """Number of records in the sample."""
        return sum(len(batch.values) for batch in self.batches)

    def as_labels(self) -> TopicSample:
        """Return the same records, as those of labels that are in the topic of the predictions."""
        batches = [batch._replace(source=Source("labels", batch.source.partition)) for batch in self.batches]
        return self._replace(kind="labels", batches=batches)

    def stamps_ms(self) -> list[int]:
        """Return Kafka's timestamps of the sampled records that have one."""
        return [stamp for batch in self.batches for stamp in batch.timestamps_ms if stamp >= 0]


class Corpus(NamedTuple):
    """The records of a sample that hold an object or a list, n of them."""

    documents: list[object]
    keys: list[bytes | None]
    headers: list[dict[str, bytes]]
    stamps_ms: list[int]
    """-1 where a record has none."""
    n_unreadable: int = 0
    """Records that hold neither, besides."""

    def meant(self, where: Where) -> Corpus:
        """Return the records that a condition chooses."""
        marks = matcher(where)(self.documents, self.headers)
        kept = [number for number, is_meant in enumerate(marks) if is_meant]
        return Corpus(
            [self.documents[number] for number in kept],
            [self.keys[number] for number in kept],
            [self.headers[number] for number in kept],
            [self.stamps_ms[number] for number in kept],
            self.n_unreadable,
        )


def corpus_of(sample: TopicSample) -> Corpus:
    """Return what can be read of a sample."""
    corpus = Corpus([], [], [], [])
    n_unreadable = 0
    for batch in sample.batches:
        documents, _ = parsed_values(batch)
        n = len(documents)
        keys = batch.keys or [None] * n
        headers = batch.headers or [{} for _ in range(n)]
        for document, key, header, stamp in zip(documents, keys, headers, batch.timestamps_ms, strict=True):
            if not isinstance(document, dict | list):
                n_unreadable += 1
                continue
            corpus.documents.append(document)
            corpus.keys.append(key)
            corpus.headers.append(header)
            corpus.stamps_ms.append(stamp)
    return corpus._replace(n_unreadable=n_unreadable)
