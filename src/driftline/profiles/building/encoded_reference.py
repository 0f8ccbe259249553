"""A reference table, encoded once: columns and task, and every row in their terms, for all builders to read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from driftline.events.outcomes import one_score
from driftline.profiles.building.coded_values import CodedValues
from driftline.profiles.building.column_values import ColumnValues
from driftline.profiles.building.date_build import date_column, encode_date, is_date_kind, pane_starts
from driftline.profiles.building.embedding_build import embedding_columns, encode_embedding, part_names
from driftline.profiles.building.encoded_rows import EncodedRows, Encoder
from driftline.profiles.building.flattening import chosen_names
from driftline.profiles.building.stored_columns import part_of
from driftline.profiles.building.task_inference import infer_task
from driftline.profiles.class_names import ClassNames
from driftline.profiles.estimator import EVEN_ODDS
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.joined import LabelledPairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.events.outcomes import Score
    from driftline.profiles.building.coded_values import Values
    from driftline.profiles.building.table import ReferenceTable
    from driftline.profiles.building.vectors import Vectors
    from driftline.profiles.task import Task
    from driftline.sketches.columns import Column, DateColumn, EmbeddingColumn
    from driftline.sketches.encoding import CategoryCodes


@dataclass(frozen=True)
class EncodedReference:
    """Reference rows, n of them, in the columns and the task that they make."""

    task: Task
    columns: tuple[Column, ...]
    """Features by name, then the prediction and the score where there are any."""
    rows: EncodedRows
    """In these columns, with the scores."""
    prediction: ColumnValues | None
    label: ColumnValues | None
    times_ms: NDArray[np.int64] | None
    """``NO_TIME`` where a row has none, shape (n,)."""
    score_maps: Sequence[Score | None] | None
    """Class to probability, where scores are maps, shape (n,)."""
    left_out: tuple[str, ...]
    """Columns that are not watched, in order."""
    names: ClassNames
    """The classes of the task, as they are spelled."""
    rare: dict[str, bytes]
    """Hashes of the categories that features do not list, of those that have some."""

    @property
    def n(self) -> int:
        """Rows."""
        return self.rows.n

    @cached_property
    def labels(self) -> NDArray[np.float64] | None:
        """Labels as class codes or standardised values, shape (n,); None where no row has any."""
        return None if self.label is None else self._of_task(self.label)

    @property
    def prediction_codes(self) -> NDArray[np.float64] | None:
        """Predictions as they are, as class codes or standardised values, shape (n,); None where no row has any."""
        return None if self.prediction is None else self._of_task(self.prediction)

    @property
    def predicted(self) -> NDArray[np.float64] | None:
        """Predictions as class codes or standardised values, shape (n,); None where no row has any.

        A binary row without a prediction has the one that its score makes, as events have.
        """
        predicted, scores = self.prediction_codes, self.rows.scores
        if self.task.kind != "binary" or scores is None:
            return predicted
        by_score = np.where(np.isnan(scores), np.nan, scores >= EVEN_ODDS)
        return by_score if predicted is None else np.where(np.isnan(predicted), by_score, predicted)

    @property
    def has_unlisted_classes(self) -> bool:
        """Whether a prediction or label is of a class that the task, which has only so many, does not list."""
        sides = (self.predicted, self.labels)
        n_classes = len(self.task.classes)
        return n_classes > 0 and any(side is not None and bool((side >= n_classes).any()) for side in sides)

    @property
    def pairs(self) -> LabelledPairs | None:
        """Predictions with labels, not-a-number where a row lacks one; None where no row has any."""
        predicted = self.predicted
        if predicted is None or self.labels is None:
            return None
        scores = np.full(self.n, np.nan) if self.rows.scores is None else self.rows.scores
        return LabelledPairs(predicted, self.labels, scores, np.broadcast_to(np.int64(1), self.n))

    def _of_task(self, values: ColumnValues) -> NDArray[np.float64]:
        """Return predictions or labels as class codes or standardised values, shape (n,)."""
        if self.task.kind == "regression":
            return values.numbers[0] / self.task.spread
        if isinstance(values.listed, CodedValues):
            return values.listed.spread(self.names.encode((*values.listed.different, None)))
        return self.names.encode(values.listed)


def encode_reference(
    table: ReferenceTable,
    settings: ModelSettings,
    key: ModelKey,
    pane_ms: int,
    advance: Callable[[int], None] = lambda _n_values: None,
) -> EncodedReference:
    """Return reference rows encoded: each value becomes a number, and each number a bin.

    ``pane_ms`` is the length of the panes to whose starts ages are counted; ``advance`` receives the number of values
    that were looked at, for a progress bar.

    Raises
    ------
    ProfileError
        When the task cannot be told, or ages are asked for and no row has an event time.
    """
    prediction, score, label = (
        None if values is None else ColumnValues(values) for values in (table.prediction, table.score, table.label)
    )
    task = infer_task(prediction, label, settings, key, has_score=score is not None)
    names, score_maps = ClassNames(task.classes, settings.classes), table.score_maps
    if score_maps is not None:
        score_maps = [None if each is None else names.of_score(each) for each in score_maps]
        if task.positive is not None and table.score is not None:
            plain = zip(score_maps, table.score, strict=True)
            score = ColumnValues([one if each is None else one_score(each, task.positive) for each, one in plain])
    encoders: list[Encoder] = []
    rare = {}
    ignored = [name for name, column in settings.columns.items() if column.kind == "ignore"]
    left_out = {*table.left_out, *chosen_names([*table.features, *table.vectors], ignored)}
    has_dates = any(is_date_kind(column.kind) for column in settings.columns.values())
    starts = pane_starts(table.times_ms, pane_ms) if has_dates else None
    for name in table.features:
        if name not in left_out:
            advance(table.n)
            kind = settings.columns[name].kind if name in settings.columns else None
            values, part = table.features[name], part_of(table.features, name)
            if is_date_kind(kind):
                encoders.append(_dates(date_column(name, kind, values, starts), part, starts))
                continue
            feature = ColumnValues(values)
            column = feature.column(name, "feature", kind)
            encoders.append(_plain(column, _values_in(part)))
            if hashes := feature.rare(column):
                rare[name] = hashes
    encoders += _embeddings(table, left_out)
    if prediction is not None:
        if task.kind == "regression":
            encoders.append(_plain(prediction.column("prediction", "prediction", "numeric"), prediction.part))
        else:
            of_classes = CategoricalColumn("prediction", "prediction", task.classes)
            encoders.append(_plain(of_classes, prediction.part, names.bins(of_classes)))
    if score is not None:
        encoders.append(_plain(score.column("score", "score", "numeric"), score.part))
    rows = EncodedRows(encoders, table.n, None if score is None else score.numbers[0], table.store, advance=advance)
    left = tuple(sorted(left_out))
    return EncodedReference(task, rows.columns, rows, prediction, label, table.times_ms, score_maps, left, names, rare)


def _values_in(part: Callable[[slice], Values]) -> Callable[[slice], ColumnValues]:
    return lambda rows: ColumnValues(part(rows))


def _plain(column: Column, part: Callable[[slice], ColumnValues], codes: CategoryCodes | None = None) -> Encoder:
    return Encoder((column,), lambda rows: [part(rows).encoded(column, codes)])


def _dates(column: DateColumn, part: Callable[[slice], Values], starts: NDArray[np.int64] | None) -> Encoder:
    return Encoder((column,), lambda rows: [encode_date(column, part(rows), None if starts is None else starts[rows])])


def _embeddings(table: ReferenceTable, left_out: set[str]) -> Iterator[Encoder]:
    """Yield the columns of each embedding; one whose columns' names are taken is left out."""
    for name, vectors in table.vectors.items():
        if not table.features.keys().isdisjoint(part_names(name)):
            left_out.add(name)
        if name not in left_out:
            yield _vectors(embedding_columns(name, vectors), vectors)


def _vectors(parts: Sequence[EmbeddingColumn], vectors: Vectors) -> Encoder:
    return Encoder((*parts,), lambda rows: encode_embedding(parts, vectors.part(rows)))
