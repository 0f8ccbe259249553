"""Classes and numbers as they came, each in one float64, until it is known which profile says what they are.

A finite number stands for itself. The binade above 2¹⁰²³, which no real value reaches, holds what is no number: with a
positive sign booleans, with a negative one texts by 52 bits of their hash (one of n wrong texts is taken for one of k
classes with probability n k / 2⁵²). Not-a-number stands for none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.profiles.task import Task

    Floats = NDArray[np.float64]

EVEN_ODDS: Final = 0.5
"""Where a binary event has a score but no prediction, the positive class is predicted from this probability on."""
_LIMIT: Final = 2.0**1023
"""Values from here on stand for what is no number."""
_GREATEST: Final = math.nextafter(_LIMIT, 0.0)
_BOOLEAN: Final = np.uint64(0x7FE << 52)
_TEXT: Final = np.uint64(0xFFE << 52)
_DROPPED_BITS: Final = np.uint64(12)


def text_value(text: str) -> int:
    """Return the 64-bit hash that stands for a text."""
    return xxhash.xxh3_64_intdigest(text.encode())


def raw_numbers(numbers: Floats) -> Floats:
    """Return numbers as they are kept; those beyond 2¹⁰²³ as the greatest that are kept, infinite ones unchanged."""
    return np.where(np.isinf(numbers), numbers, np.clip(numbers, -_GREATEST, _GREATEST))


def raw_booleans(truths: NDArray[np.bool_]) -> Floats:
    """Return booleans as they are kept, shape (n,)."""
    return (truths.astype(np.uint64) | _BOOLEAN).view(np.float64)


def raw_texts(hashes: NDArray[np.uint64]) -> Floats:
    """Return texts, given by :func:`text_value`, as they are kept, shape (n,)."""
    return ((hashes >> _DROPPED_BITS) | _TEXT).view(np.float64)


def raw_values(values: Sequence[object]) -> Floats:
    """Return predictions as they are kept, shape (n,); what is neither class nor finite number is not-a-number.

    Examples
    --------
    >>> raw = raw_values([1.5, "yes", True, None, float("inf")])
    >>> raw[[0, 3, 4]].tolist(), bool(raw[1] < -1e307), bool(raw[2] > 1e307)
    ([1.5, nan, nan], True, True)
    """
    texts: dict[str, float] = {}
    return np.array([_raw(value, texts) for value in values], dtype=np.float64)


def _raw(value: object, texts: dict[str, float]) -> float:
    if isinstance(value, str):
        raw = texts.get(value)
        if raw is None:
            raw = texts[value] = _raw_text(value)
        return raw
    if isinstance(value, bool):
        return _BOOLEANS[value]
    if isinstance(value, int | float) and math.isfinite(value):
        return min(max(float(value), -_GREATEST), _GREATEST)
    return math.nan


def _raw_text(text: str) -> float:
    return float(raw_texts(np.array([text_value(text)], dtype=np.uint64))[0])


_BOOLEANS: Final[tuple[float, float]] = tuple(raw_booleans(np.array([False, True])).tolist())


def codes_of_raw(task: Task, raw: Floats) -> Floats:
    """Return kept values as class codes or as values over the task's spread, shape (n,).

    A class that the task does not know has the code ``len(classes)``; what is neither class nor number is not-a-number.
    """
    special = np.isfinite(raw) & (np.abs(raw) >= _LIMIT)
    if task.kind == "regression":
        return np.where(special, math.nan, raw) / task.spread
    codes = np.full(raw.size, math.nan)
    rows = np.flatnonzero(~special & ~np.isnan(raw))
    if rows.size:
        unique, index = np.unique(raw[rows], return_inverse=True)
        codes[rows] = task.encode(unique.tolist())[index]
    rows = np.flatnonzero(special)
    if rows.size:
        known: dict[float, object] = {_raw_text(name): name for name in task.classes}
        known |= zip(_BOOLEANS, (False, True), strict=True)
        unique, index = np.unique(raw[rows], return_inverse=True)
        of_unique = [known.get(value) for value in unique.tolist()]
        encoded = task.encode([0 if value is None else value for value in of_unique])
        unknown = np.array([value is None for value in of_unique])
        codes[rows] = np.where(unknown, float(len(task.classes)), encoded)[index]
    return codes


def with_scores(task: Task, predicted: Floats, scores: Floats) -> Floats:
    """Return class codes of predictions, those of a binary task that are missing by their scores, shape (n,)."""
    if task.kind != "binary":
        return predicted
    by_score = np.where(np.isnan(scores), np.nan, scores >= EVEN_ODDS)
    return np.where(np.isnan(predicted), by_score, predicted)
