"""What the log and the metrics say of partitions that wait for a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from structlog.testing import capture_logs

from driftline.config.durations import Duration
from driftline.config.model import BootstrapSettings, ModelSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.source_numbers import Place
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.runtime.operations.telemetry import Telemetry
from driftline.runtime.sketch.learning_reporter import LearningReporter
from driftline.sketching.learning_hold import SLACK_MS, LearningHold
from driftline.sketching.source_clock import SourceClock

if TYPE_CHECKING:
    from structlog.typing import EventDict

KEY = ModelKey("loan", "1")
SETTINGS = Settings(
    time=TimeSettings(pane=Duration(10), lateness=Duration(0), idle_timeout=Duration(1_000)),
    defaults=ModelSettings(bootstrap=BootstrapSettings(sample=3)),
)


class Told:
    def __init__(self) -> None:
        self.profiles, self.telemetry = Profiles(), Telemetry()
        self.learning = LearningHold(SETTINGS, self.profiles)
        self.reporter = LearningReporter(self.telemetry, lambda source: Place("scores", source.partition))

    def read(self, partition: int) -> None:
        clock = SourceClock(10, 0)
        self.learning.add(partition, KEY, clock.advance(np.array([1, 2, 3, 20])), clock.watermark_ms)

    def tell(self, now_s: float = 0.0) -> list[EventDict]:
        with capture_logs() as logs:
            self.reporter.tell(self.learning, now_s)
        return [*logs]

    def held(self, partition: int) -> float | None:
        labels = {"topic_kind": "predictions", "topic": "scores", "partition": str(partition)}
        return self.telemetry.registry.get_sample_value("driftline_held_for_reference", labels)


def test_a_model_is_said_to_be_waited_for_once_and_that_it_is_over() -> None:
    told = Told()
    assert told.tell() == []
    told.read(2)
    assert told.reporter.changed(told.learning.holds())
    (line,) = told.tell()
    assert (line["log_level"], line["model"], line["waiting"]) == ("info", "loan@1", ["scores-2"])
    assert not told.reporter.changed(told.learning.holds())
    told.read(5)
    assert told.reporter.changed(told.learning.holds())
    assert told.tell() == [], "the model is known to wait"
    assert (told.held(2), told.held(5), told.held(1)) == (1.0, 1.0, None)
    table = ReferenceTable(2, {}, prediction=["0", "1"])
    told.profiles.add(build_profile(KEY, table, ModelSettings(), 0, "bootstrap"))
    (line,) = told.tell()
    assert line["event"].startswith("reading on")
    assert (told.held(2), told.held(5)) == (0.0, 0.0)


def test_waiting_in_vain_is_a_warning() -> None:
    told = Told()
    told.read(2)
    told.tell(10.0)
    after_s = 10.0 + (1_000 + SLACK_MS) / 1_000
    assert told.tell(after_s) == []
    warning, line = told.tell(after_s + 1)
    assert (warning["log_level"], warning["model"]) == ("warning", "loan@1")
    assert line["event"].startswith("reading on")
    told.read(2)
    assert told.tell(after_s + 2) == []


def test_partitions_that_were_given_up_are_told_of_again() -> None:
    told = Told()
    told.read(2)
    told.tell()
    told.reporter.forget()
    assert [line["log_level"] for line in told.tell()] == ["info"]
