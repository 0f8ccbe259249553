"""Compares the topics of a broker with driftline's specifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.config.durations import Duration
from driftline.config.topic_names import is_pattern
from driftline.runtime.kafka.topics import MAX_BYTES, RETENTION, all_partitions, configurations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka.admin import AdminClient

    from driftline.runtime.kafka.topics import Sources, TopicSpec


class Difference(Struct, frozen=True):
    """A difference between a topic and its specification, and how to fix it."""

    topic: str
    setting: str
    expected: str
    got: str
    remedy: str

    def __str__(self) -> str:
        return f"Expected {self.expected}, got {self.got} - at `{self.topic}` ({self.setting}). {self.remedy}"


def check(admin: AdminClient, specs: Sequence[TopicSpec], sources: Sources | None = None) -> list[Difference]:
    """Return all differences between the broker's topics and their specifications.

    With ``sources`` the existence and the partition counts of the input topics are checked as well.
    """
    partitions = all_partitions(admin)
    configured = configurations(admin, [spec.name for spec in specs if spec.name in partitions])
    differences = list(_source_differences(sources)) if sources is not None else []
    for spec in specs:
        if spec.name in partitions:
            differences += _differences(spec, partitions[spec.name], configured[spec.name])
        else:
            differences.append(Difference(spec.name, "existence", "a topic", "none", "Run `driftline topics create`"))
    return differences


def _source_differences(sources: Sources) -> Iterator[Difference]:
    for topic, count in sources.partitions.items():
        if count is None:
            what = "an input topic"
            remedy = "Create it, or configure the topic that your producers write to"
            if is_pattern(topic):
                what, remedy = "topics that match", "Create one, or mend the pattern"
            yield Difference(topic, "existence", what, "none", remedy)
    for first, topic in sources.pairs:
        expected, count = sources.partitions[first], sources.partitions[topic]
        if None not in (expected, count) and count != expected:
            remedy = (
                "Labels are not joined until the numbers are equal: give both topics the same number of partitions and "
                "write both with the prediction id as the key and the same partitioner; or set "
                "`join: {repartition: auto}`"
            )
            yield Difference(topic, "partitions", f"{expected} partitions, as `{first}` has", str(count), remedy)


def _differences(spec: TopicSpec, partitions: int, config: dict[str, str]) -> Iterator[Difference]:
    if partitions < spec.partitions:
        remedy = (
            f"Add partitions while no driftline worker runs: "
            f"kafka-topics.sh --alter --topic {spec.name} --partitions {spec.partitions}"
        )
        yield Difference(spec.name, "partitions", f"{spec.partitions} partitions", str(partitions), remedy)
    elif partitions > spec.partitions:
        remedy = "Kafka cannot remove partitions: delete the topic and create it again, or configure this number"
        yield Difference(spec.name, "partitions", f"{spec.partitions} partitions", str(partitions), remedy)
    for setting, expected in spec.config.items():
        got = config.get(setting, "")
        if not _suffices(setting, expected, got):
            remedy = (
                f"kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} "
                f"--add-config {setting}={expected}"
            )
            at_least = "at least " if setting in (MAX_BYTES, RETENTION) and not expected.startswith("-") else ""
            yield Difference(spec.name, setting, at_least + _shown(setting, expected), _shown(setting, got), remedy)


def _suffices(setting: str, expected: str, got: str) -> bool:
    """Return whether a value meets the expected one; larger limits and longer retention also do."""
    if setting not in (MAX_BYTES, RETENTION) or not got:
        return set(expected.split(",")) == set(got.split(","))
    for_ever = setting == RETENTION and int(got) < 0
    return for_ever or int(got) >= int(expected) >= 0


def _shown(setting: str, value: str) -> str:
    if setting == RETENTION and value.startswith("-"):
        return f"{value} (for ever)"
    return f"{value} ({Duration(int(value))})" if setting == RETENTION and value.isdigit() else value or "nothing"
