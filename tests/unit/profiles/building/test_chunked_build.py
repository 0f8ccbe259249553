"""A profile is the same whatever the rows are kept in, and however many of them are looked at together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.config.model import CheckSettings, ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building import encoded_rows
from driftline.profiles.building.build import READINGS, TimeOptions, build_profile
from driftline.profiles.building.coded_values import CodedValues
from driftline.profiles.building.means_of_rows import mean_of_rows
from driftline.profiles.building.stored_columns import StoredColumns
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.building.vectors import vectors_of
from driftline.profiles.codec import encode_profile
from driftline.profiles.task import NO_TIME
from driftline.runtime.references.file_store import FileStore

if TYPE_CHECKING:
    from driftline.profiles.building.coded_values import Values

KEY = ModelKey("risk", "3")
N = 800
DAY_MS = 86_400_000
ALL_CHECKS = CheckSettings(multivariate=("correlation", "reconstruction", "mean_embedding", "domain_classifier"))


def table_of(*, regression: bool = False, some_absent: bool = True) -> ReferenceTable:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, N))
    if some_absent:
        x[::17] = np.nan
    score = rng.random(N)
    features: dict[str, Values] = {
        "x": x,
        "y": y.round(1),
        "z": 2 * y + rng.normal(size=N),
        "codes": rng.integers(0, 9, N).astype(float),
        "channel": rng.choice(["web", "app", "shop"], N).tolist(),
        "ids": [f"id-{i % 700}" for i in range(N)],
        "mixed": [None if i % 5 == 0 else "12.5" if i % 7 == 0 else i % 11 for i in range(N)],
    }
    labels = (rng.random(N) < score).astype(int).tolist()
    times = rng.integers(0, 40 * DAY_MS, N)
    times[::100] = NO_TIME
    return ReferenceTable(
        N,
        features,
        prediction=(10 * score).tolist() if regression else (score >= 0.5).astype(int).tolist(),
        score=None if regression else score.tolist(),
        label=(10 * score + rng.normal(size=N)).tolist() if regression else labels,
        times_ms=times,
        vectors={"e": found} if (found := vectors_of(rng.normal(size=(N, 8)).tolist())) else {},
    )


def in_a_file(table: ReferenceTable) -> ReferenceTable:
    """Return a table whose columns are codes and arrays, all in a file."""
    store = FileStore(small_bytes=0)
    columns = StoredColumns(store)
    for name, values in table.features.items():
        columns.keep(name, values if isinstance(values, np.ndarray) else CodedValues.of(values))
    prediction, label = (None if each is None else CodedValues.of(each) for each in (table.prediction, table.label))
    return replace(table, features=columns, store=store, prediction=prediction, label=label)


@pytest.mark.parametrize("block_rows", [113, 500])
@pytest.mark.parametrize(
    ("how", "given"),
    [
        ({}, {}),
        ({"half_life_ms": 5 * DAY_MS}, {}),
        ({}, {"regression": True}),
        ({}, {"some_absent": False}),
    ],
)
def test_a_profile_is_the_same_in_blocks_and_from_a_file(
    monkeypatch: pytest.MonkeyPatch, block_rows: int, how: dict[str, Any], given: dict[str, Any]
) -> None:
    table = table_of(**given)
    assert table.times_ms is not None
    if how:  # every row has a time where recent ones weigh more
        table = replace(table, times_ms=np.maximum(table.times_ms, 0))
    settings, in_time = ModelSettings(checks=ALL_CHECKS), TimeOptions(**how)
    whole = build_profile(KEY, table, settings, 0, "training", in_time=in_time)
    advanced: list[int] = []
    monkeypatch.setattr(encoded_rows, "BLOCK_ROWS", block_rows)
    stored = in_a_file(table)
    blocks = build_profile(KEY, stored, settings, 0, "training", in_time=in_time._replace(advance=advanced.append))
    assert encode_profile(blocks) == encode_profile(whole)
    assert sum(advanced) >= READINGS * N * len(table.features)


@pytest.mark.parametrize("n", [1, 7, 129, 1_000, 70_001])
@pytest.mark.parametrize("leaf_rows", [128, 1_000])
def test_means_of_runs_are_numpys_to_the_last_bit(n: int, leaf_rows: int) -> None:
    values = np.random.default_rng(n).normal(size=(5, n)) * 10.0 ** np.arange(5)[:, None]
    side_by_side = values.T.copy().T

    def rows(first: int, last: int) -> np.ndarray:
        return values[:, first:last]

    np.testing.assert_array_equal(mean_of_rows(rows, n, leaf_rows), values.mean(axis=1))
    np.testing.assert_array_equal(mean_of_rows(rows, n, leaf_rows, slice(None)), side_by_side.mean(axis=1))
