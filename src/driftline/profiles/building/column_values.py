"""The values of one reference column: which kind of column they make, and its bins."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import structs

from driftline.profiles.building.coded_values import CodedValues, NumberValues, coded_numbers, different, texts_counted
from driftline.sketches.columns import (
    MAX_CATEGORIES,
    MISSING,
    WRONG_TYPE,
    CategoricalColumn,
    Column,
    NumericColumn,
    Role,
    TextNumericColumn,
    canonical_category,
)
from driftline.sketches.encoding import (
    NUMBERS_ONLY,
    CategoryCodes,
    EncodedColumn,
    Reading,
    encode_categorical,
    encode_numeric,
    numbers_of,
    quality_of,
)
from driftline.sketches.grid import build_edges
from driftline.sketches.number_texts import NUMBER, looks_like_code
from driftline.sketches.rare_categories import packed_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.config.model import ColumnKind
    from driftline.profiles.building.coded_values import Values

_SMALLEST_SQUARED: Final = 1e-100
_LARGEST_SQUARED: Final = 1e100
"""Between them squares and their sums stay far inside the range of numbers."""
NUMERIC_SHARE: Final = 0.9
"""A column is numeric where at least this share of its values are numbers."""


class ColumnValues:
    """The n values of one column, as they are and, made once, as numbers.

    Raw values are an array of float64, in which not-a-number is a missing value, or JSON values.
    """

    def __init__(self, raw: Values) -> None:
        self.raw = raw.numbers if isinstance(raw, NumberValues) else raw

    @cached_property
    def listed(self) -> Sequence[object]:
        """The values as JSON has them."""
        return coded_numbers(self.raw) if isinstance(self.raw, np.ndarray) else self.raw

    @cached_property
    def numbers(self) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
        """The values as numbers, and the row and quality code of each that is none; a missing one may have no code."""
        return self._numbers(NUMBERS_ONLY)

    def _numbers(self, reading: Reading) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
        if isinstance(self.raw, np.ndarray):
            return self.raw, []
        if not isinstance(self.raw, CodedValues):
            return numbers_of(self.raw, reading)
        numbers, codes = numbers_of((*self.raw.different, None), reading)
        wrong = {place: code for place, code in codes if code != MISSING}
        rows = self.raw.rows_of(wrong) if wrong else np.empty(0, dtype=np.int64)
        places = self.raw.codes[rows].tolist()
        return self.raw.spread(numbers), [(row, wrong[at]) for row, at in zip(rows.tolist(), places, strict=True)]

    def column(self, name: str, role: Role, kind: ColumnKind | None) -> Column:
        """Return the column that they make, of the kind that is configured or that they look like.

        A feature with numbers in text beside numbers reads both, and one that is configured as numeric reads text.
        """
        if kind == "numeric" or (kind is None and self._are_numbers):
            reads_text = role == "feature" and self._has_numbers_in_text(configured=kind is not None)
            numbers, _ = self._numbers(Reading(texts=True)) if reads_text else self.numbers
            column = numeric_column(name, role, _finite(numbers))
            return TextNumericColumn(*structs.astuple(column)) if reads_text else column
        counts = texts_counted(self.listed, canonical_category)
        common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_CATEGORIES]
        return CategoricalColumn(name, role, tuple(text for text, _ in common))

    def rare(self, column: Column) -> bytes:
        """Return the hashes of categories that a column of these values does not list; empty where there are none, or
        too many.
        """
        if not isinstance(column, CategoricalColumn) or len(column.categories) < MAX_CATEGORIES:
            return b""
        names = {text for value in different(self.listed) if (text := canonical_category(value)) is not None}
        return packed_hashes(names.difference(column.categories))

    @property
    def _are_numbers(self) -> bool:
        if isinstance(self.raw, np.ndarray):
            return True
        if isinstance(self.raw, CodedValues):
            occurring = [(value, n) for value, n in self.raw.counts() if value is not None]
            n_present = sum(n for _, n in occurring)
            codes = (quality_of(value) if isinstance(value, str | bool) else None for value, _ in occurring)
            texts = sum(n for code, (_, n) in zip(codes, occurring, strict=True) if code)
        else:
            n_present = len(self.raw) - sum(value is None for value in self.raw)
            texts = sum(isinstance(self.raw[row], str | bool) for row, code in self.numbers[1] if code)
        return n_present > 0 and n_present - texts >= NUMERIC_SHARE * n_present

    def _has_numbers_in_text(self, *, configured: bool) -> bool:
        if isinstance(self.raw, np.ndarray):
            return False
        texts = (value for value in different(self.raw) if isinstance(value, str))
        return any(configured or (NUMBER(text) and not looks_like_code(text)) for text in texts)

    def part(self, rows: slice) -> ColumnValues:
        """Return the values of some rows."""
        return ColumnValues(self.raw[rows])

    def encoded(self, column: Column, codes: CategoryCodes | None = None) -> EncodedColumn:
        """Return the bins of the values in a column; ``codes`` are those of categories that have several spellings."""
        if isinstance(column, NumericColumn):
            reading = Reading.of(column)
            return encode_numeric(column, *(self.numbers if reading == NUMBERS_ONLY else self._numbers(reading)))
        codes = codes or CategoryCodes(column)
        if isinstance(self.listed, CodedValues):
            return _encode_coded(column, codes, self.listed)
        return _encode_listed(column, codes, self.listed)


def _encode_listed(column: CategoricalColumn, codes: CategoryCodes, values: Sequence[object]) -> EncodedColumn:
    hashable = [value if canonical_category(value) is not None else None for value in values]
    wrong = [
        (row, WRONG_TYPE)
        for row, (value, kept) in enumerate(zip(values, hashable, strict=True))
        if value is not None and kept is None
    ]
    return encode_categorical(column, codes, hashable, wrong)


def _encode_coded(column: CategoricalColumn, codes: CategoryCodes, values: CodedValues) -> EncodedColumn:
    """Return what each of the different values is, for all rows that have it."""
    of_each = _encode_listed(column, codes, (*values.different, None))
    names = dict(of_each.unlisted)
    rows = values.rows_of(names) if names else np.empty(0, dtype=np.int64)
    unlisted = [(row, names[at]) for row, at in zip(rows.tolist(), values.codes[rows].tolist(), strict=True)]
    return EncodedColumn(values.spread(of_each.bins), unlisted=unlisted)


def encode_values(column: Column, values: Values) -> EncodedColumn:
    """Return the bins of reference values of any JSON type."""
    return ColumnValues(values).encoded(column)


def numeric_column(name: str, role: Role, finite: NDArray[np.float64]) -> NumericColumn:
    """Return the numeric column that finite values make, shape (n,); there may be none."""
    if finite.size == 0:
        return NumericColumn(name, role, b"", 0.0, 0.0, 0.0, 0.0)
    low, high = float(finite.min()), float(finite.max())
    centre, spread = _moments(finite)
    if high <= low:
        spread = 0.0
    edges = build_edges(finite).astype("<f8").tobytes()
    return NumericColumn(name, role, edges, centre if high > low else low, spread, low, high)


def without_nan(values: Sequence[object]) -> list[object]:
    """Return values with None in the place of not-a-number."""
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values]


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = np.isfinite(numbers)
    return numbers if bool(finite.all()) else numbers[finite]


def _moments(finite: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation, also where squares would leave the range of numbers."""
    size = max(-float(finite.min()), float(finite.max()), 0.0)
    if size == 0 or _SMALLEST_SQUARED < size < _LARGEST_SQUARED:
        return float(finite.mean()), float(finite.std())
    scaled = finite / size
    return float(scaled.mean()) * size, float(scaled.std()) * size
