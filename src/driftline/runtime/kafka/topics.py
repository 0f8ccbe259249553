"""The topics that driftline needs: their specifications, their creation, and queries about topics of a broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, NewTopic, ResourceType
from msgspec import Struct

from driftline.config.durations import Duration
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import days
from driftline.config.rules import OWN_TOPICS
from driftline.errors import BrokerError
from driftline.runtime.kafka.topic_choice import resolved, topic_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.config.settings import Settings

DEFAULTMAX_BYTES: Final = 1_048_588
"""Kafka's own default for ``max.message.bytes``."""

PENDING_SLACK: Final = days(7)
"""Kept beyond the label horizon: how long the sketch stage may be down without losing predictions that await labels."""

_DEFAULT_PREFIX: Final = KafkaSettings().prefix
_TIMEOUT_S: Final = 30.0
_SHOWN_POLL_S: Final = 0.1
CLEANUP: Final = "cleanup.policy"
RETENTION: Final = "retention.ms"
MAX_BYTES: Final = "max.message.bytes"
_FOR_EVER: Final = "-1"
_SHORT_CHANGELOG: Final = {"min.cleanable.dirty.ratio": "0.1", "segment.ms": "3600000"}
"""For a changelog that is read whole at each start: it is compacted early and often."""


class TopicSpec(Struct, frozen=True):
    """Specification of one of driftline's topics."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]
    """Only the settings that matter to us; the broker's defaults hold for the others."""


class Sources(Struct, frozen=True):
    """What the broker says about the prediction and label topics."""

    partitions: dict[str, int | None]
    """Number of partitions by topic; None where the topic does not exist, or none matches a pattern."""
    max_message_bytes: int = DEFAULTMAX_BYTES
    """The greatest record that any of them takes."""
    predictions: tuple[str, ...] = ()
    """The topics of predictions."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Topics whose labels are joined where they are, each with that of their predictions before it."""

    @property
    def greatest(self) -> int:
        """Partitions that joins need, at least 1: those of the widest topic, or of all that are joined in place."""
        widest = max((count or 1 for count in self.partitions.values()), default=1)
        in_place = (sum(self.partitions[pair[side]] or 1 for pair in self.pairs) for side in (0, 1))
        return max(widest, *in_place)


def topic_specs(
    settings: Settings, source_partitions: int, source_max_bytes: int = DEFAULTMAX_BYTES
) -> tuple[TopicSpec, ...]:
    """Return the specifications of all our topics.

    The pending topic has ``source_partitions``, :attr:`Sources.greatest`. A dead letter holds the largest record of the
    input topics, ``source_max_bytes``, and the reason. How partitions of inputs are numbered is kept for ever.
    """
    models = (settings.defaults, *settings.models.values())
    pending = Duration(max(model.labels.horizon + model.labels.wait for model in models) + PENDING_SLACK)
    panes = settings.kafka.panes_partitions
    layout: dict[str, tuple[int, dict[str, str]]] = {
        "control": (1, _delete(days(30))),
        "input-partitions": (1, {CLEANUP: "delete", RETENTION: _FOR_EVER}),
        "panes": (panes, _delete(days(7))),
        "detect-state": (panes, _compact() | _SHORT_CHANGELOG),
        "pending": (source_partitions, _delete(pending)),
        "references": (1, _compact()),
        "events": (panes, _delete(days(30))),
        "alerts": (1, _compact()),
        "dead-letters": (1, _delete(days(7)) | {MAX_BYTES: str(2 * source_max_bytes)}),
    }
    return tuple(
        TopicSpec(
            settings.kafka.topic(name),
            partitions,
            settings.kafka.replication,
            {MAX_BYTES: str(DEFAULTMAX_BYTES)} | config,
        )
        for name, (partitions, config) in layout.items()
    )


def _delete(retention: Duration) -> dict[str, str]:
    return {CLEANUP: "delete", RETENTION: str(int(retention))}


def _compact() -> dict[str, str]:
    return {CLEANUP: "compact"}


def missing_topic(kafka: KafkaSettings, topic: str) -> BrokerError:
    """Return the error to raise where a topic does not exist; of one of ours it says which command creates it."""
    text = f"Expected topic {topic}, got none - at `{kafka.brokers}`"
    if topic not in map(kafka.topic, OWN_TOPICS):
        return BrokerError(f"{text}. Create it, or name another one in the configuration")
    prefix = "" if kafka.prefix == _DEFAULT_PREFIX else f" --prefix {kafka.prefix}"
    return BrokerError(f"{text}. Run `driftline topics create{prefix}`")


def partition_counts(admin: AdminClient, topics: Iterable[str]) -> dict[str, int | None]:
    """Return the number of partitions of topics, None where there is no such topic."""
    partitions = all_partitions(admin)
    return {name: partitions.get(name) for name in topics}


def sources(admin: AdminClient, settings: Settings) -> Sources:
    """Ask the broker about the topics that the configuration reads."""
    on_broker = all_partitions(admin)
    found = resolved(settings, on_broker)
    predictions = found.predictions.topics or settings.predictions.topics
    labels = () if found.labels is None or settings.labels is None else found.labels.topics or settings.labels.topics
    partitions = {name: on_broker.get(name) for name in (*predictions, *labels)}
    present = [name for name, count in partitions.items() if count is not None]
    configured = configurations(admin, present)
    largest = max((int(configured[name].get(MAX_BYTES, "0")) for name in present), default=0)
    return Sources(partitions, largest or DEFAULTMAX_BYTES, predictions, tuple(topic_pairs(found)))


def create(admin: AdminClient, specs: Sequence[TopicSpec]) -> tuple[str, ...]:
    """Create the topics that do not exist and wait until the broker shows them; return their names.

    Topics that exist are left as they are: :mod:`driftline.runtime.kafka.topic_check` says what differs.

    Raises
    ------
    BrokerError
        When the broker refuses a topic; names all that it refused, and why.
    """
    present = all_partitions(admin)
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
        raise BrokerError(f"Expected the broker to create the topics, got an error for {', '.join(refused)}")
    _wait_until_shown(admin, {spec.name for spec in missing})
    return tuple(created)


def _wait_until_shown(admin: AdminClient, names: set[str]) -> None:
    """Return when the broker lists topics that this process or another has created."""
    end_s = time.monotonic() + _TIMEOUT_S
    while hidden := names - all_partitions(admin).keys():
        if time.monotonic() > end_s:
            raise BrokerError(
                f"Expected the broker to list the new topics within {_TIMEOUT_S:.0f} s, got no {sorted(hidden)}"
            )
        time.sleep(_SHOWN_POLL_S)


def all_partitions(admin: AdminClient) -> dict[str, int]:
    """Return the number of partitions of every topic of the broker."""
    try:
        topics = admin.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        raise BrokerError(f"Expected the broker's list of topics, got {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def configurations(
    admin: AdminClient, names: Iterable[str], timeout_s: float = _TIMEOUT_S
) -> dict[str, dict[str, str]]:
    """Return the settings of topics, each topic's by name."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    result: dict[str, dict[str, str]] = {}
    for resource, future in admin.describe_configs(resources, request_timeout=timeout_s).items():
        try:
            entries: dict[str, ConfigEntry] = future.result()
        except KafkaException as error:
            raise BrokerError(
                f"Expected the settings of `{resource.name}`, got {error.args[0].str()}. "
                "The user needs the right to describe the topic's configuration"
            ) from error
        result[resource.name] = {name: str(entry.value) for name, entry in entries.items() if entry.value is not None}
    return result
