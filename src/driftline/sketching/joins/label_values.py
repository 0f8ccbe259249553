"""Labels as fixed-size values, and as class codes or numbers once the prediction that they belong to is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash

from driftline.sketching.joins.join_entry import BOOLEAN, NULL, NUMBER, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.outcomes import ClassOrNumber
    from driftline.profiles.task import Task

_KINDS: Final = {type(None): NULL, bool: BOOLEAN, int: NUMBER, float: NUMBER, str: TEXT}


def pack_values(labels: Sequence[ClassOrNumber | None]) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """Return the kind and the value of each label, both of shape (n,).

    Notes
    -----
    Whole numbers beyond 2⁵³ are kept to float64's precision; texts by their 64-bit hash.
    """
    kinds = np.fromiter(map(_KINDS.__getitem__, map(type, labels)), dtype=np.int32, count=len(labels))
    values = np.zeros(len(labels), dtype=np.uint64)
    plain = (kinds == NUMBER) | (kinds == BOOLEAN)
    if plain.all():
        return kinds, _bits(labels)
    rows = np.flatnonzero(plain)
    values[rows] = _bits([labels[row] for row in rows.tolist()])
    rows = np.flatnonzero(kinds == TEXT)
    hashes: dict[object, int] = {}
    for row in rows.tolist():
        text = labels[row]
        digest = hashes.get(text)
        if digest is None:
            digest = hashes[text] = text_value(str(text))
        values[row] = digest
    return kinds, values


def _bits(labels: Sequence[ClassOrNumber | None]) -> NDArray[np.uint64]:
    return np.array(labels, dtype=np.float64).view(np.uint64)


def text_value(text: str) -> int:
    """Return the value of a label that is a text."""
    return xxhash.xxh3_64_intdigest(text.encode())


def codes_of(task: Task, kinds: NDArray[np.int32], values: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return labels as class codes or as values over the task's spread, shape (n,).

    A class that the task does not know has the code ``len(classes)``; what is neither class nor number, a null among
    it, is not-a-number.
    """
    numbers = np.ascontiguousarray(values).view(np.float64)
    if task.kind == "regression":
        return np.where(kinds == NUMBER, numbers / task.spread, math.nan)
    codes = np.full(kinds.size, math.nan)
    rows = np.flatnonzero((kinds == NUMBER) | (kinds == BOOLEAN))
    if rows.size:
        unique, index = np.unique(numbers[rows], return_inverse=True)
        codes[rows] = task.encode(unique.tolist())[index]
    rows = np.flatnonzero(kinds == TEXT)
    if rows.size:
        classes = np.array([text_value(name) for name in task.classes], dtype=np.uint64)
        order = np.argsort(classes)
        place = np.minimum(np.searchsorted(classes[order], values[rows]), classes.size - 1)
        codes[rows] = np.where(classes[order][place] == values[rows], order[place], len(task.classes))
    return codes
