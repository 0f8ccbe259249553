"""Which topics an input names: one, several, or all whose names match a pattern."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

TopicNames = str | tuple[str, ...]
"""A topic, or several; what begins with ``^`` is a pattern, as in a subscription of librdkafka."""

PATTERN: Final = "^"
_INTERNAL: Final = "__"
"""What the names of Kafka's own topics begin with."""


def names_of(topic: TopicNames) -> tuple[str, ...]:
    """Return the names and patterns of an input, in the order of the configuration.

    Examples
    --------
    >>> names_of("scores"), names_of(("scores-eu", "scores-us"))
    (('scores',), ('scores-eu', 'scores-us'))
    """
    return (topic,) if isinstance(topic, str) else topic


def is_pattern(name: str) -> bool:
    """Whether a name stands for all topics that it matches."""
    return name.startswith(PATTERN)


def has_pattern(topic: TopicNames) -> bool:
    """Whether which topics an input has depends on those of the broker."""
    return any(map(is_pattern, names_of(topic)))


def is_several(topic: TopicNames) -> bool:
    """Whether an input may have more than one topic."""
    return len(names_of(topic)) > 1 or has_pattern(topic)


def shown(topic: TopicNames) -> str:
    """Return the topics of an input as messages name them.

    Examples
    --------
    >>> shown(("scores-eu", "scores-us"))
    'scores-eu, scores-us'
    """
    return ", ".join(names_of(topic))


def from_text(text: str) -> TopicNames:
    """Return what a text of the command line names: several topics are separated by commas.

    Examples
    --------
    >>> from_text("scores"), from_text("scores-eu,scores-us"), from_text("^scores-[a-z]{2,3}$")
    ('scores', ('scores-eu', 'scores-us'), '^scores-[a-z]{2,3}$')
    """
    if is_pattern(text) or "," not in text:
        return text
    return tuple(part.strip() for part in text.split(","))


def matching(topic: TopicNames, present: Iterable[str], excluded: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the topics that an input has on a broker, each once.

    Names keep their order, and stand there whether the broker has the topic or not; behind them come the topics that
    the patterns match from their beginning, by name. Kafka's internal topics and the ``excluded`` match no pattern.

    Examples
    --------
    >>> matching(("b", "^a-"), ["a-2", "a-1", "__a", "b"])
    ('b', 'a-1', 'a-2')
    """
    patterns = [re.compile(name) for name in names_of(topic) if is_pattern(name)]
    hidden = {*excluded}
    found = [
        name
        for name in sorted(present)
        if name not in hidden and not name.startswith(_INTERNAL) and any(each.match(name) for each in patterns)
    ]
    return tuple(dict.fromkeys([*(name for name in names_of(topic) if not is_pattern(name)), *found]))
