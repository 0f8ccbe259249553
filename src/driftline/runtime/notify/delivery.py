"""Delivers the messages of one sink, one after the other: attempts, waits between them, and when to give up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from driftline.notify.backoff import wait_s

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from driftline.config.notify_settings import RetrySettings
    from driftline.notify.message import Message
    from driftline.runtime.notify.outcome import Sender


class Attempts(Struct):
    """What has happened to the message that is next."""

    key: str
    first_s: float
    n_failures: int = 0
    not_before_s: float = 0.0
    problem: str = ""


class Step(Struct, frozen=True):
    """What one call has led to."""

    result: Literal["waits", "delivered", "failed", "given up"]
    problem: str = ""
    wait_s: float = 0.0


class Delivery:
    """Tries to deliver the next message; at most one attempt a call, so that the caller stays in its consumer group.

    Parameters
    ----------
    sender : Sender
    retry : RetrySettings
    clock : callable
        Returns epoch seconds.
    random : random.Random
        Of the waits.
    """

    def __init__(self, sender: Sender, retry: RetrySettings, clock: Callable[[], float], random: Random) -> None:
        self._sender = sender
        self._retry = retry
        self._clock = clock
        self._random = random
        self._attempts: Attempts | None = None

    @property
    def problem(self) -> str | None:
        """Why the message that is next was not taken the last time; None where it was not tried in vain."""
        return None if self._attempts is None else self._attempts.problem or None

    @property
    def failing_s(self) -> float:
        """Seconds since the first attempt of a message that was tried in vain; 0 where there is none."""
        return (
            0.0 if self._attempts is None or not self._attempts.n_failures else self._clock() - self._attempts.first_s
        )

    @property
    def not_before_s(self) -> float:
        """When the next attempt may be made, in epoch seconds."""
        return 0.0 if self._attempts is None else self._attempts.not_before_s

    def forget(self) -> None:
        """Forget what was tried, as the partition now belongs to another process."""
        self._attempts = None

    def step(self, message: Message) -> Step:
        """Try once to deliver a message, if it is time."""
        now_s = self._clock()
        attempts = self._attempts
        if attempts is None or attempts.key != message.key:
            attempts = self._attempts = Attempts(message.key, now_s)
        if now_s < attempts.not_before_s:
            return Step("waits")
        outcome = self._sender.send(message, now_s)
        if outcome.problem is None:
            self._attempts = None
            return Step("delivered")
        tried_s = self._clock() - attempts.first_s
        if outcome.lasting or tried_s >= self._retry.give_up_after / 1000:
            self._attempts = None
            how = "it would be refused again" if outcome.lasting else f"tried for {tried_s:.0f} s"
            return Step("given up", f"{outcome.problem} ({how})")
        attempts.n_failures += 1
        attempts.problem = outcome.problem
        pause_s = wait_s(self._retry, attempts.n_failures, self._random, outcome.after_s)
        now_s = self._clock()
        # However long a sink asks for, the last attempt is made when the time is over.
        attempts.not_before_s = min(now_s + pause_s, attempts.first_s + self._retry.give_up_after / 1000)
        return Step("failed", outcome.problem, attempts.not_before_s - now_s)
