"""Which of several topics the doctor looks at, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.topic_names import is_several
from driftline.errors import BrokerError
from driftline.inspection.report import Line, note, problem
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topic_choice import resolved
from driftline.runtime.kafka.topics import all_partitions

if TYPE_CHECKING:
    from driftline.config.input_settings import LabelInput, PredictionInput
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings

_SHOWN = 5


def with_topics_there(settings: Settings, credentials: Credentials) -> tuple[Settings, list[Line]]:
    """Return the settings with the topics that patterns match, and what is to be said where there are several.

    The first topic of each input is the one that is looked at.

    Raises
    ------
    BrokerError
        When no broker answers, or no topic matches a pattern.
    """
    present = all_partitions(connect_admin(settings.kafka, credentials))
    found = resolved(settings, present)
    inputs: dict[str, tuple[PredictionInput | LabelInput, PredictionInput | LabelInput]] = {
        "predictions": (settings.predictions, found.predictions)
    }
    if settings.labels is not None and found.labels is not None and not settings.shares_topic:
        inputs["labels"] = settings.labels, found.labels
    lines: list[Line] = []
    for kind, (given, known) in inputs.items():
        if not known.topics:
            raise BrokerError(
                f"Expected a topic that matches `{given.shown}` - at `$.{kind}.topic`, got none - at "
                f"`{settings.kafka.brokers}`"
            )
        if is_several(given.topic):
            lines += _lines(kind, known.topics, present)
    return found, lines


def _lines(kind: str, topics: tuple[str, ...], present: dict[str, int]) -> list[Line]:
    first, *others = topics
    lines = []
    if others:
        shown = ", ".join(f"`{name}`" for name in others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        lines.append(
            note(
                f"{kind}: of {len(topics)} topics only `{first}` is looked at, not {shown}: all share one mapping",
                f"Look at each of the others once, with `--{kind} {others[0]}`",
            )
        )
    missing = [name for name in others if name not in present]
    if missing:
        lines.append(problem(f"{kind}: there is no topic `{missing[0]}`", "Create it, or leave it out"))
    return lines
