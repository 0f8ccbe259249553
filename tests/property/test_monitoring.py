"""The detect stage is a function of the events: flushes, chunks, workers, backlogs and crashes cannot be seen in it."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.model import AlertSettings, Budget, DispersionSettings, ReferenceSettings, RollingSettings
from driftline.events.model_key import ModelKey
from driftline.events.source import Source, Watermark
from driftline.monitoring.state.checkpoint import PIECE_BYTES
from driftline.panes.flush_record import VERSION, decode
from tests.support.examples import examples
from tests.support.monitor_runs import Run, run, run_with_crashes
from tests.support.monitoring import (
    START_MS,
    WINDOW_MS,
    Item,
    Traffic,
    generate,
    records_of,
    schedule,
    small_settings,
    training_profile,
)

if TYPE_CHECKING:
    from driftline.config.settings import Settings

pytestmark = pytest.mark.slow
STEADY, CHANGING, UNKNOWN = ModelKey("steady", "1"), ModelKey("changing", ""), ModelKey("unknown", "7")
EXAMPLES = examples(10, suppress_health_check=[HealthCheck.too_slow])
SETTINGS = small_settings()
SEEDS = st.integers(0, 2**32 - 1)


@cache
def published_traffic() -> Traffic:
    """Two models with profiles; one profile is followed by another in the middle of a window."""
    traffic = generate(1, [STEADY, CHANGING])
    traffic.published = [
        training_profile(STEADY, 0, labelled=True),
        training_profile(CHANGING, 0, seed=1),
        training_profile(CHANGING, START_MS + 295_000, seed=2),
    ]
    for profile in traffic.published:
        traffic.knows(profile)
    return traffic


@cache
def bootstrap_traffic() -> Traffic:
    """A model without a profile beside one that has one; the sketch stage uses each profile as soon as it holds."""
    traffic = generate(2, [STEADY, UNKNOWN])
    traffic.published = [training_profile(STEADY, 0)]
    traffic.knows(traffic.published[0])
    for _ in range(2):  # grid, then reference: each shows only once the sketch stage uses the one before
        outcome = whole(traffic)
        for profile in outcome.profiles.of(UNKNOWN):
            traffic.knows(profile)
    return traffic


def whole(traffic: Traffic) -> Run:
    """Return what comes of all traffic in one flush."""
    slices = [(partition, 0, len(items)) for partition, items in enumerate(traffic.partitions)]
    return run(records_of(traffic, slices, 1), SETTINGS, traffic.published)


@cache
def expected(name: str) -> frozenset[object]:
    traffic = published_traffic() if name == "published" else bootstrap_traffic()
    return frozenset(whole(traffic).outputs)


def kinds(outputs: frozenset[object]) -> Counter[str]:
    """Count outputs by what they are."""
    found: Counter[str] = Counter()
    for record in outputs:
        headers = dict(record.headers)  # type: ignore[attr-defined]  # an OutputRecord
        if not headers:
            found[record.channel] += 1  # type: ignore[attr-defined]  # an OutputRecord
            continue
        value = json.loads(record.value)  # type: ignore[attr-defined]  # an OutputRecord
        found[f"{headers['ce_type'].decode().split('.')[2]} {value['window']['kind']}"] += 1
    return found


def test_the_traffic_shows_everything_there_is_to_show() -> None:
    found = kinds(expected("published"))
    everything = ("window tumbling", "window sliding", "finding tumbling", "finding pane", "finding performance")
    for kind in (*everything, "performance performance", "alert tumbling", "alert performance"):
        assert found[kind] > 0, kind
    bootstrapped = kinds(expected("bootstrap"))
    assert bootstrapped["references"] == 2
    origins = Counter(
        json.loads(record.value)["profile"]["origin"]  # type: ignore[attr-defined]  # an OutputRecord
        for record in expected("bootstrap")
        if record.channel != "references"  # type: ignore[attr-defined]  # an OutputRecord
    )
    assert origins["bootstrap"] > 10


@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((8, 60, 400)), n_workers=st.integers(1, 3))
def test_flushes_chunks_and_workers_cannot_be_seen(seed: int, largest: int, n_workers: int) -> None:
    traffic = published_traffic()
    records = schedule(traffic, random.Random(seed), largest=largest, n_workers=n_workers)
    assert run(records, SETTINGS, traffic.published).outputs == expected("published")


@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((15, 60, 200)), n_crashes=st.integers(1, 4))
def test_crashes_cannot_be_seen(seed: int, largest: int, n_crashes: int) -> None:
    traffic, rng = published_traffic(), random.Random(seed)
    records = schedule(traffic, rng, largest=largest)
    disturbed = run_with_crashes(records, SETTINGS, traffic.published, rng, n_crashes)
    assert disturbed.outputs == expected("published")
    assert disturbed.largest_entry < 512 * 1024


def learning() -> Settings:
    """Return settings under which all that is learnt from the stream is asked for."""
    length = Duration(WINDOW_MS)
    checks = msgspec.structs.replace(
        SETTINGS.defaults.checks,
        dispersion=DispersionSettings(panes=100, span=length),
        test="total_variation",
    )
    rolling = ReferenceSettings(rolling=RollingSettings(length=length, gap=length, step=length))
    alerts = AlertSettings(false_alarm_budget=Budget(pages=1e6))
    return small_settings(defaults=SETTINGS.defaults.replace(checks=checks, reference=rolling, alerts=alerts))


@cache
def long_traffic() -> Traffic:
    """A model for long enough that its variation is known, and another profile after that."""
    rng = random.Random(3)
    times = [START_MS + 250 * i for i in range(8_000)]
    items = [
        Item("predictions", STEADY, t, rng.gauss(0.1 * (t // 60_000 % 5), 1), rng.choice("abc"), 1, 1, i, t)
        for i, t in enumerate(times)
    ]
    traffic = Traffic([items])
    traffic.published = [training_profile(STEADY, 0), training_profile(STEADY, START_MS + 1_600_000, seed=1)]
    for profile in traffic.published:
        traffic.knows(profile)
    return traffic


@cache
def learnt() -> frozenset[object]:
    traffic = long_traffic()
    return frozenset(run(records_of(traffic, [(0, 0, 8_000)], 1), learning(), traffic.published).outputs)


def test_what_is_learnt_is_used_and_ends_with_its_profile() -> None:
    seen: dict[str, set[str]] = {}
    for record in learnt():
        value = json.loads(record.value)  # type: ignore[attr-defined]  # an OutputRecord
        for column in value.get("block", {}) and value["columns"]:
            status = column["test"] and column["test"]["dispersion"]["status"]
            seen.setdefault(value["profile"]["id"], set()).add(status)
    first, second = (seen[profile.profile_id] for profile in long_traffic().published)
    assert first >= {"calibrating", "widened"}
    assert second == {"calibrating"}
    checks = {json.loads(record.value).get("check") for record in learnt()}  # type: ignore[attr-defined]  # as above
    assert checks >= {"distribution.rolling", "detector.shift"}


@examples(4, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, largest=st.sampled_from((150, 900)), n_crashes=st.integers(0, 3))
def test_crashes_and_flushes_cannot_be_seen_in_what_is_learnt(seed: int, largest: int, n_crashes: int) -> None:
    traffic, rng = long_traffic(), random.Random(seed)
    records = schedule(traffic, rng, largest=largest)
    disturbed = run_with_crashes(records, learning(), traffic.published, rng, n_crashes)
    assert disturbed.outputs == learnt()


@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((15, 60, 200)), n_crashes=st.integers(0, 3))
def test_a_bootstrap_is_the_same_however_flushes_fall_and_workers_crash(
    seed: int, largest: int, n_crashes: int
) -> None:
    traffic, rng = bootstrap_traffic(), random.Random(seed)
    records = schedule(traffic, rng, largest=largest)
    assert run(records, SETTINGS, traffic.published).outputs == expected("bootstrap")
    assert run_with_crashes(records, SETTINGS, traffic.published, rng, n_crashes).outputs == expected("bootstrap")


@EXAMPLES
@given(seed=SEEDS, order=st.permutations(range(3)))
def test_draining_one_partition_before_the_others_cannot_be_seen(seed: int, order: list[int]) -> None:
    traffic, rng = published_traffic(), random.Random(seed)
    records = []
    for partition in order:
        n, read = len(traffic.partitions[partition]), 0
        while read < n:
            stop = min(n, read + rng.randint(1, 100))
            records += records_of(traffic, [(partition, read, stop)], 1)
            read = stop
    assert run(records, SETTINGS, traffic.published).outputs == expected("published")


def of_kind(items: list[Item], kind: str) -> list[Item]:
    return [item for item in items if item.kind == kind]


@cache
def stalled_traffic() -> Traffic:
    """The same predictions and labels, where all labels come only after the last prediction."""
    traffic = published_traffic()
    stalled = [[*of_kind(items, "predictions"), *of_kind(items, "labels")] for items in traffic.partitions]
    return Traffic(stalled, traffic.published, traffic.sketched_with)


@cache
def expected_when_stalled() -> frozenset[object]:
    return frozenset(whole(stalled_traffic()).outputs)


def test_stalled_labels_show_everything_once_they_come() -> None:
    found = kinds(expected_when_stalled())
    for kind in ("finding pane", "finding performance", "performance performance", "alert performance"):
        assert found[kind] > 0, kind


@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((15, 60, 200)), n_crashes=st.integers(1, 4))
def test_stalled_labels_crashes_and_flushes_cannot_be_seen(seed: int, largest: int, n_crashes: int) -> None:
    traffic, rng = stalled_traffic(), random.Random(seed)
    records = schedule(traffic, rng, largest=largest)
    assert run(records, SETTINGS, traffic.published).outputs == expected_when_stalled()
    disturbed = run_with_crashes(records, SETTINGS, traffic.published, rng, n_crashes)
    assert disturbed.outputs == expected_when_stalled()


@EXAMPLES
@given(seed=SEEDS)
def test_the_position_goes_on_while_labels_stall(seed: int) -> None:
    traffic, rng = stalled_traffic(), random.Random(seed)
    until = [len(of_kind(items, "predictions")) for items in traffic.partitions]
    silent = Traffic([items[:n] for items, n in zip(traffic.partitions, until, strict=True)], [], traffic.sketched_with)
    records = schedule(silent, rng, largest=30)
    outcome = Run(SETTINGS, traffic.published)
    reached = 0
    for stop in [*sorted(rng.randrange(len(records) + 1) for _ in range(3)), len(records)]:
        outcome.feed(records, reached, stop)
        outcome.checkpoint()
        outcome.crash()
        reached = -(-outcome.position // 3)
    assert outcome.monitor.status().labels_ms is None
    closing = [any(delta.key.model == "closing" for delta in decode(record, "").panes) for record in records]
    assert outcome.position == 3 * closing.index(True)  # the last prediction's pane: all before it are closed
    rest = [(p, n, len(items)) for p, (items, n) in enumerate(zip(traffic.partitions, until, strict=True))]
    records += records_of(traffic, rest, 2)
    outcome.feed(records, reached, len(records))
    assert outcome.outputs == expected_when_stalled()


@EXAMPLES
@given(seed=SEEDS)
def test_a_restored_monitor_keeps_the_same_state(seed: int) -> None:
    traffic, rng = published_traffic(), random.Random(seed)
    records = schedule(traffic, rng, largest=rng.choice((10, 60)))
    middle = rng.randrange(len(records))
    one, other = Run(SETTINGS, traffic.published), Run(SETTINGS, traffic.published)
    one.feed(records, 0, len(records))
    other.feed(records, 0, middle)
    other.checkpoint()
    other.crash()
    other.feed(records, -(-other.position // 3), len(records))
    one.checkpoint()
    other.checkpoint()
    assert other.position == one.position
    assert contents(other) == contents(one)


def contents(of: Run) -> dict[bytes, object]:
    """Return the kept entries, decoded: the order of keys inside them may differ."""
    return {key: msgspec.msgpack.decode(value, strict=False) for key, value in of.store.items() if key != b"meta"}


@EXAMPLES
@given(seed=SEEDS)
def test_a_partition_that_is_idle_from_the_start_holds_nothing_back(seed: int) -> None:
    traffic = published_traffic()
    quiet = Traffic([*traffic.partitions, []], traffic.published, traffic.sketched_with)

    def records_with_idle(seed: int) -> list[bytes]:
        idle = [Watermark(Source(kind, 3), 4, None, idle=True) for kind in ("predictions", "labels")]
        first = msgspec.msgpack.encode((VERSION, [], [], idle))
        return [first, *schedule(quiet, random.Random(seed))]

    outputs = run(records_with_idle(seed), SETTINGS, traffic.published).outputs
    assert outputs == run(records_with_idle(seed + 1), SETTINGS, traffic.published).outputs
    assert len(outputs) == len(expected("published"))
    flags = [json.loads(record.value)["flags"] for record in outputs if record.value is not None]
    assert all("idle" in flag for flag in flags)


def test_pieces_of_state_stay_below_the_record_limit() -> None:
    assert PIECE_BYTES < 512 * 1024
