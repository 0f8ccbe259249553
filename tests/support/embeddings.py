"""Vectors of a made-up encoder, the profile of some, and windows of events that hold others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from driftline.checks.contract.closed_window import ClosedWindow
from driftline.config.model import ModelSettings
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.building.vectors import vectors_of
from driftline.profiles.event_counter import EventCounter
from driftline.sketching.rows import AllRows
from tests.support.windows import HOUR, KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch

N_TOPICS = 6


def encoded_texts(
    n: int, length: int, seed: int, weights: Sequence[float] | None = None, *, unit: bool = True
) -> NDArray[np.float32]:
    """Return embeddings of n texts, shape (n, length): clusters around the topics that texts are about.

    ``weights`` are the shares of the topics; ``unit`` says whether vectors have the norm 1.
    """
    topics = np.random.default_rng(length).normal(size=(N_TOPICS, length))
    rng = np.random.default_rng(seed)
    chosen = rng.choice(N_TOPICS, n, p=weights)
    vectors = topics[chosen] + rng.normal(0, 0.7, (n, length)) + 0.5
    if unit:
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors, dtype=np.float32)


def embedding_profile(vectors: NDArray[Any], settings: ModelSettings | None = None) -> Profile:
    n = len(vectors)
    found = vectors_of(vectors.astype(np.float64).tolist())
    assert found is not None
    table = ReferenceTable(n, {"x": np.arange(float(n)) % 7}, [0, 1] * (n // 2) + [0] * (n % 2), vectors={"emb": found})
    return build_profile(KEY, table, settings or ModelSettings(), 0, "training")


def features_of(values: Sequence[object]) -> list[bytes]:
    """Return the features of events that have each of some values as their embedding."""
    return [json.dumps({"x": i % 7, "emb": value}).encode() for i, value in enumerate(values)]


def sketch_of(
    profile: Profile,
    features: Sequence[Any],
    settings: ModelSettings | None = None,
    pane_ms: NDArray[np.int64] | None = None,
) -> PaneSketch:
    """Return what events with these features add together; ``pane_ms`` are the starts of their panes."""
    n = len(features)
    none = np.zeros(n, dtype=np.int64)
    starts = none if pane_ms is None else pane_ms
    rows = AllRows(none, ["id"] * n, none, starts, none > 0, [*features], [1] * n, [None] * n)
    count = EventCounter(profile, settings or ModelSettings(), frozenset())
    return next(count(rows, none, 1).sketches())


def window_of_sketch(sketch: PaneSketch) -> ClosedWindow:
    return ClosedWindow(
        key=KEY,
        segment="all",
        kind="tumbling",
        start_ms=10 * HOUR,
        end_ms=11 * HOUR,
        size_ms=HOUR,
        sketch=sketch,
        offsets={0: (0, 1)},
        flags=(),
    )
