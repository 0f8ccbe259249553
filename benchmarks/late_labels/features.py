"""What predictions are made of: rows that repeat, as JSON and as the columns of a reference."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

CATEGORIES: Final = ("web", "app", "shop", "phone", "partner")
N_ROWS: Final = 4_000


class Features(NamedTuple):
    """Rows of features.

    Attributes
    ----------
    columns : dict of str to sequence, each of N_ROWS values
    texts : list of str
        Each row as a JSON object.
    """

    columns: dict[str, Sequence[Any]]
    texts: list[str]


def features(n_numeric: int, n_categorical: int) -> Features:
    """Return rows of so many numeric and categorical features; they have nothing to do with prediction and label."""
    rng = np.random.default_rng([3, n_numeric, n_categorical])
    columns: dict[str, Sequence[Any]] = {
        f"amount_{i:02d}": rng.normal(10.0 * i, 1.0 + i, N_ROWS).round(4).tolist() for i in range(n_numeric)
    }
    columns |= {f"channel_{i}": rng.choice(CATEGORIES, N_ROWS).tolist() for i in range(n_categorical)}
    rows = zip(*columns.values(), strict=True)
    texts = [json.dumps(dict(zip(columns, row, strict=True)), separators=(",", ":")) for row in rows]
    return Features(columns, texts)


SMALL: Final = features(1, 1)
"""Few, where only the join is of interest."""
