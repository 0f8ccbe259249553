"""The columns of a profile: what each one's cells mean."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from msgspec import Struct

from driftline.events.features import decimal_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

Role = Literal["feature", "prediction", "score"]
DateMeasure = Literal["age", "hour", "weekday"]
EmbeddingPart = Literal["norm", "rest", "score"]

QUALITY: Final = ("missing", "not_a_number", "infinite", "wrong_type")
"""Ways in which a value can be absent from its histogram; each has a cell of its own in every column."""
MISSING, NOT_A_NUMBER, INFINITE, WRONG_TYPE = range(len(QUALITY))

MAX_CATEGORIES: Final = 256
"""Categories of the reference that are counted one by one; the rarer ones share the unlisted bin."""

_ROUNDING: Final = 1e-9
"""What remains of a difference that is 0 but for the rounding of mean and spread."""


class NumericColumn(Struct, frozen=True, tag="numeric", array_like=True, dict=True):
    """A numeric column: grid edges and what values are standardised with."""

    name: str
    role: Role
    edge_bytes: bytes
    """float64 little-endian, shape (B - 1,)."""
    mean: float
    spread: float
    """Standard deviation of the reference; 0 for a constant."""
    minimum: float
    maximum: float

    @property
    def feature(self) -> str:
        """The name under which events and the configuration have it."""
        return self.name

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Bin edges, shape (B - 1,)."""
        return np.frombuffer(self.edge_bytes, dtype="<f8")

    @property
    def n_bins(self) -> int:
        """Number of histogram bins B."""
        return len(self.edge_bytes) // 8 + 1

    @property
    def reads_text(self) -> bool:
        """Whether the reference had numbers as text, so that events may have them too."""
        return False

    @cached_property
    def is_boolean(self) -> bool:
        """Whether the reference had no values but 0 and 1, so that false and true are the same values.

        Of values in [0, 1] the mean of x(1 - x) is mean - mean² - variance, and 0 only where each is 0 or 1.
        """
        if not {self.minimum, self.maximum} <= {0.0, 1.0} or not self.edge_bytes:
            return False
        return abs(self.mean * (1 - self.mean) - self.spread**2) < _ROUNDING


class TextNumericColumn(NumericColumn, frozen=True, tag="numeric_text", array_like=True, dict=True):
    """A numeric column whose reference values were written as text, all or some: ``"52000.00"``."""

    @property
    def reads_text(self) -> bool:
        """Always."""
        return True


class CategoricalColumn(Struct, frozen=True, tag="categorical", array_like=True, dict=True):
    """A categorical column: the listed categories in order; the last bin is for all that are not listed."""

    name: str
    role: Role
    categories: tuple[str, ...]

    @property
    def feature(self) -> str:
        """The name under which events and the configuration have it."""
        return self.name

    @cached_property
    def codes(self) -> dict[str, int]:
        """Bin of each listed category."""
        return {category: code for code, category in enumerate(self.categories)}

    @property
    def n_bins(self) -> int:
        """Number of bins: the listed categories and one for the unlisted."""
        return len(self.categories) + 1

    @property
    def unlisted(self) -> int:
        """Bin of categories that the profile does not list."""
        return len(self.categories)


class EmbeddingColumn(NumericColumn, frozen=True, tag="embedding", array_like=True, dict=True):
    """A number that each vector of an embedding has; :mod:`driftline.sketches.embeddings` says which there are."""

    source: str
    """The feature that holds the vectors."""
    length: int
    """Numbers of each vector; others are of a wrong type."""
    part: EmbeddingPart
    weights: bytes = b""
    """Of a score, its direction; of the rest, that of the mean. int32 little-endian, in units of 2 to the power of
    -:func:`~driftline.sketches.embeddings.weight_bits`."""
    offset: float = 0.0
    """Of the rest: the mean's product with its direction."""
    unit: float = 0.0
    """A power of two that values are rounded to multiples of, so that the precision in which vectors are written does
    not show; 0 where they are not rounded."""

    @property
    def feature(self) -> str:
        """The feature that holds the vectors."""
        return self.source

    @property
    def directions(self) -> NDArray[np.float64]:
        """The weights as whole numbers, shape (min(length, 4096),)."""
        return np.frombuffer(self.weights, dtype="<i4").astype(np.float64)


class DateColumn(NumericColumn, frozen=True, tag="date", array_like=True, dict=True):
    """What a feature that is a date says as a number."""

    measure: DateMeasure
    """Days from the date to the event, hour of the day from 0 to 24, or day of the week from 0, Monday; in UTC."""


Column = NumericColumn | TextNumericColumn | CategoricalColumn | EmbeddingColumn | DateColumn


def canonical_category(value: object) -> str | None:
    """Return the text under which a category or class is known, or None where it is no category.

    ``1``, ``1.0`` and ``true`` are the same class, because producers of predictions and of labels seldom agree.

    Examples
    --------
    >>> [canonical_category(v) for v in (1, 1.0, True, "1", 0.5, math.nan, [1])]
    ['1', '1', '1', '1', '0.5', None, None]
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int):
        try:
            return str(int(value))
        except ValueError:  # thousands of digits
            return None
    if isinstance(value, Decimal):
        value = decimal_number(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    return None
