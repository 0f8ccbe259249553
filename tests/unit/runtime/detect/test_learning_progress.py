"""What the log and the metrics say while a reference is being learnt."""

from __future__ import annotations

from typing import Any, Literal

from structlog.testing import capture_logs

from driftline.config.durations import Duration
from driftline.config.model import ModelSettings, WindowSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.monitoring.monitor_status import LearningStatus
from driftline.runtime.detect.learning_progress import INTERVAL_S, LearningProgress
from driftline.runtime.operations.telemetry import Telemetry

KEY = ModelKey("loan", "1")
START_MS = 1_772_366_400_000
SETTINGS = Settings(defaults=ModelSettings(windows=WindowSettings(verdict=(Duration(3_600_000), Duration(600_000)))))
LABELS = {"model": "loan", "model_version": "1"}


def learning(
    n: int, phase: Literal["off", "sample", "reference"] = "sample", since: int | None = START_MS
) -> LearningStatus:
    return LearningStatus(
        phase=phase,
        n_learnt=n,
        n_wanted=24_096,
        n_waiting=12,
        since_ms=since,
        until_ms=None if since is None else since + n * 100,
        error=None,
    )


class Shown:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.telemetry = Telemetry()
        self.progress = LearningProgress(self.telemetry.models, SETTINGS, lambda: self.now_s)

    def show(self, *statuses: LearningStatus | None, seconds: float = 0.0) -> list[dict[str, Any]]:
        with capture_logs() as logs:
            for status in statuses:
                self.progress.show(KEY, status)
                self.now_s += seconds
        return [dict(line) for line in logs]

    def figure(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"driftline_reference_{name}_events", LABELS)


def test_a_line_says_how_far_it_is_and_when_checks_begin() -> None:
    (line,) = Shown().show(learning(4_000))
    assert (line["event"], line["model"]) == ("learning a reference", "loan@1")
    assert line["progress"] == "4,000 of 24,096 events learnt"
    # 24,096 events take 2,409.6 s; the window after that ends at 50 minutes, and closes a minute later
    assert line["first_checks_at"] == "about 2026-03-01T12:51Z in event time"


def test_lines_come_with_each_phase_and_else_seldom() -> None:
    shown = Shown()
    assert shown.show(learning(0, since=None)) == [], "that it begins is said elsewhere"
    assert len(shown.show(*(learning(n) for n in range(1, 1_000, 10)), seconds=INTERVAL_S / 50)) == 2
    assert len(shown.show(learning(4_096, "reference"), learning(4_097, "reference"))) == 1
    shown.now_s += 2 * INTERVAL_S
    assert len(shown.show(learning(4_097, "reference"))) == 1
    shown.now_s += 2 * INTERVAL_S
    assert shown.show(learning(4_097, "reference")) == [], "nothing has come since"
    (line,) = shown.show(None, None)
    assert line["event"].startswith("reference learnt")


def test_figures_are_there_as_long_as_it_learns() -> None:
    shown = Shown()
    shown.show(learning(5))
    assert (shown.figure("learnt"), shown.figure("wanted")) == (5.0, 24_096.0)
    shown.show(None)
    assert (shown.figure("learnt"), shown.figure("wanted")) == (None, None)
    shown.show(learning(6))
    shown.progress.forget(KEY)
    assert (shown.figure("learnt"), shown.figure("wanted")) == (None, None)


def test_without_learning_nothing_is_shown() -> None:
    shown = Shown()
    assert shown.show(learning(0, "off"), None) == []
    assert shown.figure("wanted") is None
