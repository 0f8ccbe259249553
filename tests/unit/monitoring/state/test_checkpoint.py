from __future__ import annotations

import random

import msgspec
import pytest

from driftline.config.durations import Duration
from driftline.config.model import ReferenceSettings, RollingSettings, WindowSettings
from driftline.errors import FormatError, ProfileError
from driftline.monitoring.partition_monitor import META_KEY, PartitionMonitor
from driftline.monitoring.predictions.profile_monitor import MAX_JOURNAL
from driftline.monitoring.state.checkpoint import PIECE_BYTES, STATE_VERSION, StateEntries, StatePlace
from driftline.profiles.profiles import Profiles
from tests.support.monitor_runs import Run, run
from tests.support.monitored import KEY, OTHER, SETTINGS, YEAR_MS, flush, mark, one_partition, predictions
from tests.support.monitoring import START_MS, WINDOW_MS


def kept_run() -> Run:
    traffic = one_partition(predictions(START_MS, 100))
    outcome = run([flush(traffic, 0, 100)], SETTINGS, traffic.published)
    outcome.checkpoint()
    return outcome


def test_state_of_another_version_says_what_to_do() -> None:
    kept = kept_run()
    key = next(key for key in kept.store if key != META_KEY)
    version, *rest = msgspec.msgpack.decode(kept.store[key])
    assert version == STATE_VERSION
    kept.store[key] = msgspec.msgpack.encode([99, *rest])
    with pytest.raises(
        FormatError, match=rf"version {STATE_VERSION}, got 99.*delete the state topic, `<prefix>.detect-state`"
    ):
        kept.crash()


def test_meta_of_another_version_says_what_to_do() -> None:
    kept = kept_run()
    kept.store[META_KEY] = msgspec.msgpack.encode([STATE_VERSION - 1, "anything"])
    with pytest.raises(FormatError, match=rf"version {STATE_VERSION}, got {STATE_VERSION - 1}.*delete the state topic"):
        kept.crash()


@pytest.mark.parametrize("damage", [b"", b"\xc1", b"\x90"])
def test_damaged_state_is_refused(damage: bytes) -> None:
    kept = kept_run()
    kept.store[META_KEY] = damage
    with pytest.raises(FormatError, match="delete the state topic"):
        kept.crash()


def test_state_without_its_meta_entry_is_refused() -> None:
    kept = kept_run()
    del kept.store[META_KEY]
    with pytest.raises(FormatError, match="meta"):
        kept.crash()


def test_state_whose_profile_is_lost_says_what_to_do() -> None:
    kept = kept_run()
    kept.published = []
    with pytest.raises(ProfileError, match="Publish it again"):
        kept.crash()


def test_no_entries_are_a_fresh_start() -> None:
    monitor = PartitionMonitor.restore(0, SETTINGS, Profiles(), {})
    assert monitor.status().as_of == -1
    assert monitor.checkpoint().position == 0


def test_large_pieces_of_state_are_cut_and_put_together_again() -> None:
    entries, store = StateEntries(), dict[bytes, bytes]()
    for payload in (random.Random(1).randbytes(3 * PIECE_BYTES + 7), b"small", b"", None):
        for key, value in entries.write(
            [(KEY, StatePlace("verdict", "60000"), payload), (OTHER, StatePlace("hop", ""), b"other")]
        ).items():
            if value is None:
                del store[key]
            else:
                store[key] = value
        assert all(len(key) + len(value) < 512 * 1024 for key, value in store.items())
        expected = {OTHER: {StatePlace("hop", ""): b"other"}} | (
            {} if payload is None else {KEY: {StatePlace("verdict", "60000"): payload}}
        )
        assert StateEntries().read(store, "here") == expected


def test_a_missing_piece_of_state_is_refused() -> None:
    entries = StateEntries().write([(KEY, StatePlace("hop", ""), bytes(2 * PIECE_BYTES))])
    store = {key: value for key, value in entries.items() if value is not None}
    del store[max(store)]
    with pytest.raises(FormatError, match="2 pieces of hop of m@1"):
        StateEntries().read(store, "here")


def test_panes_between_two_closings_are_kept_one_by_one() -> None:
    model = msgspec.structs.replace(
        SETTINGS.defaults,
        windows=WindowSettings(
            verdict=(Duration(3_600_000),), display=Duration(3_600_000), hop=Duration(3_600_000), min_samples=10
        ),
    )
    traffic = one_partition(predictions(START_MS, 2_000))
    settings = msgspec.structs.replace(SETTINGS, defaults=model, labels=None)
    outcome = Run(settings, traffic.published)
    most = 0
    for index in range(200):
        outcome.outputs.update(outcome.monitor.apply(flush(traffic, 10 * index, 10 * index + 10), index))
        outcome.checkpoint()
        names = [msgspec.msgpack.decode(key)[1] for key in outcome.store if key != META_KEY]
        most = max(most, names.count("pane"))
        if index % 50 == 49:
            outcome.crash()
            first = outcome.position
            for again in range(first, index + 1):
                outcome.monitor.apply(flush(traffic, 10 * again, 10 * again + 10), again)
    outputs = outcome.outputs | set(outcome.monitor.apply(mark(START_MS + YEAR_MS), 10_000))
    undisturbed = Run(settings, traffic.published)
    undisturbed.feed([flush(traffic, 0, 2_000), mark(START_MS + YEAR_MS)], 0, 2)
    assert outputs == undisturbed.outputs
    assert 30 < most <= MAX_JOURNAL


def test_windows_of_a_size_that_is_no_longer_configured_leave_the_state() -> None:
    kept = kept_run()
    assert any("verdict-120000" in str(key) for key in kept.store)
    windows_before = SETTINGS.defaults.windows
    fewer = msgspec.structs.replace(windows_before, verdict=(Duration(WINDOW_MS),))
    kept.settings = msgspec.structs.replace(SETTINGS, defaults=SETTINGS.defaults.replace(windows=fewer))
    kept.crash()
    kept.checkpoint()
    assert not any("verdict-120000" in str(key) for key in kept.store)
    assert any("verdict-60000" in str(key) for key in kept.store)


def test_a_rolling_reference_that_is_no_longer_configured_leaves_the_state() -> None:
    """Kept, it would be taken for an unbroken past if the setting came back."""
    length = Duration(WINDOW_MS)
    rolling = ReferenceSettings(rolling=RollingSettings(length=length, gap=length, step=length))
    traffic = one_partition(predictions(START_MS, 200))
    settings = msgspec.structs.replace(SETTINGS, defaults=SETTINGS.defaults.replace(reference=rolling))
    kept = run([flush(traffic, 0, 200)], settings, traffic.published)
    kept.checkpoint()
    assert any("rolling" in str(key) for key in kept.store)
    kept.settings = SETTINGS
    kept.crash()
    kept.checkpoint()
    assert not any("rolling" in str(key) for key in kept.store)
