"""From rows to the encoded columns of a profile."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from driftline.events.outcomes import plain_scores
from driftline.events.unusable import Unusable, as_counted
from driftline.sketches.columns import CategoricalColumn, Column
from driftline.sketches.encoding import CategoryCodes, EncodedColumns, encode_categorical, numbers_of
from driftline.sketches.feature_encoder import FeatureEncoder
from driftline.sketches.numeric_encoding import NumericEncoder
from driftline.sketches.rare_categories import RareCategories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.events.features import Features
    from driftline.events.outcomes import Score

_NO_NUMBERS: Final = frozenset((str, bool, Unusable))
_NONE_RARE: Final[Mapping[str, bytes]] = MappingProxyType({})


class RowValues(Protocol):
    """What n events say, before it is encoded; each attribute has n values."""

    @property
    def features(self) -> Sequence[Features]:
        """Features objects, as JSON or as dictionaries; empty where an event has none."""

    @property
    def predictions(self) -> Sequence[Any]:
        """Classes or numbers, None, or what cannot be used."""

    @property
    def scores(self) -> Sequence[Score | Unusable | None]:
        """Probabilities, maps of class to probability, None, or what cannot be used."""

    @property
    def pane_ms(self) -> NDArray[np.int64]:
        """Start of the pane of each event, which ages are counted to."""

    def hashes(self) -> NDArray[np.uint64]:
        """Return the xxh3 of each prediction id, shape (n,)."""


class SpelledClasses(Protocol):
    """Which of a task's classes each value stands for, however it is spelled."""

    def bins(self, column: CategoricalColumn) -> CategoryCodes:
        """Return the bin of each value in the column of predictions, whose categories are the classes."""

    def of_score(self, score: Mapping[str, float]) -> dict[str, float]:
        """Return a map of class to probability by the classes' own names."""


class ColumnEncoder:
    """Encodes rows into the columns of one profile.

    Columns are the features first, then the prediction and the score where the profile has them. ``positive`` is the
    class whose probability is the score, where a record has a map of them; ``not_features`` are names in a features
    object that are no features, ``texts`` the features in which numbers may be text; ``hashed`` says whether the ids'
    hashes are wanted, for a sample of rows; ``names`` are the classes of the task, whose spellings differ; ``rare`` are
    the hashes of the reference's rare categories by feature, where they are known.
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        positive: str | None,
        not_features: frozenset[str],
        *,
        texts: frozenset[str] = frozenset(),
        hashed: bool = False,
        names: SpelledClasses | None = None,
        rare: Mapping[str, bytes] = _NONE_RARE,
    ) -> None:
        self._hashed = hashed
        self._rare = {
            i: RareCategories(rare[column.name])
            for i, column in enumerate(columns)
            if column.role == "feature" and column.name in rare
        }
        self._columns = columns
        self._positive = positive
        self._own_names = None if names is None else names.of_score
        self._n_features = sum(column.role == "feature" for column in columns)
        self._encode_features = FeatureEncoder(columns[: self._n_features], not_features, texts)
        self._codes = {
            i: names.bins(column) if names is not None and column.role == "prediction" else CategoryCodes(column)
            for i, column in enumerate(columns)
            if isinstance(column, CategoricalColumn) and column.role != "feature"
        }
        numeric = {i: column for i, column in enumerate(columns) if not isinstance(column, CategoricalColumn)}
        self._numeric = [*numeric]
        self._encode_numeric = NumericEncoder([*numeric.values()])

    def __call__(self, rows: RowValues) -> tuple[EncodedColumns, NDArray[np.bool_]]:
        """Return the encoded columns, and which events had a feature that the profile does not know."""
        bins = np.empty((len(self._columns), len(rows.features)), dtype=np.int64)
        features = self._encode_features(rows.features, rows.pane_ms, bins)
        unlisted, numbers, exceptions = features.unlisted, [features.numbers], [*features.exceptions]
        scores: NDArray[np.float64] | None = None
        for i, column in enumerate(self._columns[self._n_features :], self._n_features):
            values: Sequence[Any]
            absent: Sequence[tuple[int, int]] = ()
            if column.role == "prediction":
                values = rows.predictions
            else:
                values, absent = _scores(plain_scores(rows.scores, self._positive, self._own_names), rows.scores)
            if isinstance(column, CategoricalColumn):
                encoded = encode_categorical(column, self._codes[i], values, absent)
                bins[i] = encoded.bins
                if encoded.unlisted:
                    unlisted[i] = encoded.unlisted
                continue
            if column.role == "prediction" and not _NO_NUMBERS.isdisjoint(map(type, values)):
                found, absent = numbers_of(values)
                numbers.append(found.reshape(1, -1))
            else:
                numbers.append(np.array([values], dtype=np.float64))
            if column.role == "score":
                scores = np.where((numbers[-1][0] >= 0.0) & (numbers[-1][0] <= 1.0), numbers[-1][0], np.nan)
            exceptions.append(absent)
        matrix = numbers[0] if len(numbers) == 1 else np.concatenate(numbers)
        z, squares, clipped, tails = self._encode_numeric(matrix, exceptions, bins, self._numeric)
        hashes = rows.hashes() if self._hashed else None
        unknown, rare = features.unknown, self._rare
        encoded_all = EncodedColumns(bins, z, squares, clipped, unlisted, tails, hashes, scores, unknown, rare)
        return encoded_all, features.unexpected


def _scores(
    usable: Sequence[float | None], scores: Sequence[Score | Unusable | None]
) -> tuple[Sequence[Any], Sequence[tuple[int, int]]]:
    """Return one number for each score, and the row and quality code of each that is none, given the usable ones."""
    if Unusable not in set(map(type, scores)):
        return usable, ()
    odd = {row: score for row, score in enumerate(scores) if type(score) is Unusable}
    counted, absent = numbers_of(as_counted([*odd.values()]))
    values = [*usable]
    for row, number in zip(odd, counted.tolist(), strict=True):
        values[row] = number
    return values, [([*odd][place], code) for place, code in absent]
