"""Errors by feature through both stages: whatever flushes, orders and corrections are, the last label counts."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import LabelSettings, ModelSettings, PerformanceSettings, WindowSettings
from driftline.config.settings import JoinSettings, Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.panes.flush_record import decode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.runtime.in_process import InProcessStages
from driftline.sketches.columns import NumericColumn
from driftline.sketches.feature_errors import N_CELLS, counts_of
from driftline.sketches.sparse import unpack_into

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

START_MS, WINDOW_MS = 1_772_366_400_000, 20_000
KEY = ModelKey("m", "1")
MODEL = ModelSettings(
    performance=PerformanceSettings(by_feature=2),
    windows=WindowSettings(performance=Duration(WINDOW_MS)),
    labels=LabelSettings(horizon=Duration(600_000), wait=Duration(600_000), revisions=(Duration(600_000),)),
)
BASE = Settings(labels=LabelInput(), time=TimeSettings(pane=Duration(10_000)), defaults=MODEL)


Found = Counter[tuple[int, int, int, int, int]]
"""Labels by window, feature, group, whether wrong and whether of the positive class."""


class Label(NamedTuple):
    """A label of a prediction; None takes back what it had."""

    of: int
    says: str | None


@cache
def profile() -> Profile:
    rng, n = np.random.default_rng(0), 500
    features: dict[str, Any] = {"age": rng.normal(40, 9, n).round(), "channel": rng.choice(["web", "app"], n).tolist()}
    return build_profile(KEY, ReferenceTable(n, features, ["0", "1"] * (n // 2)), MODEL, 0, "training")


def events(n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(7)
    return [
        {
            "prediction_id": f"p{i}",
            "model": KEY.model,
            "model_version": KEY.version,
            "ts": START_MS + 500 * i,
            "prediction": str(rng.integers(0, 2)),
            "features": {"age": float(rng.normal(40, 12)), "channel": str(rng.choice(["web", "app", "new"]))},
        }
        for i in range(n)
    ]


def expected(made: list[dict[str, Any]], labels: list[Label]) -> Found:
    last = {label.of: label.says for label in labels}
    age, channel = profile().feature_groups
    assert isinstance(age.column, NumericColumn)
    counts: Found = Counter()
    for i, says in last.items():
        if says not in {"0", "1"}:
            continue
        event = made[i]
        window, wrong = event["ts"] - event["ts"] % WINDOW_MS, int(event["prediction"] != says)
        bin_ = int(np.searchsorted(age.column.edges, event["features"]["age"], side="right"))
        counts[window, 0, 1 + age.grouping.groups[bin_], wrong, int(says)] += 1
        way = event["features"]["channel"]
        named = way if way in channel.labels else channel.labels[-1]
        counts[window, 1, channel.labels.index(named), wrong, int(says)] += 1
    return counts


def counted(run: Settings, made: list[dict[str, Any]], labels: list[Label], cuts: list[int], *, before: bool) -> Found:
    """Return what all flushes say of windows, with labels before their predictions or behind them."""
    stages = InProcessStages(run, run, Profiles([profile()]), {"predictions": 1, "labels": 1}, "test")
    stages.start()
    values: list[bytes | None] = [json.dumps(event).encode() for event in made]
    said: list[bytes | None] = [
        json.dumps({"prediction_id": f"p{label.of}", "ts": START_MS + 1_000 + i, "label": label.says}).encode()
        for i, label in enumerate(labels)
    ]
    sides: list[tuple[Source, list[bytes | None]]] = [(Source("predictions", 0), values), (Source("labels", 0), said)]
    totals: dict[int, np.ndarray] = {}
    for source, records in sides[::-1] if before else sides:
        bounds = sorted({0, *(min(cut, len(records)) for cut in cuts), len(records)})
        for start, stop in pairwise(bounds):
            offsets = [*range(start, stop)]
            stages.sketcher.add(RecordBatch(source, source.kind, records[start:stop], offsets, [-1] * len(offsets)))
            _add(stages, totals)
    stages.sketcher.advance_to(START_MS + 10**7)
    for _ in range(3):
        _add(stages, totals)
    stages.close()
    found: Found = Counter()
    for window, vector in totals.items():
        assert (vector >= 0).all(), "nothing is taken back that was not there"
        counts = counts_of(vector)
        for at in zip(*(axis.tolist() for axis in np.nonzero(counts)), strict=True):
            slot, group, wrong, positive = at
            found[window, slot, group, wrong, positive] = int(counts[at])
    return found


def _add(stages: InProcessStages, totals: dict[int, np.ndarray]) -> None:
    flush = stages.flush()
    for record in [] if flush is None else [each for part in flush.panes.values() for each in part]:
        for delta in decode(record, "test").joins:
            for window in delta.windows:
                vector = totals.setdefault(window.window_ms, np.zeros(N_CELLS, dtype=np.int64))
                unpack_into(window.by_feature, vector)


labels_of = st.lists(
    st.builds(Label, st.integers(0, 39), st.sampled_from(["0", "1", "1.0", None, "other"])), min_size=1, max_size=60
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(labels_of, st.lists(st.integers(1, 60), max_size=3), st.booleans(), st.sampled_from(["local", "routed"]))
def test_the_last_label_of_each_prediction_counts_once_in_each_of_its_groups(
    labels: list[Label],
    cuts: list[int],
    before: bool,  # noqa: FBT001  # drawn
    joins: str,
) -> None:
    run = replace(BASE, join=JoinSettings(repartition=joins == "routed"))
    made = events(40)
    plain = [label._replace(says="1" if label.says == "1.0" else label.says) for label in labels]
    assert counted(run, made, labels, cuts, before=before) == expected(made, plain)
