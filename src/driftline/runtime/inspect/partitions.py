"""Whether labels can be joined where they are, by the keys and partitions of the sampled records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.input_settings import LabelInput
from driftline.inspection.report import Line, note, ok, problem
from driftline.runtime.kafka.co_partitioning import CoPartitioning, KeyedRecord

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.events.source import Kind
    from driftline.inspection.examination import Examination
    from driftline.inspection.sample import TopicSample
    from driftline.inspection.taken import Taken


def partition_lines(found: Examination) -> list[Line]:
    """Return whether labels will be joined in place, or repartitioned by id, and why."""
    labels = found.labels
    if labels is None or found.predictions.n_partitions is None or labels.n_partitions is None:
        return []
    settings = found.settings
    if settings.join.repartition is True:
        return [ok("both topics are repartitioned by id, as `join.repartition` says")]
    if settings.has_several_topics and settings.join.repartition == "auto":
        return [ok("both are repartitioned by id, as a label may be of a prediction in any of several topics")]
    fields = (settings.predictions.fields, (settings.labels or LabelInput()).fields)
    if any(each.rows is not None for each in fields):
        advice = "Partition both topics by the record's id, or set `join: {repartition: true}`"
        return [note("records hold many rows, so that keys say nothing about the partitions of labels", advice)]
    counts = (found.predictions.n_partitions, labels.n_partitions)
    if counts[0] != counts[1]:
        shown = f"`{found.predictions.topic}` has {counts[0]} partition{'s' * (counts[0] != 1)}"
        reason = f"{shown} and `{labels.topic}` has {counts[1]}"
        return [_repartitioned(settings, reason, "Give both topics the same number of partitions, and the id as key")]
    return [_by_keys(found, labels, counts[0])]


def _by_keys(found: Examination, labels: TopicSample, n_partitions: int) -> Line:
    """Return what the keys and partitions of topics with as many partitions say."""
    check = CoPartitioning(found.predictions.topic, labels.topic, n_partitions)
    samples: dict[Kind, TopicSample] = {"predictions": found.predictions, "labels": labels}
    for kind, sample in samples.items():
        _add(check, kind, sample, found.taken[kind])
    against = check.unproven()
    if against is None:
        return ok("labels are joined in place: keys and partitions of both topics agree")
    if found.settings.shares_topic:
        reason = f"labels may not meet their predictions in their partitions: {against.reason}"
        return note(reason, f"{against.advice}. Or set `join: {{repartition: true}}`")
    return _repartitioned(found.settings, against.reason, against.advice)


def _repartitioned(settings: Settings, reason: str, advice: str) -> Line:
    if settings.join.repartition == "auto":
        return note(
            f"labels are joined by way of a topic of driftline's, which repartitions both by id: {reason}",
            f"No producer has to change for it. To join them in place: {advice}",
        )
    return problem(
        f"labels would not meet their predictions: {reason}", f"{advice}. Or set `join: {{repartition: auto}}`"
    )


def _add(check: CoPartitioning, kind: Kind, sample: TopicSample, taken: Taken) -> None:
    places = zip(taken.partitions.tolist(), taken.offsets.tolist(), strict=True)
    ids: dict[tuple[int, int], str] = {}
    for place, prediction_id in zip(places, taken.ids, strict=True):
        ids.setdefault(place, prediction_id)
    for batch in sample.batches:
        partition = batch.source.partition
        for offset, key in zip(batch.offsets, batch.keys or [None] * len(batch.offsets), strict=True):
            found = ids.get((partition, offset))
            if found is None:
                continue
            if key is None:
                check.add_keyless(kind)
            else:
                check.add(kind, KeyedRecord(partition, key, found, f"{sample.topic}-{partition}@{offset}"))
