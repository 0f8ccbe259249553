"""The account: every record that was sent, found again in what driftline wrote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from driftline.events import cloudevents
from driftline.panes import flush_record as pane
from driftline.sketches.layout import LATE
from driftline.sketches.scores import LABELLED, PREDICTED
from driftline.sketches.sparse import unpack_into
from examples.electricity.outputs import Reader

if TYPE_CHECKING:
    from confluent_kafka import Message

    from driftline.profiles.profile import Profile
    from examples.electricity.outputs import Events
    from examples.electricity.traffic import Sent, Topics


@dataclass
class Panes:
    """What committed transactions put on the panes topic."""

    sketched: Counter[int]
    """Events by start of their pane."""
    late: Counter[int]
    """Late events by the pane that was newest when they came."""
    n_predicted: int = 0
    """Predictions remembered for their labels."""
    n_labelled: int = 0
    """Labels that met their prediction."""


@dataclass(frozen=True)
class Written:
    """All that driftline wrote and that the account is held against."""

    panes: Panes
    events: Events
    dead_letters: dict[tuple[str, int, int], str]


@dataclass(frozen=True)
class Account:
    """Where every record went; each figure has its counterpart in what was sent."""

    predictions_sent: int
    sketched: int
    late: int
    late_expected: int
    refused: dict[tuple[str, int, int], str]
    refused_expected: dict[tuple[str, int, int], str]
    predictions_refused: int
    labels_sent: int
    labels_joined: int
    labels_refused: int
    in_windows: int
    """Events and late events that the disjoint windows report."""
    still_open: int
    """Events and late events of panes after the last window."""

    @property
    def problems(self) -> list[str]:
        """What does not add up; nothing where all is well."""
        checks = {
            "predictions = sketched + late + dead letters": self.predictions_sent
            == self.sketched + self.late + self.predictions_refused,
            "late as the definition says": self.late == self.late_expected,
            "dead letters: these records for these reasons": self.refused == self.refused_expected,
            "labels = joined + dead letters": self.labels_sent == self.labels_joined + self.labels_refused,
            "sketched + late = in windows + still open": self.sketched + self.late == self.in_windows + self.still_open,
        }
        return [name for name, holds in checks.items() if not holds]


def read_panes(brokers: str, topic: str, profile: Profile) -> Panes:
    """Add up what the sketch workers wrote."""
    reader = Reader(brokers, topic)
    panes = Panes(Counter(), Counter())
    for message in reader.new():
        _add(panes, message, profile)
    reader.close()
    return panes


def _add(panes: Panes, message: Message, profile: Profile) -> None:
    record = pane.decode(message.value() or b"", f"{message.topic()}-{message.partition()}@{message.offset()}")
    for delta in record.panes:
        assert delta.profile_id == profile.profile_id, "a pane was counted without the profile"
        panes.sketched[delta.pane_ms] += delta.n_events
        if delta.sketch is not None:
            cells = np.zeros(profile.layout.n_cells, dtype=np.int64)
            unpack_into(delta.sketch.counts, cells)
            panes.late[delta.pane_ms] += int(cells[LATE])
    for join in record.joins:
        for window in join.windows:
            cells = np.zeros(profile.task.performance_layout.n_cells, dtype=np.int64)
            unpack_into(window.cells, cells)
            panes.n_predicted += int(cells[PREDICTED])
            panes.n_labelled += int(cells[LABELLED])


def settle(sent: Sent, topics: Topics, written: Written, n_late: int) -> Account:
    """Hold what was sent against what was written; ``n_late`` is how many events are late by the definition."""
    panes, letters = written.panes, written.dead_letters
    verdicts = written.events.verdicts()
    last_end = max(cloudevents.epoch_ms(each["window"]["end"]) for each in verdicts)
    # Each block of a wide window repeats n: count a window once.
    in_windows = sum(each["n"] + each["late"] for each in verdicts if each["block"]["index"] == 0)
    later = sum(n for counts in (panes.sketched, panes.late) for start, n in counts.items() if start >= last_end)
    return Account(
        predictions_sent=len(sent.of(topics.predictions)),
        sketched=panes.sketched.total(),
        late=panes.late.total(),
        late_expected=n_late,
        refused=letters,
        refused_expected=sent.refused(),
        predictions_refused=sum(topic == topics.predictions for topic, _, _ in letters),
        labels_sent=len(sent.of(topics.labels)),
        labels_joined=panes.n_labelled,
        labels_refused=sum(topic == topics.labels for topic, _, _ in letters),
        in_windows=in_windows,
        still_open=later,
    )
