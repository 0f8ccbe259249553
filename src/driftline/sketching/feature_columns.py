"""Decoded features by column, and what is noted of values that are absent and of features that are unknown."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from driftline.sketches.columns import WRONG_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class FeatureColumns(NamedTuple):
    """Decoded features of n events."""

    values: list[Sequence[Any]]
    """One per feature column: an array of numbers or a list of JSON values, each of n values."""
    numbers: NDArray[np.float64]
    """The values of the numeric columns, in order, shape (number of numeric columns, n)."""
    exceptions: list[list[tuple[int, int]]]
    """Rows whose value is absent for another reason than that it is missing, with its code, by feature column."""
    unexpected: NDArray[np.bool_]
    """Events with a feature that the profile does not know, shape (n,)."""
    texts: dict[int, list[tuple[int, str]]]
    """Rows and values that are text where a number should be, by feature column, where there are any."""
    unknown: Mapping[str, NDArray[np.int64]]
    """The events that have each feature that the profile does not know; see
    :class:`driftline.sketches.encoding.EncodedColumns`."""


class FeatureNotes:
    """What is noted of n events while their features are decoded, beside the values of the columns."""

    def __init__(self, n_columns: int, n: int) -> None:
        self.exceptions: list[list[tuple[int, int]]] = [[] for _ in range(n_columns)]
        self.unexpected = np.zeros(n, dtype=np.bool_)
        self.texts: dict[int, list[tuple[int, str]]] = defaultdict(list)
        self.unknown: dict[str, list[NDArray[np.int64] | list[int]]] = defaultdict(list)

    def absent(self, index: int, row: int, code: int, value: object) -> None:
        """Note why a numeric column has no value, and which text it had instead."""
        self.exceptions[index].append((row, code))
        if code == WRONG_TYPE and isinstance(value, str):
            self.texts[index].append((row, value))
