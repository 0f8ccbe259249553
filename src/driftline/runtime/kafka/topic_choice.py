"""Which topics of a broker the configuration means, and which of them must be partitioned alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.rules import OWN_TOPICS
from driftline.config.topic_names import has_pattern, matching
from driftline.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.settings import Settings
    from driftline.events.source import Kind

Given = TypeVar("Given", PredictionInput, LabelInput)


def read_topics(settings: Settings) -> dict[Kind, tuple[str, ...]]:
    """Return the topics of events that sketch workers read: where joins are routed the pending topic too.

    Topics of both predictions and labels are read once, as those of the predictions.
    """
    topics: dict[Kind, tuple[str, ...]] = {"predictions": settings.predictions.topics}
    if settings.labels is not None:
        if not settings.shares_topic:
            topics["labels"] = settings.labels.topics
        if settings.join.routed:
            topics["joins"] = (settings.kafka.topic("pending"),)
    return topics


def resolved(settings: Settings, present: Iterable[str]) -> Settings:
    """Return the settings with the topics of a broker in place of the patterns that match them.

    driftline's own topics match no pattern, nor does a topic that the other input names.

    Raises
    ------
    BrokerError
        When a topic matches the patterns of predictions and of labels, which are not the same.
    """
    names = [*present]
    labels = settings.labels
    own = [settings.kafka.topic(name) for name in OWN_TOPICS]
    predictions = _resolved(settings.predictions, names, [*own, *(() if labels is None else labels.topics)])
    if labels is None:
        return replace(settings, predictions=predictions)
    if settings.shares_topic:
        return replace(settings, predictions=predictions, labels=replace(labels, topic=predictions.topic))
    found = _resolved(labels, names, [*own, *settings.predictions.topics])
    both = sorted({*predictions.topics} & {*found.topics})
    if both:
        raise BrokerError(
            f"Expected topics of either predictions or labels, got `{both[0]}`, which matches "
            f"`{settings.predictions.shown}` and `{labels.shown}` - at `{settings.kafka.brokers}`. Narrow one of the "
            "patterns; or give both inputs the same topics, with `labels.where` to tell labels"
        )
    return replace(settings, predictions=predictions, labels=found)


def _resolved(given: Given, present: list[str], excluded: list[str]) -> Given:
    return replace(given, topic=matching(given.topic, present, excluded)) if has_pattern(given.topic) else given


def topic_pairs(settings: Settings) -> list[tuple[str, str]]:
    """Return the topics whose partitions must have the same numbers: those in the same place of both lists.

    None where labels are repartitioned. Labels that are in the topics of the predictions are paired with themselves.
    """
    if settings.labels is None or settings.join.repartition is not False:
        return []
    return [*zip(settings.predictions.topics, settings.labels.topics, strict=False)]
