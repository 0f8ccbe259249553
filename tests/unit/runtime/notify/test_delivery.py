from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from driftline.config.durations import Duration
from driftline.config.notify_settings import RetrySettings
from driftline.notify.message import single
from driftline.runtime.notify.delivery import Delivery
from driftline.runtime.notify.outcome import DELIVERED, Outcome
from tests.support.alerts import alert_fields, entry

if TYPE_CHECKING:
    from driftline.notify.message import Message

MESSAGE = single(entry())
DOWN = Outcome("down")


class Sink:
    """A sender that answers one outcome after the other, the last one for ever, and the clock that is read."""

    def __init__(self, *outcomes: Outcome, retry: RetrySettings | None = None) -> None:
        self.now_s = 1_000.0
        self.times: list[float] = []
        self.keys: list[str] = []
        self._outcomes = list(outcomes)
        self.delivery = Delivery(self, retry or RetrySettings(), lambda: self.now_s, Random(1))

    def send(self, message: Message, now_s: float) -> Outcome:
        self.keys.append(message.key)
        self.times.append(now_s)
        return self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]

    def to_end(self) -> str:
        """Call as often as it takes; return the last step's result."""
        while True:
            step = self.delivery.step(MESSAGE)
            if step.result in ("delivered", "given up"):
                return step.result
            self.now_s = max(self.now_s + 0.001, self.delivery.not_before_s)


def test_a_message_that_is_taken_leaves_nothing_behind() -> None:
    sink = Sink(DELIVERED)
    assert sink.to_end() == "delivered"
    assert (sink.delivery.problem, sink.delivery.failing_s, sink.times) == (None, 0.0, [1_000.0])


def test_waits_grow_at_random_up_to_their_bounds_and_are_the_same_for_the_same_seed() -> None:
    runs = []
    for _ in range(2):
        sink = Sink(*[DOWN] * 12, DELIVERED)
        assert sink.to_end() == "delivered"
        runs.append(sink.times)
    assert runs[0] == runs[1]
    waits = [later - earlier for earlier, later in zip(runs[0], runs[0][1:], strict=False)]
    bounds = [min(60, 2**n) for n in range(12)]
    assert all(0 <= wait <= bound + 0.001 for wait, bound in zip(waits, bounds, strict=True))
    assert max(waits) > 16


def test_before_the_wait_is_over_nothing_is_sent() -> None:
    sink = Sink(DOWN)
    assert sink.delivery.step(MESSAGE).result == "failed"
    assert sink.delivery.not_before_s > sink.now_s
    assert sink.delivery.step(MESSAGE).result == "waits"
    assert (len(sink.times), sink.delivery.problem) == (1, "down")


def test_a_sink_that_asks_for_time_gets_it() -> None:
    sink = Sink(Outcome("slow down", after_s=120.0), DELIVERED)
    assert sink.to_end() == "delivered"
    assert sink.times == [1_000.0, 1_120.0]
    for_ever = Sink(Outcome("never again", after_s=1e12), retry=RetrySettings(give_up_after=Duration(60_000)))
    assert for_ever.to_end() == "given up"
    assert for_ever.times == [1_000.0, 1_060.0]


def test_a_message_is_given_up_when_its_time_is_over_or_at_once_if_that_is_of_no_use() -> None:
    sink = Sink(DOWN, retry=RetrySettings(give_up_after=Duration(300_000)))
    assert sink.to_end() == "given up"
    assert sink.times[-1] == 1_300.0
    refused = Sink(Outcome("HTTP 400", lasting=True))
    step = refused.delivery.step(MESSAGE)
    assert (step.result, step.problem) == ("given up", "HTTP 400 (it would be refused again)")


def test_the_time_of_the_next_message_begins_with_its_own_first_attempt() -> None:
    sink = Sink(DOWN)
    sink.delivery.step(MESSAGE)
    sink.now_s += 60
    assert sink.delivery.failing_s == 60
    sink.delivery.step(single(entry(fields=alert_fields("a2"))))
    assert sink.keys == ["a1/notification-1", "a2/notification-1"]
    assert sink.delivery.failing_s == 0
    sink.delivery.forget()
    assert (sink.delivery.problem, sink.delivery.not_before_s) == (None, 0.0)
