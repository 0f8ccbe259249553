"""The topics that driftline needs: what they must be like, their creation, and what differs from it on a broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, NewTopic, ResourceType
from msgspec import Struct

from driftline.config.durations import Duration
from driftline.config.model import days
from driftline.config.settings import KafkaSettings
from driftline.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.config.settings import Settings

DEFAULT_MAX_BYTES: Final = 1_048_588
"""Kafka's own default for ``max.message.bytes``."""

PENDING_SLACK: Final = days(7)
"""Kept beyond the label horizon: how long the sketch stage may be down without losing predictions that await labels."""

_DEFAULT_PREFIX: Final = KafkaSettings().prefix
_TIMEOUT_S: Final = 30.0
_SHOWN_POLL_S: Final = 0.1
_CLEANUP: Final = "cleanup.policy"
_RETENTION: Final = "retention.ms"
_MAX_BYTES: Final = "max.message.bytes"
_SHORT_CHANGELOG: Final = {"min.cleanable.dirty.ratio": "0.1", "segment.ms": "3600000"}
"""For a changelog that is read whole at each start: it is compacted early and often."""


class TopicSpec(Struct, frozen=True):
    """What one of our topics must be like."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]
    """Only the settings that matter to us; the broker's defaults hold for the others."""


class Sources(Struct, frozen=True):
    """What the broker says about the prediction and label topics."""

    partitions: dict[str, int | None]
    """Number of partitions by topic; None where the topic does not exist."""
    max_message_bytes: int = DEFAULT_MAX_BYTES
    """The greatest record that any of them takes."""
    repartitioned: bool = False
    """Whether their numbers of partitions may differ."""

    @property
    def greatest(self) -> int:
        """Partitions of the widest topic, at least 1."""
        return max((count or 1 for count in self.partitions.values()), default=1)


class Difference(Struct, frozen=True):
    """One thing about a topic that is not as it must be, and how to mend it."""

    topic: str
    setting: str
    expected: str
    got: str
    remedy: str

    def __str__(self) -> str:
        return f"Expected {self.expected}, got {self.got} - at `{self.topic}` ({self.setting}). {self.remedy}"


def topic_specs(
    settings: Settings, source_partitions: int, source_max_bytes: int = DEFAULT_MAX_BYTES
) -> tuple[TopicSpec, ...]:
    """Return the specifications of all our topics.

    Parameters
    ----------
    settings : Settings
        Prefix, partitions of the panes, replication, and the label horizons.
    source_partitions : int
        Partitions of the widest input topic; the pending topic has as many.
    source_max_bytes : int
        Largest record of the input topics; a dead letter holds it and the reason.
    """
    models = (settings.defaults, *settings.models.values())
    pending = Duration(max(model.labels.horizon + model.labels.wait for model in models) + PENDING_SLACK)
    panes = settings.kafka.panes_partitions
    layout: dict[str, tuple[int, dict[str, str]]] = {
        "control": (1, _delete(days(30))),
        "panes": (panes, _delete(days(7))),
        "detect-state": (panes, _compact() | _SHORT_CHANGELOG),
        "pending": (source_partitions, _delete(pending)),
        "references": (1, _compact()),
        "events": (panes, _delete(days(30))),
        "alerts": (1, _compact()),
        "dead-letters": (1, _delete(days(7)) | {_MAX_BYTES: str(2 * source_max_bytes)}),
    }
    return tuple(
        TopicSpec(
            settings.kafka.topic(name),
            partitions,
            settings.kafka.replication,
            {_MAX_BYTES: str(DEFAULT_MAX_BYTES)} | config,
        )
        for name, (partitions, config) in layout.items()
    )


def _delete(retention: Duration) -> dict[str, str]:
    return {_CLEANUP: "delete", _RETENTION: str(int(retention))}


def _compact() -> dict[str, str]:
    return {_CLEANUP: "compact"}


def missing_topic(kafka: KafkaSettings, topic: str) -> BrokerError:
    """Return the error to raise where a topic does not exist; of one of ours it says which command creates it."""
    text = f"Expected topic {topic}, got none - at `{kafka.brokers}`"
    if not topic.startswith(kafka.topic("")):
        return BrokerError(f"{text}. Create it, or name another one in the configuration")
    prefix = "" if kafka.prefix == _DEFAULT_PREFIX else f" --prefix {kafka.prefix}"
    return BrokerError(f"{text}. Run `driftline topics create{prefix}`")


def source_partitions(admin: AdminClient, settings: Settings) -> dict[str, int | None]:
    """Return the number of partitions of each topic that the configuration reads, None where there is no such topic."""
    return partition_counts(admin, [settings.predictions.topic] + ([settings.labels.topic] if settings.labels else []))


def partition_counts(admin: AdminClient, topics: Iterable[str]) -> dict[str, int | None]:
    """Return the number of partitions of topics, None where there is no such topic."""
    partitions = _partitions(admin)
    return {name: partitions.get(name) for name in topics}


def sources(admin: AdminClient, settings: Settings) -> Sources:
    """Ask the broker about the topics that the configuration reads."""
    partitions = source_partitions(admin, settings)
    present = [name for name, count in partitions.items() if count is not None]
    configured = _configurations(admin, present)
    largest = max((int(configured[name].get(_MAX_BYTES, "0")) for name in present), default=0)
    return Sources(partitions, largest or DEFAULT_MAX_BYTES, settings.join.repartition)


def create(admin: AdminClient, specs: Sequence[TopicSpec]) -> tuple[str, ...]:
    """Create the topics that do not exist and wait until the broker shows them; return their names.

    Topics that exist are left as they are: :func:`check` says what differs.

    Raises
    ------
    BrokerError
        When the broker refuses a topic; names all that it refused, and why.
    """
    present = _partitions(admin)
    missing = [spec for spec in specs if spec.name not in present]
    if not missing:
        return ()
    created: list[str] = []
    refused: list[str] = []
    new = [
        NewTopic(s.name, num_partitions=s.partitions, replication_factor=s.replication, config=s.config)
        for s in missing
    ]
    for name, future in admin.create_topics(new, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            code = error.args[0]
            if code.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                refused.append(f"`{name}` ({code.str()})")
        else:
            created.append(name)
    if refused:
        raise BrokerError(f"Expected to create our topics, got refused for {', '.join(refused)}")
    _wait_until_shown(admin, {spec.name for spec in missing})
    return tuple(created)


def _wait_until_shown(admin: AdminClient, names: set[str]) -> None:
    """Return when the broker lists topics that this process or another has created."""
    end_s = time.monotonic() + _TIMEOUT_S
    while hidden := names - _partitions(admin).keys():
        if time.monotonic() > end_s:
            raise BrokerError(
                f"Expected the new topics to be listed within {_TIMEOUT_S:.0f} s, got no {sorted(hidden)}"
            )
        time.sleep(_SHOWN_POLL_S)


def check(admin: AdminClient, specs: Sequence[TopicSpec], found: Sources | None = None) -> list[Difference]:
    """Return all that differs between the broker's topics and what they must be like.

    Parameters
    ----------
    admin : confluent_kafka.admin.AdminClient
        Client of the brokers to look at.
    specs : sequence of TopicSpec
        Our topics.
    found : Sources, optional
        The input topics, whose existence and partition counts are then checked as well.
    """
    partitions = _partitions(admin)
    configured = _configurations(admin, [spec.name for spec in specs if spec.name in partitions])
    differences = list(_source_differences(found)) if found is not None else []
    for spec in specs:
        if spec.name in partitions:
            differences += _differences(spec, partitions[spec.name], configured[spec.name])
        else:
            differences.append(
                Difference(spec.name, "existence", "a topic", "none", "`driftline topics create` makes it")
            )
    return differences


def _source_differences(found: Sources) -> Iterator[Difference]:
    for topic, count in found.partitions.items():
        if count is None:
            remedy = "Create it, or name the topic that your producers write to in the configuration"
            yield Difference(topic, "existence", "an input topic", "none", remedy)
    if found.repartitioned:
        return
    known = [(topic, count) for topic, count in found.partitions.items() if count is not None]
    for topic, count in known[1:]:
        first, wanted = known[0]
        if count != wanted:
            remedy = (
                "Labels meet their predictions on equal partitions: give both topics the same number of partitions "
                "and write both with the prediction id as the key, by the same partitioner; or set "
                "`join: {repartition: true}`; until then labels are not joined"
            )
            yield Difference(topic, "partitions", f"{wanted} partitions, as `{first}` has", str(count), remedy)


def _differences(spec: TopicSpec, partitions: int, config: dict[str, str]) -> Iterator[Difference]:
    if partitions < spec.partitions:
        remedy = (
            f"Add partitions while no driftline worker runs: "
            f"kafka-topics.sh --alter --topic {spec.name} --partitions {spec.partitions}"
        )
        yield Difference(spec.name, "partitions", f"{spec.partitions} partitions", str(partitions), remedy)
    elif partitions > spec.partitions:
        remedy = "Kafka cannot take partitions away: delete the topic and create it anew, or configure this number"
        yield Difference(spec.name, "partitions", f"{spec.partitions} partitions", str(partitions), remedy)
    for setting, wanted in spec.config.items():
        got = config.get(setting, "")
        if not _suffices(setting, wanted, got):
            remedy = (
                f"kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} "
                f"--add-config {setting}={wanted}"
            )
            at_least = "at least " if setting in (_MAX_BYTES, _RETENTION) else ""
            yield Difference(spec.name, setting, at_least + _shown(setting, wanted), _shown(setting, got), remedy)


def _suffices(setting: str, wanted: str, got: str) -> bool:
    """More room and a longer retention than needed do no harm; a negative retention keeps all."""
    if setting not in (_MAX_BYTES, _RETENTION) or not got:
        return set(wanted.split(",")) == set(got.split(","))
    return int(got) >= int(wanted) or (setting == _RETENTION and int(got) < 0)


def _shown(setting: str, value: str) -> str:
    return f"{value} ({Duration(int(value))})" if setting == _RETENTION and value.isdigit() else value or "nothing"


def _partitions(admin: AdminClient) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        raise BrokerError(f"Expected the broker's list of topics, got {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def _configurations(admin: AdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    result: dict[str, dict[str, str]] = {}
    for resource, future in admin.describe_configs(resources, request_timeout=_TIMEOUT_S).items():
        try:
            entries: dict[str, ConfigEntry] = future.result()
        except KafkaException as error:
            raise BrokerError(
                f"Expected the settings of `{resource.name}`, got {error.args[0].str()}. "
                "The user needs the right to describe the topic's configuration"
            ) from error
        result[resource.name] = {name: str(entry.value) for name, entry in entries.items() if entry.value is not None}
    return result
