"""The mutes that hold, read from the control topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.errors import EventError
from driftline.events.control import Mute, Unmute, command_of
from driftline.events.times import read_time
from driftline.runtime.control.control_writer import TOPIC
from driftline.runtime.kafka.tail import follow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.runtime.kafka.tail import TailedRecord


class StandingMute(NamedTuple):
    """A mute that holds."""

    id: str
    mute: Mute


def standing_mutes(kafka: KafkaSettings, credentials: Credentials, now_ms: int) -> list[StandingMute]:
    """Return the mutes on the control topic that hold after ``now_ms``, the oldest first.

    Raises
    ------
    BrokerError
        When no broker answers, or the control topic is missing.
    """
    topic = kafka.topic(TOPIC)
    return holding(follow(kafka, credentials, topic, from_beginning=True, until_idle_s=0.0), topic, now_ms)


def holding(records: Iterable[TailedRecord], topic: str, now_ms: int) -> list[StandingMute]:
    """Return the mutes among records that hold after ``now_ms``; what is no command is passed over, as it mutes
    nothing.
    """
    mutes: dict[str, Mute] = {}
    ended: set[str] = set()
    for record in records:
        try:
            command = command_of(record.value)
        except EventError:
            continue
        if isinstance(command, Mute):
            mutes.setdefault(command.id or f"{topic}-{record.partition}@{record.offset}", command)
        elif isinstance(command, Unmute) and command.mute in mutes:
            ended.add(command.mute)
    return [
        StandingMute(name, mute)
        for name, mute in mutes.items()
        if name not in ended and read_time(mute.until, at="$.until") > now_ms
    ]
