"""Embeddings that drift are found, and those that do not are not, over several seeds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.checks.quality.families import n_quality_tests
from driftline.config.model import ColumnSettings, ModelSettings
from tests.support.embeddings import embedding_profile, encoded_texts, features_of, sketch_of, window_of_sketch
from tests.support.windows import budget_of, examine_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.finding import FindingEvent
    from driftline.profiles.profile import Profile

N = 1_500
LENGTH = 64
SEEDS = (1, 2, 3, 4, 5)
USUAL = [1 / 6] * 6
MIXED = [0.35, 0.13, 0.13, 0.13, 0.13, 0.13]
"""More texts on one topic, and fewer on the others."""


@pytest.fixture(scope="module")
def profile() -> Profile:
    return embedding_profile(encoded_texts(8_000, LENGTH, 0, USUAL))


def findings(profile: Profile, values: Sequence[object], settings: ModelSettings | None = None) -> list[FindingEvent]:
    window = window_of_sketch(sketch_of(profile, features_of(values), settings))
    found = examine_window(profile, window, budget_of(settings)).findings
    return [each for each in found if each.column is not None and each.column.startswith("emb.")]


@pytest.mark.parametrize("seed", SEEDS)
def test_unchanged_embeddings_give_no_finding(profile: Profile, seed: int) -> None:
    assert findings(profile, encoded_texts(N, LENGTH, seed, USUAL).tolist()) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_another_mix_of_topics_is_found_in_the_scores(profile: Profile, seed: int) -> None:
    found = findings(profile, encoded_texts(N, LENGTH, seed, MIXED).tolist())
    assert {each.column for each in found} & {f"emb.{number}" for number in range(1, 9)}
    assert {each.check for each in found} == {"distribution.pearson"}


@pytest.mark.parametrize("seed", SEEDS)
def test_texts_on_what_the_reference_does_not_have_are_found_in_the_rest(profile: Profile, seed: int) -> None:
    vectors = encoded_texts(N, LENGTH, seed, USUAL)
    rng = np.random.default_rng(seed)
    unheard_of = rng.normal(size=(N // 2, LENGTH))
    vectors[: N // 2] = unheard_of / np.linalg.norm(unheard_of, axis=1, keepdims=True)
    assert "emb.rest" in {each.column for each in findings(profile, vectors.tolist())}


@pytest.mark.parametrize("seed", SEEDS)
def test_vectors_that_are_no_longer_normalised_are_found_by_their_norm(profile: Profile, seed: int) -> None:
    found = findings(profile, (encoded_texts(N, LENGTH, seed, USUAL) * 3).tolist())
    assert "emb.norm" in {each.column for each in found}


def test_vectors_written_with_fewer_digits_are_the_same(profile: Profile) -> None:
    vectors = encoded_texts(N, LENGTH, 1, USUAL)
    assert findings(profile, np.round(vectors, 4).astype(float).tolist()) == []


def test_missing_and_malformed_vectors_are_found_once() -> None:
    made = embedding_profile(encoded_texts(8_000, LENGTH, 0, USUAL))
    vectors: list[object] = [*encoded_texts(N, LENGTH, 1, USUAL).tolist()]
    missing = findings(made, [None] * 300 + vectors[300:])
    assert [(each.column, each.check) for each in missing] == [("emb.norm", "quality.missing")]
    shorter = [vector[:-1] for vector in encoded_texts(300, LENGTH, 2, USUAL).tolist()]
    wrong = findings(made, [*shorter, *vectors[300:]])
    assert [(each.column, each.check) for each in wrong] == [("emb.norm", "quality.wrong_type")]


def test_the_tests_of_an_embedding_are_those_of_its_columns(profile: Profile) -> None:
    counts = {column.name: n_quality_tests(column) for column in profile.columns if column.feature == "emb"}
    assert counts == {"emb.norm": 6, "emb.rest": 2, **{f"emb.{number}": 2 for number in range(1, 9)}}


def test_importance_and_thresholds_are_those_of_the_feature() -> None:
    own = ColumnSettings(importance=3.0, thresholds={"psi": 0.01})
    settings = ModelSettings(columns={"emb": own})
    made = embedding_profile(encoded_texts(4_000, LENGTH, 0, USUAL), settings)
    found = findings(made, encoded_texts(N, LENGTH, 1, MIXED).tolist(), settings)
    assert {each.importance for each in found} == {3.0}
    assert any(each.check == "threshold.psi" for each in found), {each.check for each in found}


def test_events_without_the_feature_or_with_more_lose_nothing_else(profile: Profile) -> None:
    features = [json.dumps({"x": i % 7, "emb": "gone" if i % 2 else [1], "new": [1]}).encode() for i in range(100)]
    sketch = sketch_of(profile, features)
    x, norm = (profile.layout.places[i] for i in (0, 1))
    assert int(sketch.counts[x.bins].sum()) == 100
    assert sketch.counts[norm.quality].tolist() == [0, 0, 0, 100]
    assert msgspec.msgpack.encode(sketch.pack()) == msgspec.msgpack.encode(sketch_of(profile, features).pack())
