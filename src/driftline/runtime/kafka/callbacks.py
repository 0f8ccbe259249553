"""Rebalance callbacks of a consumer that may fail: their errors reach the caller of ``consume``, and nobody waits.

confluent-kafka has two traps for them:

- It hands an error on by the type of its value. An error of its own that no Python code has caught on the way is a
  :class:`~confluent_kafka.KafkaError` there, which is no exception and passes each ``except BaseException``.
- Where a callback has neither assigned nor unassigned, it asks librdkafka for the group's protocol, with Python's lock
  held. While a consumer is closed that can wait for ever (librdkafka's issue 4041), and the whole process with it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Consumer, TopicPartition

    Callback = Callable[[Consumer, list[TopicPartition]], None]


def assigning(callback: Callback) -> Callback:
    """Return a callback for new partitions, which assigns them; where it fails, none is assigned."""

    @wraps(callback)
    def called(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            callback(consumer, partitions)
        except BaseException:  # it is caught, so that it is an exception
            with suppress(KafkaException):
                consumer.unassign()
            raise

    return called


def revoking(callback: Callback) -> Callback:
    """Return a callback for partitions that are taken away: after it, however it ends, they are no longer assigned."""

    @wraps(callback)
    def called(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            callback(consumer, partitions)
        except KafkaException:  # noqa: TRY203  # it is caught, so that it is an exception
            raise
        finally:
            with suppress(KafkaException):
                consumer.unassign()

    return called
