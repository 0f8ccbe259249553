"""One model on one source partition, for the tests of the monitor and of its state."""

from __future__ import annotations

import random

from driftline.events.model_key import ModelKey
from driftline.events.source import Source, Watermark
from driftline.panes.flush_record import VERSION, FlushRecord, encode
from tests.support.monitoring import Item, Traffic, records_of, small_settings, training_profile

KEY, OTHER = ModelKey("m", "1"), ModelKey("other", "")
SETTINGS = small_settings()
YEAR_MS = 365 * 86_400_000


def predictions(start_ms: int, n: int, every_ms: int = 1_000, key: ModelKey = KEY) -> list[Item]:
    rng = random.Random(start_ms)
    times = [start_ms + i * every_ms for i in range(n)]
    return [Item("predictions", key, t, rng.gauss(0, 1), "a", 1, 1, i, t) for i, t in enumerate(times)]


def one_partition(items: list[Item]) -> Traffic:
    traffic = Traffic([items])
    traffic.published = [training_profile(KEY, 0)]
    traffic.knows(traffic.published[0])
    return traffic


def flush(traffic: Traffic, start: int, stop: int) -> bytes:
    (record,) = records_of(traffic, [(0, start, stop)], 1)
    return record


def mark(time_ms: int, partition: int = 0, n: int = 1) -> bytes:
    return encode(FlushRecord(VERSION, [], [], [Watermark(Source("predictions", partition), n, time_ms, idle=False)]))
