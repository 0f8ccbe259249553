from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.building.table_remarks import n_codes, table_remarks
from driftline.profiles.remark import Contradiction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RNG = np.random.default_rng(3)
N = 6_000


def remarks(values: NDArray[np.float64] | Sequence[object], settings: ModelSettings | None = None) -> list[str]:
    return list(table_remarks(ReferenceTable(len(values), {"x": values}), settings or ModelSettings()))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.arange(100.0), "grows with every row or numbers the rows"),
        (RNG.permutation(100) + 5.0, "grows with every row or numbers the rows"),
        (1.77e18 + 1e9 * np.arange(100), "grows with every row"),
        (list(range(3, 200, 2)), "grows with every row"),
        ([f"id-{i}" for i in range(100)], "holds another text in every row, as an identifier does"),
        (RNG.integers(1, 301, N).astype(float), "holds 300 whole numbers without an order, as codes are"),
        ((2 * RNG.integers(0, 150, N) + 1).tolist(), "holds 150 whole numbers without an order"),
        (np.where(RNG.random(N) < 0.1, np.nan, RNG.integers(0, 400, N)), "holds 400 whole numbers without an order"),
    ],
)
def test_counters_identifiers_and_codes_are_recognised(
    values: NDArray[np.float64] | Sequence[object], words: str
) -> None:
    (remark,) = remarks(values)
    assert isinstance(remark, Contradiction)
    assert words in remark
    assert "`--drop x`" in remark or "`kind: categorical`" in remark
    for kind in ("numeric", "categorical"):
        assert remarks(values, ModelSettings(columns={"x": ColumnSettings(kind=kind)})) == []


@pytest.mark.parametrize(
    "values",
    [
        RNG.integers(20, 71, N).astype(float),  # ages
        RNG.integers(0, 101, N).astype(float),  # percentages
        RNG.poisson(60, N).astype(float),  # counts
        np.minimum(RNG.geometric(0.01, N), 400).astype(float),
        RNG.integers(0, 400, 1_000).astype(float),  # too few of each
        RNG.integers(0, 5_000, 100_000).astype(float),  # too many
        50.0 * RNG.integers(0, 300, N),  # rounded amounts
        RNG.normal(size=N),
        np.full(N, np.nan),
        ["a", "b"] * 100,
        [f"id-{i}" for i in range(50)],
        [None] * 200,
        [True, False] * 100,
        list(range(10)),
    ],
)
def test_ordinary_columns_are_not(values: NDArray[np.float64] | Sequence[object]) -> None:
    assert remarks(values) == []


def test_codes_of_equal_frequency_have_no_order() -> None:
    assert n_codes(np.tile(np.arange(200.0), 20)) == 200


def test_columns_within_an_object_that_is_ignored_are_not_looked_at() -> None:
    table = ReferenceTable(100, {"user.row": np.arange(100.0)})
    assert len(list(table_remarks(table, ModelSettings()))) == 1
    assert list(table_remarks(table, ModelSettings(columns={"user": ColumnSettings(kind="ignore")}))) == []
