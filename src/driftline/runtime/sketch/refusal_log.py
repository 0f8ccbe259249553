"""Says in the log that records are refused: when it begins, how it goes on, and when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.dead_letter import OFFSET_GAP, REASONS, UNUSABLE_COMMAND
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.events.dead_letter import DeadLetter

INTERVAL_S: Final = 60.0
"""Between two lines on refusals that last, and without one before they have ended: a few lines an hour are read, one a
flush would hide all others."""
ALL_REFUSED: Final = 100
"""Records in a row of which none could be used, from which the worker counts as doing no work."""
_log = get_logger(__name__)


class _Lasting:
    """Refusals of one reason on one topic since they began."""

    __slots__ = ("example", "last_s", "n_all", "n_new", "n_read_before", "told_s")

    def __init__(self, now_s: float, n_read: int) -> None:
        self.n_all = self.n_new = 0
        self.n_read_before = n_read
        self.told_s = self.last_s = now_s
        self.example = ""


class _Topic:
    """What was read of one topic."""

    def __init__(self) -> None:
        self.n_read = 0
        self.n_refused_in_a_row = 0
        self.last: DeadLetter | None = None
        self.lasting: dict[str, _Lasting] = {}


class RefusalLog:
    """Tells of refused records by topic and reason, and whether a topic has had nothing but refused ones.

    Notes
    -----
    *State*: a few numbers and one message for each topic and reason. *Cost*: of each flush a few steps, and one for
    each refused record.
    """

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}

    def note(self, n_read: Mapping[str, int], letters: Iterable[DeadLetter], now_s: float) -> None:
        """Take in one committed flush: the records read of each topic, and what was refused of them.

        A command that is refused was written by somebody who expects something of it, so each has a line.
        """
        of_topic: dict[str, list[DeadLetter]] = {topic: [] for topic in n_read}
        for letter in letters:
            if letter.reason == UNUSABLE_COMMAND:
                _log.warning("a command is refused", message=letter.message)
            if (
                letter.reason != OFFSET_GAP and letter.topic in of_topic
            ):  # a gap is no record, and logged when it is met
                of_topic[letter.topic].append(letter)
        for name, refused in of_topic.items():
            topic = self._topics.setdefault(name, _Topic())
            topic.n_refused_in_a_row += n_read[name]
            if len(refused) < n_read[name]:
                topic.n_refused_in_a_row = 0
            elif refused:
                topic.last = refused[-1]
            for letter in refused:
                _note_one(topic, letter, now_s)
            topic.n_read += n_read[name]
            for reason in [*topic.lasting]:
                _tell(name, topic, reason, now_s)

    def forget(self) -> None:
        """Forget everything: the partitions are another worker's."""
        self._topics.clear()

    def all_refused(self) -> str | None:
        """Return that every record of a topic is refused, and why; None while some can be used."""
        for name, topic in self._topics.copy().items():
            last = topic.last
            if topic.n_refused_in_a_row >= ALL_REFUSED and last is not None:
                return (
                    f"none of the last {topic.n_refused_in_a_row:,} records of `{name}` could be used; {last.reason} "
                    f"({REASONS[last.reason]}), such as: {last.message}"
                )
        return None


def _note_one(topic: _Topic, letter: DeadLetter, now_s: float) -> None:
    lasting = topic.lasting.get(letter.reason)
    if lasting is None:
        lasting = topic.lasting[letter.reason] = _Lasting(now_s, topic.n_read)
    lasting.n_all += 1
    lasting.n_new += 1
    lasting.last_s = now_s
    lasting.example = letter.message


def _tell(name: str, topic: _Topic, reason: str, now_s: float) -> None:
    """Log what is due of one reason, after the records of a flush."""
    lasting = topic.lasting[reason]
    begins = lasting.n_new == lasting.n_all
    if begins and lasting.last_s == now_s == lasting.told_s:
        _say("records are refused", name, topic, reason, lasting)
    elif lasting.n_new and now_s - lasting.told_s >= INTERVAL_S:
        _say("records are still refused", name, topic, reason, lasting)
        lasting.told_s = now_s
    elif not lasting.n_new and now_s - lasting.last_s >= INTERVAL_S:
        _log.info(
            "no more records are refused for this reason",
            topic=name,
            reason=reason,
            refused_in_all=lasting.n_all,
        )
        del topic.lasting[reason]


def _say(event: str, name: str, topic: _Topic, reason: str, lasting: _Lasting) -> None:
    n_read = topic.n_read - lasting.n_read_before
    _log.warning(
        event,
        topic=name,
        reason=reason,
        means=REASONS[reason],
        refused=lasting.n_new,
        share=f"{lasting.n_new / n_read:.1%}" if n_read else "",
        example=lasting.example,
    )
    lasting.n_new = 0
    lasting.n_read_before = topic.n_read
