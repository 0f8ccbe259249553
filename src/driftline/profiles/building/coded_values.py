"""Values of a reference column in few bytes each: numbers as an array, texts as codes of those that are different."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar, overload

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

Values: TypeAlias = "NDArray[np.float64] | Sequence[object]"
"""The n values of a column: an array, in which not-a-number is a missing value, or JSON values."""
Kind = TypeVar("Kind", bound=np.generic)

_RUN = 1 << 16
"""Values looked at together."""
_MANY = 1 << 16
"""Different numbers from which a column of numbers is not coded."""


class CodedValues(Sequence[object]):
    """The n JSON values of a column of which many are the same; read as the list of them would be.

    Parameters
    ----------
    different : sequence of object
        Each value once; none is None, which has the code -1.
    codes : ndarray of int, shape (n,)
        The place of each value among them.

    Examples
    --------
    >>> CodedValues(("web", "app"), np.array([1, -1, 0])) == ["app", None, "web"]
    True
    """

    def __init__(self, different: Sequence[object], codes: NDArray[np.integer]) -> None:
        self.different = tuple(different)
        self.codes = codes

    @classmethod
    def of(cls, values: Iterable[object]) -> CodedValues:
        """Return values that can be looked up, equal ones of different types apart."""
        places: dict[tuple[type, object], int] = {}
        codes = [-1 if value is None else places.setdefault((type(value), value), len(places)) for value in values]
        return cls([value for _, value in places], narrow(np.array(codes, dtype=np.int64), len(places)))

    def __len__(self) -> int:
        return int(self.codes.size)

    @overload
    def __getitem__(self, at: int) -> object: ...
    @overload
    def __getitem__(self, at: slice) -> CodedValues: ...
    def __getitem__(self, at: int | slice) -> object:
        if isinstance(at, slice):
            return CodedValues(self.different, self.codes[at])
        code = int(self.codes[at])
        return None if code < 0 else self.different[code]

    def __iter__(self) -> Iterator[object]:
        values = (*self.different, None)
        for start in range(0, self.codes.size, _RUN):
            yield from map(values.__getitem__, self.codes[start : start + _RUN].tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) or not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def counts(self) -> list[tuple[object, int]]:
        """Return each different value that occurs, None among them, and how often it does."""
        n = np.bincount(self.codes.astype(np.int64) + 1, minlength=len(self.different) + 1).tolist()
        return [(value, often) for value, often in zip((None, *self.different), n, strict=True) if often]

    def spread(self, of_each: NDArray[Kind]) -> NDArray[Kind]:
        """Return what belongs to each of the different values, and last what belongs to None, for all n values."""
        spread: NDArray[Kind] = of_each[self.codes]
        return spread

    def rows_of(self, places: Iterable[int]) -> NDArray[np.int64]:
        """Return the rows of some of the different values, ascending."""
        chosen = np.zeros(len(self.different) + 1, dtype=np.bool_)
        chosen[[*places]] = True
        return np.flatnonzero(chosen[self.codes])


class NumberValues(Sequence[object]):
    """The n JSON values of a column of numbers; read as the list of them would be.

    Parameters
    ----------
    numbers : ndarray of float64, shape (n,)
        Not-a-number where there is none.
    whole : bool
        Whether they are whole numbers, of at most 2⁵³.
    """

    def __init__(self, numbers: NDArray[np.float64], *, whole: bool) -> None:
        self.numbers = numbers
        self.whole = whole

    def __len__(self) -> int:
        return int(self.numbers.size)

    @overload
    def __getitem__(self, at: int) -> object: ...
    @overload
    def __getitem__(self, at: slice) -> NumberValues: ...
    def __getitem__(self, at: int | slice) -> object:
        if isinstance(at, slice):
            return NumberValues(self.numbers[at], whole=self.whole)
        return self._value(float(self.numbers[at]))

    def __iter__(self) -> Iterator[object]:
        for start in range(0, self.numbers.size, _RUN):
            yield from map(self._value, self.numbers[start : start + _RUN].tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) or not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def _value(self, number: float) -> object:
        if math.isnan(number):
            return None
        return int(number) if self.whole else number


def narrow(codes: NDArray[np.int64], n_different: int) -> NDArray[np.integer]:
    """Return codes from -1 on in the narrowest type that has room for them."""
    return codes.astype(np.min_scalar_type(-max(n_different, 1)))


def coded_numbers(numbers: NDArray[np.float64], *, whole: bool = False) -> CodedValues | NumberValues:
    """Return numbers as codes where few of them are different; not-a-number is missing.

    Examples
    --------
    >>> coded_numbers(np.array([1.0, np.nan, 0.0]), whole=True).counts()
    [(None, 1), (0, 1), (1, 1)]
    """
    different = np.empty(0)
    runs = [slice(start, start + _RUN) for start in range(0, numbers.size, _RUN)]
    for run in runs:
        some = np.unique(numbers[run])
        different = np.unique(np.concatenate([different, some[~np.isnan(some)]]))
        if different.size > _MANY:
            return NumberValues(numbers, whole=whole)
    codes = narrow(np.empty(numbers.size, dtype=np.int8), different.size)
    for run in runs:
        codes[run] = np.where(np.isnan(numbers[run]), -1, np.searchsorted(different, numbers[run]))
    values = different.tolist()
    return CodedValues([*map(int, values)] if whole else values, codes)


def counted(values: Values) -> Iterator[tuple[object, int]]:
    """Yield values with how many rows have them, each as often as it is cheap to know: some may come again.

    Examples
    --------
    >>> sorted(counted(CodedValues(("b", "a"), np.array([0, 0, 1]))))
    [('a', 1), ('b', 2)]
    """
    if isinstance(values, NumberValues):
        values = coded_numbers(values.numbers, whole=values.whole)
    elif isinstance(values, np.ndarray):
        values = coded_numbers(values)
    if isinstance(values, CodedValues):
        yield from values.counts()
    else:
        yield from ((value, 1) for value in values)


def different(values: Values) -> Iterator[object]:
    """Yield values, each at least once."""
    return (value for value, _ in counted(values))


def texts_counted(values: Values, text_of: Callable[[object], str | None]) -> Counter[str]:
    """Return how many rows have each text that their values are known by; those of None do not count."""
    texts: Counter[str] = Counter()
    for value, n in counted(values):
        text = text_of(value)
        if text is not None:
            texts[text] += n
    return texts
