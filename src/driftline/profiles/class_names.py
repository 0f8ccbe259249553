"""One class, whatever its spelling: ``1``, ``1.0``, ``"1"``, ``"1.0"``, ``true`` and ``"True"`` agree.

Which spellings agree depends on the classes of the task. A value is looked up by its exact text first, so classes whose
names differ stay apart; then as a whole number (``"1.0"`` as ``"1"``), and as a truth value (``"True"`` as ``true`` or
``1``, whichever the classes have). The class ``-1`` also answers to ``0`` where the classes are ``-1`` and ``1``, and
the other way round. The configuration says the rest (``classes: {bad: "1"}``).

A class that the task does not know gets a code of its own, from the hash of its name: an unknown prediction is right
only if the label is the same unknown class.
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash

from driftline.sketches.columns import canonical_category
from driftline.sketches.encoding import CategoryCodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import CategoricalColumn

FIRST_UNKNOWN: Final = float(1 << 51)
"""Codes of classes that the task does not know are whole numbers from here on, below 2⁵²: exact in float64."""
_HASH_BITS_LEFT_OUT: Final = np.uint64(13)
MAX_CACHED: Final = 4_096
"""Values beside the known spellings whose code is remembered."""
NO_SPELLINGS: Final[Mapping[str, str]] = MappingProxyType({})
_WHOLE: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:\.0+)?")
_TRUTH: Final = {"true": "1", "false": "0"}


def whole_number(text: str) -> str:
    """Return the text of a whole number without its zeros behind the point; other texts as they are.

    Examples
    --------
    >>> [whole_number(text) for text in ("1.0", "-1.00", "-0", "1.10", "01", "good")]
    ['1', '-1', '0', '1.10', '01', 'good']
    """
    found = _WHOLE.fullmatch(text)
    if found is None:
        return text
    return "0" if found[1] == "-0" else found[1]


def spellings(text: str) -> tuple[str, str, str]:
    """Return the texts under which a class is looked up, the nearest first; the last is the same for all that agree.

    Examples
    --------
    >>> spellings("True"), spellings("1.0"), spellings("good")
    (('True', 'true', '1'), ('1.0', '1', '1'), ('good', 'good', 'good'))
    """
    folded = text.lower() if text.lower() in _TRUTH else whole_number(text)
    return text, folded, _TRUTH.get(folded, folded)


def unknown_codes(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return the codes of classes that the task does not know, from the 64-bit hashes of their names, shape (n,)."""
    return FIRST_UNKNOWN + (hashes >> _HASH_BITS_LEFT_OUT).astype(np.float64)


class ClassNames:
    """The classes of a task, and which of them each value stands for.

    Parameters
    ----------
    classes : tuple of str
        Canonical names; the code of a class is its position.
    spelled : mapping of str to str
        Class by the text of a value, as it is configured; it goes before everything else.

    Notes
    -----
    *State*: the code of each spelling that has been met, up to ``MAX_CACHED``.

    Examples
    --------
    >>> names = ClassNames(("0", "1"), {"good": "0"})
    >>> names.encode([1, 1.0, "1", "1.0", True, "True", "good", None]).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, nan]
    """

    def __init__(self, classes: tuple[str, ...], spelled: Mapping[str, str] = NO_SPELLINGS) -> None:
        self.classes = classes
        by_name = _with_spellings([(name, float(code)) for code, name in enumerate(classes)])
        _let_minus_one_be_zero(by_name)
        configured = [(text, _code(by_name, name)) for text, name in spelled.items()]
        self.known = {**by_name, **_with_spellings(configured)}
        """Code by text, of every spelling of a class or a configured value that can be listed."""
        for text, code in (*((name, float(code)) for code, name in enumerate(classes)), *configured):
            self.known[text] = code
        self._codes = _Codes(self)

    @cached_property
    def hashes(self) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """The hashes (xxh3, 64 bits) of the known spellings, ascending, and their codes; both of shape (m,)."""
        hashes = np.array([_hash(text) for text in self.known], dtype=np.uint64)
        order = np.argsort(hashes)
        return hashes[order], np.array([*self.known.values()])[order]

    def code(self, text: str) -> float:
        """Return the code of a class by a text."""
        return _code(self.known, text)

    def encode(self, values: Sequence[object]) -> NDArray[np.float64]:
        """Return the codes of JSON values, shape (n,); not-a-number where a value names no class."""
        try:
            return np.fromiter(map(self._codes.__getitem__, values), dtype=np.float64, count=len(values))
        except TypeError:  # a list or an object is among them, which names no class
            named = [value if canonical_category(value) is not None else None for value in values]
            return np.fromiter(map(self._codes.__getitem__, named), dtype=np.float64, count=len(values))

    def name(self, text: str) -> str:
        """Return the class that a text stands for; the text itself where the task does not know it."""
        code = self.code(text)
        return self.classes[int(code)] if code < len(self.classes) else text

    def of_score(self, score: Mapping[str, float]) -> dict[str, float]:
        """Return a map of class to probability by the classes' own names."""
        return {self.name(text): probability for text, probability in score.items()}

    def bins(self, column: CategoricalColumn) -> CategoryCodes:
        """Return the bin of each value in the column of predictions, whose categories are the classes."""
        return _Bins(column, self)


class _Codes(dict[object, float]):
    """Codes by raw JSON value; ``1``, ``1.0`` and ``True`` are equal keys in Python, so one entry serves them."""

    def __init__(self, names: ClassNames) -> None:
        super().__init__(_by_value(names.known))
        self[None] = math.nan
        self._names = names
        self._most = len(self) + MAX_CACHED

    def __missing__(self, value: object) -> float:
        text = canonical_category(value)
        if text is None:
            return math.nan
        code = self._names.code(text)
        if len(self) < self._most:
            self[value] = code
        return code


class _Bins(CategoryCodes):
    def __init__(self, column: CategoricalColumn, names: ClassNames) -> None:
        super().__init__(column)
        self._names = names
        for value, code in _by_value(names.known).items():
            self[value] = int(min(code, column.unlisted))
        self._most = len(self) + MAX_CACHED

    def __missing__(self, value: object) -> int:
        text = canonical_category(value)
        if text is None:
            return super().__missing__(value)
        code = int(min(self._names.code(text), self._unlisted))
        if code < self._unlisted and len(self) < self._most:
            self[value] = code
        return code


def _by_value(known: Mapping[str, float]) -> dict[object, float]:
    """Return codes by text and, for whole numbers, by number."""
    by_value: dict[object, float] = {}
    for text, code in known.items():
        by_value[text] = code
        if whole_number(text) == text and _WHOLE.fullmatch(text):
            by_value[int(text)] = code
    return by_value


def _with_spellings(named: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return codes by every form of the names; where two names share a form, a nearer form goes first."""
    known: dict[str, float] = {}
    for place in range(3):
        for name, code in named:
            known.setdefault(spellings(name)[place], code)
    return known


def _let_minus_one_be_zero(known: dict[str, float]) -> None:
    """Let the negative class of -1 and 1 answer to 0, and of 0 and 1 to -1."""
    whole = {text for text in known if _WHOLE.fullmatch(text) and whole_number(text) == text}
    if len(set(known.values())) == len(whole) == len({known[text] for text in whole}):
        for here, other in (("-1", "0"), ("0", "-1")):
            if whole == {here, "1"}:
                known[other] = known[here]


def _code(known: Mapping[str, float], text: str) -> float:
    """Return the code of a text among known spellings, or that of an unknown class."""
    for form in spellings(text):
        code = known.get(form)
        if code is not None:
            return code
    return float(unknown_codes(np.array([_hash(spellings(text)[-1])], dtype=np.uint64))[0])


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())
