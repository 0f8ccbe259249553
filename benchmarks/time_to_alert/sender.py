"""A process that sends the events of all models as time passes, and notes when each first shifted one was sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Producer

from benchmarks.time_to_alert.population import deviations, documents, draw, scores
from benchmarks.time_to_alert.schedule import Life, ends_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

TICK_S: Final = 0.02
N_PARTITIONS: Final = 4
_ENCODE: Final = msgspec.json.Encoder().encode


class Onset(NamedTuple):
    """The first shifted event of a model."""

    life: Life
    event_ms: int
    """Its event time."""
    sent_s: float
    """When it was handed to the Kafka client, by the clock."""


class Sent(NamedTuple):
    """What was sent."""

    onsets: list[Onset]
    n_events: int
    seconds: float
    latest_s: float
    """How long after its own time an event was sent, at most."""


def send(bootstrap: str, topic: str, lives: Sequence[Life], start_s: float, rate: float) -> Sent:
    """Send ``rate`` events a second of each model, in real time; return once all are acknowledged."""
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    client = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "compression.type": "lz4", "acks": "all"})

    def produce(name: str, value: bytes, partition: int) -> None:
        client.produce(topic, value, name, partition, delivered)

    sender = Sender(lives, start_s, rate, produce)
    while sender.passed_s < ends_s(lives):
        time.sleep(max(0.0, start_s + sender.passed_s + TICK_S - time.time()))
        sender.tick(time.time() - start_s)
        client.poll(0)
    assert client.flush(60) == 0, "records were not taken"
    assert not failed, failed[:3]
    return sender.sent()


class Sender:
    """Makes the events of models, tick by tick.

    Parameters
    ----------
    lives : sequence of Life
    start_s : float
        Of the run, on the clock.
    rate : float
        Events a second of each model, as a Poisson process.
    produce : callable
        Takes the name, the value and the partition of an event.
    clock : callable
        Returns the time, in seconds since the epoch.

    Attributes
    ----------
    passed_s : float
        Events have been sent up to there, in seconds from the start of the run.
    """

    def __init__(
        self,
        lives: Sequence[Life],
        start_s: float,
        rate: float,
        produce: Callable[[str, bytes, int], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.passed_s = 0.0
        self._lives, self._start_s, self._rate = lives, start_s, rate
        self._produce, self._clock = produce, clock
        self._rng = np.random.default_rng(13)
        self._deviations = deviations()
        self._onsets: dict[str, Onset] = {}
        self._n = 0
        self._latest_s = 0.0

    def tick(self, now_s: float) -> None:
        """Send all events since the last tick, in the order of their times."""
        living = [life for life in self._lives if life.start_s < now_s and life.end_s > self.passed_s]
        parts = [self._moments(life, now_s) for life in living]
        if parts:
            moments = np.concatenate(parts)
            whose = np.repeat(np.arange(len(living)), [part.size for part in parts])
            order = np.argsort(moments, kind="stable")
            self._send(moments[order], [living[number] for number in whose[order].tolist()])
        self.passed_s = now_s

    def sent(self) -> Sent:
        """Return what was sent so far."""
        return Sent([*self._onsets.values()], self._n, self.passed_s, self._latest_s)

    def _moments(self, life: Life, now_s: float) -> NDArray[np.float64]:
        begin_s, end_s = max(self.passed_s, life.start_s), min(now_s, life.end_s)
        return self._rng.uniform(begin_s, end_s, self._rng.poisson(max(0.0, end_s - begin_s) * self._rate))

    def _send(self, moments_s: NDArray[np.float64], lives: Sequence[Life]) -> None:
        times_ms = np.floor((self._start_s + moments_s) * 1000).astype(np.int64)
        rows = draw(self._rng, times_ms)
        shifted = [moment_s >= life.onset_s for moment_s, life in zip(moments_s.tolist(), lives, strict=True)]
        for place, life in enumerate(lives):
            if shifted[place]:
                rows[life.feature][place] += (1 if life.up else -1) * self._deviations[life.feature]
        score, features = scores(rows).tolist(), documents(rows)
        for place, (life, time_ms) in enumerate(zip(lives, times_ms.tolist(), strict=True)):
            name = f"{life.model}-{self._n}"
            event = {
                "prediction_id": name,
                "model": life.model,
                "model_version": "1",
                "ts": time_ms,
                "features": features[place],
                "prediction": int(score[place] >= 0.5),
                "score": score[place],
            }
            value, now_s = _ENCODE(event), self._clock()
            if shifted[place] and life.model not in self._onsets:
                self._onsets[life.model] = Onset(life, time_ms, now_s)
            self._latest_s = max(self._latest_s, now_s - time_ms / 1000)
            self._produce(name, value, self._n % N_PARTITIONS)
            self._n += 1
