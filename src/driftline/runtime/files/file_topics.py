"""The topic that a file of events stands for, where the configuration names several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from driftline.config.field_places import FromTopic
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.topic_names import is_pattern, is_several
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from driftline.config.settings import Settings

Given = TypeVar("Given", PredictionInput, LabelInput)

_USUAL: Final = {"predictions": PredictionInput().topics[0], "labels": LabelInput().topics[0]}


def with_file_topics(settings: Settings) -> Settings:
    """Return the settings with one topic for predictions and one for labels: the first that is named, or the default.

    Raises
    ------
    ConfigurationError
        When a field comes from the topic's name, of which there are several.
    """
    predictions, labels = _one(settings.predictions, "predictions"), settings.labels
    if labels is None:
        return replace(settings, predictions=predictions)
    kind = "predictions" if settings.shares_topic else "labels"
    return replace(settings, predictions=predictions, labels=_one(labels, kind))


def _one(given: Given, kind: str) -> Given:
    if not is_several(given.topic):
        return given
    if _uses_topic(given.fields):
        message = (
            f"A field comes from the name of the topic, but a file has none, and `$.{kind}.topic` is {given.shown}. "
            f"Say which topic the file stands for, with the environment variable `DRIFTLINE_{kind.upper()}__TOPIC`"
        )
        raise ConfigurationError((message,), "The configuration")
    return replace(given, topic=next((name for name in given.topics if not is_pattern(name)), _USUAL[kind]))


def _uses_topic(place: object) -> bool:
    """Whether a field, or one in it, is taken from the topic's name."""
    if isinstance(place, FromTopic):
        return True
    if isinstance(place, Struct):
        return any(_uses_topic(getattr(place, name)) for name in place.__struct_fields__)
    parts = place.values() if isinstance(place, dict) else place if isinstance(place, tuple) else ()
    return any(map(_uses_topic, parts))
