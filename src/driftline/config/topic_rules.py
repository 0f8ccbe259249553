"""What must hold of the topics that predictions and labels are read from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from driftline.config.places import item
from driftline.config.problem import Problem
from driftline.config.problem import one as _one
from driftline.config.topic_names import PATTERN, has_pattern, is_pattern, is_several

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.config.input_settings import LabelInput, PredictionInput
    from driftline.config.settings import Settings

_NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_PREDICTIONS: Final = "$.predictions.topic"
_LABELS: Final = "$.labels.topic"
_REPARTITION: Final = "$.join.repartition"


def topic_problems(settings: Settings, own_topics: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with the names of the input topics; ``own_topics`` are the last parts of driftline's own."""
    inputs: dict[str, PredictionInput | LabelInput] = {_PREDICTIONS: settings.predictions}
    if settings.labels is not None:
        inputs[_LABELS] = settings.labels
    own = {settings.kafka.topic(name) for name in own_topics}
    for path, given in inputs.items():
        if not given.topics:
            yield _one("at least one topic", [], path)
        for index, name in enumerate(given.topics):
            place = path if isinstance(given.topic, str) else item(path, index)
            yield from _name_problems(name, own, place)
        repeated = sorted({name for name in given.topics if given.topics.count(name) > 1})
        if repeated:
            yield _one("each topic once", repeated[0], path)
    if settings.labels is not None:
        yield from _between(settings, settings.labels)


def _name_problems(name: str, own: set[str], place: str) -> Iterator[Problem]:
    if is_pattern(name):
        try:
            re.compile(name)
        except re.error as error:
            yield _one(f"a regular expression behind `{PATTERN}` ({error})", name, place)
    elif _NAME.fullmatch(name) is None:
        expected = (
            "a topic's name (letters, digits, `.`, `_` and `-`, up to 249), or a regular expression that begins with "
            f"`{PATTERN}`"
        )
        yield _one(expected, name, place)
    elif name in own:
        yield _one("an input topic, not one that driftline writes", name, place, "$.kafka.prefix")


def _between(settings: Settings, labels: LabelInput) -> Iterator[Problem]:
    """Yield what is wrong between the topics of predictions and those of labels."""
    predictions = settings.predictions
    if settings.shares_topic:
        if labels.where is None:
            expected = "a topic other than that of the predictions, or `where` to tell labels"
            yield _one(expected, labels.shown, _LABELS, _PREDICTIONS, "$.labels.where")
        if labels.tombstones == "retract":
            expected = "`refuse` where predictions and labels are in one topic"
            yield _one(expected, labels.tombstones, "$.labels.tombstones", _LABELS, _PREDICTIONS)
    elif both := [name for name in labels.topics if name in predictions.topics]:
        expected = "topics of labels alone, or the very topics of the predictions with `where` to tell labels"
        yield _one(expected, both[0], _LABELS, _PREDICTIONS)
    if settings.join.repartition is False and not settings.shares_topic:
        yield from _in_place(predictions, labels)


def _in_place(predictions: PredictionInput, labels: LabelInput) -> Iterator[Problem]:
    """Yield why labels cannot be joined in the partitions that they stand in: topics are then paired by position."""
    inputs: dict[str, PredictionInput | LabelInput] = {_PREDICTIONS: predictions, _LABELS: labels}
    for path, given in inputs.items():
        if has_pattern(given.topic):
            expected = "names of topics, as `join.repartition` is off and topics are then paired by their position"
            yield _one(expected, given.shown, path, _REPARTITION)
            return
    several = is_several(predictions.topic) or is_several(labels.topic)
    if several and len(predictions.topics) != len(labels.topics):
        expected = (
            f"as many topics as for predictions ({len(predictions.topics)}), as `join.repartition` is off and topics "
            "are then paired by their position"
        )
        yield _one(expected, labels.shown, _LABELS, _PREDICTIONS, _REPARTITION)
