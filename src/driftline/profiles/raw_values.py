"""Classes and numbers as they came, each in one float64, until it is known which profile says what they are.

A finite number stands for itself. The binade above 2¹⁰²³, which no real value reaches, holds what is no number: with a
positive sign booleans, with a negative one texts. Of these, whole numbers and truth values are kept letter by letter,
as the classes of a task decide whether ``"1.0"`` is ``"1"``. Of any other text there are 51 bits of its hash, which is
what tells unknown classes apart (:mod:`driftline.profiles.class_names`); one of n wrong texts is taken for one of k
classes with probability n k / 2⁵¹. Not-a-number stands for none.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash

from driftline.profiles.class_names import HASH_BITS_LEFT_OUT, spellings
from driftline.profiles.estimator import EVEN_ODDS
from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.profiles.class_names import ClassNames
    from driftline.profiles.task import Task

    Floats = NDArray[np.float64]

_LIMIT: Final = 2.0**1023
"""Values from here on stand for what is no number."""
_GREATEST: Final = math.nextafter(_LIMIT, 0.0)
_BOOLEAN: Final = np.uint64(0x7FE << 52)
_TEXT: Final = np.uint64(0xFFE << 52)
_EXPONENT_BITS: Final = np.uint64(52)
_LETTERS: Final = 1 << 51
"""The bit of a text that is kept letter by letter, not as a hash; the next one is that of a truth value."""
_TRUTH: Final = 1 << 50
_WORDS: Final = ("false", "true")
_WORD_BITS: Final = 1
"""Behind the number of the word is a bit a letter, for capital ones."""
_WHOLE: Final = re.compile(r"(-?)(0|[1-9][0-9]{0,11})(?:\.(0{1,255}))?")
"""Whole numbers below 10¹², so below 2⁴⁰; behind them are a bit for the sign and 8 for the zeros behind the point."""
_MAGNITUDE_BITS: Final = 40


def raw_numbers(numbers: Floats) -> Floats:
    """Return numbers as they are kept; those beyond 2¹⁰²³ as the greatest that are kept, infinite ones unchanged."""
    return np.where(np.isinf(numbers), numbers, np.clip(numbers, -_GREATEST, _GREATEST))


def raw_booleans(truths: NDArray[np.bool_]) -> Floats:
    """Return booleans as they are kept, shape (n,)."""
    return (truths.astype(np.uint64) | _BOOLEAN).view(np.float64)


def raw_hashes(hashes: NDArray[np.uint64]) -> Floats:
    """Return texts as they are kept, given their xxh3 of 64 bits, shape (n,); none that is kept letter by letter."""
    return ((hashes >> HASH_BITS_LEFT_OUT) | _TEXT).view(np.float64)


def raw_text(text: str) -> float:
    """Return a text as it is kept."""
    return float(np.array([int(_TEXT) | _text_bits(text)], dtype=np.uint64).view(np.float64)[0])


def _text_bits(text: str) -> int:
    number = _WHOLE.fullmatch(text)
    if number is not None:
        sign, magnitude, zeros = number.groups()
        return _LETTERS | int(magnitude) | (((len(zeros or "") << 1) | len(sign)) << _MAGNITUDE_BITS)
    word = text.lower()
    if word in _WORDS:
        capitals = sum(letter.isupper() << place for place, letter in enumerate(text))
        return _LETTERS | _TRUTH | _WORDS.index(word) | (capitals << _WORD_BITS)
    return xxhash.xxh3_64_intdigest(spellings(text)[-1].encode()) >> int(HASH_BITS_LEFT_OUT)


def _text_of(bits: int) -> str:
    """Return the text that is kept letter by letter."""
    if bits & _TRUTH:
        word, capitals = _WORDS[bits & 1], bits >> _WORD_BITS
        return "".join(letter.upper() if capitals >> place & 1 else letter for place, letter in enumerate(word))
    sign, zeros = bits >> _MAGNITUDE_BITS & 1, bits >> (_MAGNITUDE_BITS + 1) & 0xFF
    return f"{'-' * sign}{bits & ((1 << _MAGNITUDE_BITS) - 1)}{'.' * (zeros > 0)}{'0' * zeros}"


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
            raw = texts[value] = raw_text(value)
        return raw
    if isinstance(value, bool):
        return _BOOLEANS[value]
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return math.nan
        return min(max(number, -_GREATEST), _GREATEST) if math.isfinite(number) else math.nan
    return math.nan


_BOOLEANS: Final[tuple[float, float]] = tuple(raw_booleans(np.array([False, True])).tolist())


def is_hashed(raw: Floats) -> NDArray[np.bool_]:
    """Return which kept values are texts that their hash alone tells, shape (n,)."""
    bits = np.ascontiguousarray(raw).view(np.uint64)
    hashed: NDArray[np.bool_] = bits >> (_EXPONENT_BITS - np.uint64(1)) == _TEXT >> (_EXPONENT_BITS - np.uint64(1))
    return hashed


def _value_of(raw: float) -> float | bool | str:
    """Return what a kept value stands for, which is none that its hash alone tells."""
    bits = int(np.float64(raw).view(np.uint64))
    if abs(raw) < _LIMIT or math.isinf(raw):
        return raw
    return bool(bits & 1) if raw > 0 else _text_of(bits & (_LETTERS - 1))


def name_of_raw(raw: float) -> str:
    """Return how a class is called that is kept as it came, where more than its hash is kept.

    Examples
    --------
    >>> [name_of_raw(raw) for raw in raw_values([7, 1.5, True, "7.00", "-0", "tRUE"]).tolist()]
    ['7', '1.5', '1', '7.00', '-0', 'tRUE']
    """
    return canonical_category(_value_of(raw)) or ""


def codes_of_raw(task: Task, names: ClassNames, raw: Floats) -> Floats:
    """Return kept values as class codes or as values over the task's spread, shape (n,).

    Codes are those of ``names``, the classes as they are spelled; what is neither class nor number is not-a-number.
    """
    if task.kind == "regression":
        special = np.isfinite(raw) & (np.abs(raw) >= _LIMIT)
        return np.where(special, math.nan, raw) / task.spread
    codes = np.full(raw.size, math.nan)
    rows = np.flatnonzero(~np.isnan(raw))
    if rows.size:
        unique, index = np.unique(raw[rows], return_inverse=True)
        hashed = is_hashed(unique)
        of_unique = np.empty(unique.size)
        of_unique[~hashed] = names.encode([*map(_value_of, unique[~hashed].tolist())])
        of_unique[hashed] = names.of_hashes(unique[hashed].view(np.uint64) & np.uint64(_LETTERS - 1))
        codes[rows] = of_unique[index]
    return codes


def with_scores(task: Task, predicted: Floats, scores: Floats) -> Floats:
    """Return class codes of predictions, those of a binary task that are missing by their scores, shape (n,)."""
    if task.kind != "binary":
        return predicted
    by_score = np.where(np.isnan(scores), np.nan, scores >= EVEN_ODDS)
    return np.where(np.isnan(predicted), by_score, predicted)
