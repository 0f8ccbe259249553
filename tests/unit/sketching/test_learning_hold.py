"""A partition is held once it alone has given a model's sample, until there is a profile or it has waited in vain."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.config.durations import Duration
from driftline.config.model import BootstrapSettings, ModelSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.source import Source
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketching.learning_hold import SLACK_MS, Hold, LearningHold
from driftline.sketching.source_clock import SourceClock

KEY, OTHER = ModelKey("loan", "1"), ModelKey("flag", "")
PANE_MS, LATENESS_MS = 10, 20
SETTINGS = Settings(
    time=TimeSettings(pane=Duration(PANE_MS), lateness=Duration(LATENESS_MS), idle_timeout=Duration(5_000)),
    defaults=ModelSettings(bootstrap=BootstrapSettings(sample=4)),
    models={"off": ModelSettings(bootstrap=BootstrapSettings(enabled=False, sample=4))},
)
HELD = Hold(Source("predictions", 2), KEY, 4)


class Reading:
    """One partition that is read, with its clock."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.profiles = Profiles()
        self.hold = LearningHold(settings, self.profiles)
        self.clock = SourceClock(PANE_MS, LATENESS_MS)

    def read(self, *times_ms: int, key: ModelKey = KEY, partition: int = 2) -> list[Hold]:
        arrivals = self.clock.advance(np.array(times_ms, dtype=np.int64))
        self.hold.add(partition, key, arrivals, self.clock.watermark_ms)
        return self.hold.holds()

    def learn(self, key: ModelKey = KEY) -> None:
        table = ReferenceTable(2, {}, prediction=["0", "1"])
        self.profiles.add(build_profile(key, table, ModelSettings(), 1 << 40, "bootstrap"))


def test_only_events_of_panes_count_that_have_ended_under_the_partitions_own_watermark() -> None:
    reading = Reading()
    assert reading.read(1, 2, 3, 4, 11, 12, 13) == []
    assert reading.read(29) == [], "the watermark is at 9, and the pane ends at 10"
    assert reading.read(30) == [HELD]
    assert reading.read(40) == [HELD._replace(n_events=7)]


def test_late_events_do_not_count() -> None:
    reading = Reading()
    reading.read(1, 2, 3, 30)
    assert reading.read(4, 5, 6) == [], "they are in no pane of the detect stage"
    assert reading.read(11, 40) == [HELD]


def test_a_partition_is_read_on_as_soon_as_there_is_a_profile_from_whenever_it_holds() -> None:
    reading = Reading()
    assert reading.read(1, 2, 3, 4, 30) == [HELD]
    reading.learn(OTHER)
    assert reading.hold.holds() == [HELD]
    reading.learn()
    assert reading.hold.holds() == []
    assert reading.read(31, 32, 33, 34, 90) == []


def test_each_model_and_each_partition_counts_for_itself() -> None:
    reading = Reading()
    assert reading.read(1, 2) == reading.read(3, 4, key=OTHER) == reading.read(5, 6, partition=1) == []
    assert reading.read(30) == []
    reading = Reading()
    reading.read(1, 2, 3, 4)
    reading.read(1, 2, 3, 4, key=OTHER)
    reading.read(30, key=OTHER)
    assert reading.read(30) == [Hold(Source("predictions", 2), OTHER, 4)], "a partition is named once"


def test_nobody_waits_for_a_model_that_learns_nothing() -> None:
    reading = Reading()
    assert reading.read(1, 2, 3, 4, 5, 90, key=ModelKey("off", "")) == []


def test_waiting_in_vain_ends_for_good_for_that_model_alone() -> None:
    reading = Reading()
    reading.read(1, 2, 3, 4)
    reading.read(5, 6, 7, 8, key=OTHER, partition=1)
    assert [hold.key for hold in reading.read(60)] == [KEY]
    patience_ms = 5_000 + SLACK_MS
    assert reading.hold.give_up(1_000) == []
    assert reading.hold.give_up(1_000 + patience_ms) == []
    reading.read(60, key=OTHER, partition=1)
    assert reading.hold.give_up(1_001 + patience_ms) == [KEY]
    assert [hold.key for hold in reading.hold.holds()] == [OTHER]
    assert [hold.key for hold in reading.read(61, 62, 63, 64, 120)] == [OTHER]
    assert reading.hold.give_up(1_002 + patience_ms) == [], "the other has just begun"


@pytest.mark.parametrize("n", [1, 3])
def test_after_an_abort_it_is_counted_anew(n: int) -> None:
    reading = Reading()
    for _ in range(n):
        reading.read(1, 2, 3, 4, 30)
        reading.hold.clear()
        reading.clock.running_max_ms = None
        assert reading.hold.holds() == []
    assert reading.read(1, 2, 3, 4, 30) == [HELD]
