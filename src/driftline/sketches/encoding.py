"""From values to bins: vectorised, and nothing disappears — what has no bin has a quality code."""

from __future__ import annotations

import struct
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.events.features import decimal_number
from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, WRONG_TYPE, canonical_category
from driftline.sketches.number_texts import NO_NUMBERS, NUMBER, TRUTH
from driftline.sketches.numeric_encoding import NumericEncoder, TailValues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import CategoricalColumn, NumericColumn
    from driftline.sketches.rare_categories import RareCategories

_TEXT_NUMBERS: Final = {"NaN": NOT_A_NUMBER, "Infinity": INFINITE, "-Infinity": INFINITE}
"""How protobuf's JSON mapping writes what JSON has no literal for."""


class EncodedColumn(NamedTuple):
    """One column of n events."""

    bins: NDArray[np.int64]
    """The bin of each value, or -1 - quality code where there is none, shape (n,)."""
    z: NDArray[np.int64] | None = None
    """Standardised values."""
    squares: NDArray[np.int64] | None = None
    """Both are in fixed point, 0 where there is no value, shape (n,); None for categorical columns."""
    clipped: NDArray[np.bool_] | None = None
    unlisted: Sequence[tuple[int, str]] = ()
    """Row and name of values that the profile does not list."""
    tails: TailValues | None = None
    """Of this column alone, so that each is of numeric column 0; None for categorical columns."""


class EncodedColumns(NamedTuple):
    """The k columns of a profile, c of them numeric, of n events."""

    bins: NDArray[np.int64]
    """Shape (k, n)."""
    z: NDArray[np.int64]
    squares: NDArray[np.int64]
    clipped: NDArray[np.bool_]
    """z, squares and clipped are those of the numeric columns in their order, shape (c, n)."""
    unlisted: dict[int, Sequence[tuple[int, str]]]
    """Column to what :class:`EncodedColumn` has of it, where there is any; of a numeric column, the texts among its
    values of a wrong type."""
    tails: TailValues
    hashes: NDArray[np.uint64] | None = None
    """Of the prediction ids, where rows are sampled, shape (n,)."""
    scores: NDArray[np.float64] | None = None
    """The probabilities themselves, not-a-number where there is none, shape (n,); None where the profile has no
    score."""
    unknown: Mapping[str, NDArray[np.int64]] = MappingProxyType({})
    """Name of a feature that the profile does not know to the events that have it. Of each event's such features at
    least those are there whose names have the smallest hashes, as many as are kept of a sketch."""
    rare: Mapping[int, RareCategories] = MappingProxyType({})
    """Rare categories of the reference by column, where they are known."""

    @classmethod
    def of(cls, columns: Sequence[EncodedColumn], n: int) -> EncodedColumns:
        """Return columns of n events that were encoded one by one."""
        none = np.empty((0, n), dtype=np.int64)
        tails = [column.tails for column in columns if column.tails is not None]
        return cls(
            np.concatenate([none, *(column.bins[None] for column in columns)]),
            np.concatenate([none, *(column.z[None] for column in columns if column.z is not None)]),
            np.concatenate([none, *(column.squares[None] for column in columns if column.squares is not None)]),
            np.concatenate(
                [none.astype(np.bool_), *(column.clipped[None] for column in columns if column.clipped is not None)]
            ),
            {i: column.unlisted for i, column in enumerate(columns) if column.unlisted},
            TailValues.together([part._replace(numeric=part.numeric + i) for i, part in enumerate(tails)]),
        )


def quality_of(value: object) -> int | None:
    """Return the quality code of something that should have been a number, or None where it is a finite one."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return _TEXT_NUMBERS.get(value, WRONG_TYPE)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return WRONG_TYPE
    try:
        number = decimal_number(value) if isinstance(value, Decimal) else float(value)
    except OverflowError:
        return INFINITE
    if np.isfinite(number):
        return None
    return NOT_A_NUMBER if np.isnan(number) else INFINITE


class Reading(NamedTuple):
    """What a numeric column takes for a number beside numbers."""

    texts: bool = False
    """Numbers in text, such as ``"52000.00"``; an empty text is then a missing value."""
    booleans: bool = False
    """True and false, also as text: the column's values are 1 and 0."""

    @classmethod
    def of(cls, column: NumericColumn, *, texts: bool = False) -> Reading:
        """Return how a feature's values are read; ``texts`` where the configuration says that it is numeric."""
        return cls(texts or column.reads_text, column.is_boolean) if column.role == "feature" else NUMBERS_ONLY


NUMBERS_ONLY: Final = Reading()


def read_number(value: object, reading: Reading) -> tuple[float, int | None]:
    """Return a JSON value as a finite number and no code, or not-a-number and the quality code that says why.

    Examples
    --------
    >>> [read_number(value, Reading(texts=True))[0] for value in (1, "52000.00", "1e3")]
    [1.0, 52000.0, 1000.0]
    >>> read_number("1,000", Reading(texts=True))[1] == read_number("1", NUMBERS_ONLY)[1] == WRONG_TYPE
    True
    """
    if isinstance(value, str):
        if reading.booleans and value in TRUTH:
            return float(TRUTH[value]), None
        if reading.texts:
            if NUMBER(value) is None:
                return np.nan, NO_NUMBERS.get(value.lower(), WRONG_TYPE)
            value = float(value)
    elif isinstance(value, bool) and reading.booleans:
        return float(value), None
    code = quality_of(value)
    return (float(value) if code is None else np.nan), code  # type: ignore[arg-type]  # a number where there is no code


def numbers_of(
    values: Sequence[object], reading: Reading = NUMBERS_ONLY
) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    """Return values as numbers, and the row and quality code of each that is none."""
    exceptions = []
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        numbers[row], code = read_number(value, reading)
        if code is not None:
            exceptions.append((row, code))
    return numbers, exceptions


def encode_numeric(
    column: NumericColumn, values: NDArray[np.float64], exceptions: Sequence[tuple[int, int]] = ()
) -> EncodedColumn:
    """Return the bins and fixed-point values of a numeric column.

    Values are not-a-number where there is none; ``exceptions`` are the rows and quality codes of values that are absent
    for another reason than that they are missing.
    """
    bins = np.empty((1, values.size), dtype=np.int64)
    z, squares, clipped, tails = NumericEncoder([column])(values.reshape(1, -1), [exceptions], bins, [0])
    return EncodedColumn(bins[0], z[0], squares[0], clipped[0], tails=tails)


class CategoryCodes(dict[object, int]):
    """Bins by raw JSON value; an unlisted value is looked up by its canonical text and never stored.

    ``1``, ``1.0`` and ``True`` are equal keys in Python, so one entry serves them.
    """

    def __init__(self, column: CategoricalColumn) -> None:
        super().__init__()
        self.update(column.codes)
        for text, code in column.codes.items():
            if text.isdecimal() and str(int(text)) == text:
                self[int(text)] = code
        if column.role == "feature":
            self.update(_truth_codes(column.codes))
        self[None] = -1 - MISSING
        self._codes = column.codes
        self._unlisted = column.unlisted

    def __missing__(self, value: object) -> int:
        text = canonical_category(value)
        return -1 - WRONG_TYPE if text is None else self._codes.get(text, self._unlisted)


def _truth_codes(codes: dict[str, int]) -> dict[object, int]:
    """Return the codes of all ways to write false and true, where the categories are exactly those two."""
    by_value: dict[object, int] = {TRUTH[text]: code for text, code in codes.items() if text in TRUTH}
    if len(codes) != len(by_value) or len(by_value) != len({*TRUTH.values()}):
        return {}
    return {**{text: by_value[value] for text, value in TRUTH.items()}, **by_value}


def encode_categorical(
    column: CategoricalColumn,
    codes: CategoryCodes,
    values: Sequence[object],
    exceptions: Sequence[tuple[int, int]] = (),
) -> EncodedColumn:
    """Return the bins of a categorical column; ``values`` are hashable JSON values, shape (n,)."""
    bins = np.empty(len(values), dtype=np.int64)
    struct.pack_into(f"{len(values)}q", bins.data, 0, *map(codes.__getitem__, values))  # faster than NumPy's iteration
    for row, code in exceptions:
        bins[row] = -1 - code
    rows = np.flatnonzero(bins == column.unlisted).tolist()
    unlisted = [(row, canonical_category(values[row]) or "") for row in rows]
    if not is_text("".join([name for _, name in unlisted])):
        bins[[row for row, name in unlisted if not is_text(name)]] = -1 - WRONG_TYPE
        unlisted = [(row, name) for row, name in unlisted if is_text(name)]
    return EncodedColumn(bins, unlisted=unlisted)


def is_text(text: str) -> bool:
    """Return whether characters are text; half of a surrogate pair is valid JSON but no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
