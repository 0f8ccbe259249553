"""Dates count the same whatever they come in: JSON or dictionaries, one batch or many, events or references."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.model import ColumnKind, ColumnSettings, ModelSettings
from driftline.events.features import features_json
from driftline.profiles.building.build import PANE_MS, TimeOptions, build_profile
from driftline.profiles.building.table import table_of_sample
from driftline.sketches.packed import SampleRow
from tests.support.embeddings import sketch_of
from tests.support.examples import examples
from tests.support.windows import KEY

START_MS = 1_772_323_200_000
KINDS: dict[str, ColumnKind] = {"age": "age", "at.hour": "hour", "day": "weekday"}
SETTINGS = ModelSettings(columns={name: ColumnSettings(kind=kind) for name, kind in KINDS.items()})
USUAL = [dict.fromkeys(KINDS, START_MS - 86_400_000 * i) | {"x": i % 3} for i in range(40)]
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.dates().map(str),
    st.integers(0, 4 * 10**12),
    st.floats(),
    st.sampled_from([None, "", "soon", True, [], ["2026-03-01"], 10**400, {"$date": "2026-03-01"}, {"a": 1}, "1e3"]),
)
EVENTS = st.lists(
    st.fixed_dictionaries(
        {"x": st.integers(0, 2)},
        optional={"age": VALUES, "at": st.fixed_dictionaries({}, optional={"hour": VALUES}), "day": VALUES},
    ),
    min_size=1,
    max_size=8,
)


def rows_of(features: list[Any]) -> list[SampleRow]:
    return [SampleRow(i, features_json(each), 1, None) for i, each in enumerate(features)]


TIMES = [START_MS + PANE_MS * (i // 3) for i in range(len(USUAL))]
PROFILE = build_profile(
    KEY,
    table_of_sample(rows_of(USUAL), kinds=KINDS, times_ms=TIMES),
    SETTINGS,
    0,
    "training",
    in_time=TimeOptions(PANE_MS),
)


@examples(100)
@given(events=EVENTS, cut=st.integers(0, 8))
def test_batches_and_forms_do_not_show(events: list[dict[str, Any]], cut: int) -> None:
    raw = [json.dumps(event).encode() for event in events]
    panes = np.array([START_MS + PANE_MS * i for i in range(len(events))])
    whole = sketch_of(PROFILE, raw, SETTINGS, panes)
    whole.normalise()
    for features in (raw, events, [*raw[:1], *events[1:]], [features_json(event) for event in events]):
        parts = [part for part in (slice(cut), slice(cut, None)) if features[part]]
        merged = sketch_of(PROFILE, features[parts[0]], SETTINGS, panes[parts[0]])
        for part in parts[1:]:
            merged.merge(sketch_of(PROFILE, features[part], SETTINGS, panes[part]))
        merged.normalise()
        assert merged.pack() == whole.pack()


@examples(60)
@given(events=EVENTS)
def test_reference_rows_and_events_count_alike(events: list[dict[str, Any]]) -> None:
    every = [*events, *USUAL]
    times = [START_MS + PANE_MS * i for i in range(len(every))]
    table = table_of_sample(rows_of(every), kinds=KINDS, times_ms=times)
    profile = build_profile(KEY, table, SETTINGS, 0, "training", in_time=TimeOptions(PANE_MS))
    counted = sketch_of(profile, [json.dumps(each).encode() for each in every], SETTINGS, np.array(times))
    names = [column.name for column in profile.columns if column.role == "feature"]
    assert {*KINDS} <= {*names}
    assert np.array_equal(counted.counts, profile.reference.counts)


def test_a_value_that_json_has_no_type_for_is_of_a_wrong_type_in_both_forms() -> None:
    event = {"age": datetime(2026, 3, 1, tzinfo=UTC), "x": 1}
    panes = np.array([START_MS])
    counts = [sketch_of(PROFILE, [form], SETTINGS, panes).counts for form in (event, features_json(event))]
    assert np.array_equal(counts[0], counts[1])
    (place,) = [
        place for column, place in zip(PROFILE.columns, PROFILE.layout.places, strict=True) if column.name == "age"
    ]
    assert counts[0][place.quality].tolist() == [0, 0, 0, 1]
