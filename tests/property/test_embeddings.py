"""Embeddings count the same whatever they come in: JSON or dictionaries, one batch or many, events or references."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.production import ProductionOptions, TimedRow, build_from_production
from driftline.profiles.building.table import table_of_sample
from driftline.sketches.packed import SampleRow
from tests.support.embeddings import embedding_profile, encoded_texts, features_of, sketch_of
from tests.support.examples import examples
from tests.support.windows import KEY

if TYPE_CHECKING:
    from driftline.config.model import ColumnKind

LENGTH = 8
PROFILE = embedding_profile(encoded_texts(500, LENGTH, 1, unit=False))
NUMBERS = st.floats(-1e6, 1e6) | st.integers(-5, 5) | st.floats() | st.sampled_from([10**400, 1e308])
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "x", "[1, 2]", 1.5, True, {}, {"a": [1.0] * LENGTH}, [], ["1"] * LENGTH, [True] * LENGTH, [[1.0]] * LENGTH]
)
VECTORS = st.lists(NUMBERS, min_size=LENGTH, max_size=LENGTH) | st.lists(NUMBERS, max_size=LENGTH + 2) | ODD
EVENTS = st.lists(
    st.fixed_dictionaries({}, optional={"emb": VECTORS, "x": st.floats(0, 6) | ODD, "new": st.just(1)}),
    min_size=1,
    max_size=8,
)


@examples(150)
@given(events=EVENTS, cut=st.integers(0, 8))
def test_batches_and_forms_do_not_show(events: list[dict[str, Any]], cut: int) -> None:
    raw = [json.dumps(event).encode() for event in events]
    whole = sketch_of(PROFILE, raw)
    n_wrong = whole.counts[PROFILE.layout.places[1].quality].sum()
    assert n_wrong + whole.counts[PROFILE.layout.places[1].bins].sum() == len(events)
    for features in (raw, events, [*raw[:1], *events[1:]]):
        parts = [part for part in (features[:cut], features[cut:]) if part]
        merged = sketch_of(PROFILE, parts[0])
        for part in parts[1:]:
            merged.merge(sketch_of(PROFILE, part))
        merged.normalise()
        whole.normalise()
        assert merged.pack() == whole.pack()


@examples(60)
@given(
    values=st.lists(VECTORS, min_size=1, max_size=12),
    n_more=st.integers(0, 3),
    kind=st.sampled_from([None, "embedding"]),
)
def test_reference_rows_and_events_count_alike(values: list[Any], n_more: int, kind: ColumnKind | None) -> None:
    usual = encoded_texts(20 + n_more, LENGTH, 3).astype(float).tolist()
    features = features_of([*values, *usual])
    rows = [SampleRow(i, text, 1, None) for i, text in enumerate(features)]
    configured = ModelSettings(columns={"emb": ColumnSettings(kind=kind)})
    profile = build_profile(KEY, table_of_sample(rows, kinds={"emb": kind}), configured, 0, "training")
    counted = sketch_of(profile, features, configured)
    assert np.array_equal(counted.counts, profile.reference.counts)
    timed = [TimedRow(1_772_366_400_000 + 1_000 * i, row) for i, row in enumerate(rows)]
    how = ProductionOptions(sample=1_000)
    produced = build_from_production(KEY, lambda: iter([timed[:5], timed[5:]]), configured, 0, how)
    assert produced.columns == profile.columns
    assert np.array_equal(produced.reference.counts, profile.reference.counts)
