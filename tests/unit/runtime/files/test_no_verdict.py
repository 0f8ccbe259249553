"""Why no window was evaluated: the condition that a model did not meet, with numbers."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from driftline.events.model_key import ModelKey
from driftline.events.source import Source
from driftline.monitoring.monitor_status import LearningStatus, ModelStatus
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.no_verdict import ModelTraffic, Surroundings, why_no_verdict
from tests.support.monitoring import LATENESS_MS, START_MS, small_settings, training_profile

KEY = ModelKey("m", "1")
SETTINGS = small_settings()
LEARNING = LearningStatus(
    phase="sample", n_learnt=40, n_wanted=24_096, n_waiting=0, since_ms=None, until_ms=None, error=None
)
LEARNT = dataclasses.replace(training_profile(KEY, START_MS), origin="bootstrap")


def traffic(n_events: int, n_windows: int = 0) -> ModelTraffic:
    seen = ModelTraffic(START_MS)
    seen.n_events, seen.n_windows = n_events, n_windows
    return seen


def status(**changes: object) -> ModelStatus:
    nothing = ModelStatus(
        profile_id=None,
        bootstrap_error=None,
        n_unprofiled=0,
        n_expired=0,
        calibrating_ms=(),
        open_alerts=(),
        learning=LEARNING,
    )
    return msgspec.structs.replace(nothing, **changes)


def given(profiles: Profiles, mark: int | None = START_MS) -> Surroundings:
    return Surroundings(SETTINGS, profiles, frozenset(), {Source("predictions", 0): mark})


def test_a_model_with_a_window_needs_no_reason() -> None:
    assert why_no_verdict({KEY: traffic(100, n_windows=1)}, {}, given(Profiles())) == []


def test_each_model_without_a_window_has_a_reason_of_its_own() -> None:
    other = ModelKey("other", "1")
    reasons = why_no_verdict({KEY: traffic(100, n_windows=1), other: traffic(3)}, {}, given(Profiles()))
    assert len(reasons) == 1
    assert reasons[0].startswith("`other@1`: without a reference")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"n_learnt": 4_000}, "4,000 of 24,096 events learnt (bootstrap.sample + bootstrap.events). Give"),
        ({"n_waiting": 1_300}, "; 1,300 more are in panes that have not closed, which --close closes. Give"),
        ({"error": "no column"}, "The latest sample made no reference: no column"),
    ],
)
def test_learning_that_did_not_end_says_how_far_it_came(changes: dict[str, object], expected: str) -> None:
    of_model = status(learning=msgspec.structs.replace(LEARNING, **changes))
    (reason,) = why_no_verdict({KEY: traffic(5_300)}, {KEY: of_model}, given(Profiles()))
    assert expected in reason


def test_a_model_of_which_nothing_is_known_yet_has_learnt_nothing() -> None:
    (reason,) = why_no_verdict({KEY: traffic(3)}, {}, given(Profiles()))
    assert "0 of 100 events learnt" in reason


def test_events_that_a_reference_was_learnt_from_are_in_no_window() -> None:
    (reason,) = why_no_verdict({KEY: traffic(110)}, {}, given(Profiles([LEARNT])))
    assert "a window needs 15 events (windows.min_samples), and there were 10 after the 100 that" in reason


def test_an_open_window_says_its_end_and_the_last_event() -> None:
    profiles = Profiles([training_profile(KEY, 0)])
    (reason,) = why_no_verdict({KEY: traffic(50)}, {}, given(profiles, START_MS + 30_000 - LATENESS_MS))
    assert "the first window of 1m did not end: it ends at 2026-03-01T12:01:00.000Z" in reason
    assert "the last event is of 2026-03-01T12:00:30.000Z" in reason


def test_a_partition_without_an_event_holds_all_back() -> None:
    profiles = Profiles([training_profile(KEY, 0)])
    (reason,) = why_no_verdict({KEY: traffic(50)}, {}, given(profiles, None))
    assert "of 1 partitions 1 had none, such as partition 0" in reason
