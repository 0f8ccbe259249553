"""A reference table, encoded once: columns and task, and every row in their terms, for all builders to read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from driftline.profiles.building.column_values import ColumnValues
from driftline.profiles.building.task_inference import infer_task
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.joined import LabelledPairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.events.outcomes import Score
    from driftline.profiles.building.table import ReferenceTable
    from driftline.profiles.task import Task
    from driftline.sketches.columns import Column


@dataclass(frozen=True)
class EncodedReference:
    """Reference rows, n of them, in the columns and the task that they make."""

    task: Task
    columns: tuple[Column, ...]
    """Features by name, then the prediction and the score where there are any."""
    rows: EncodedColumns
    """Of these columns, with the scores."""
    prediction: ColumnValues | None
    label: ColumnValues | None
    times_ms: NDArray[np.int64] | None
    """``NO_TIME`` where a row has none, shape (n,)."""
    score_maps: Sequence[Score | None] | None
    """Class to probability, where scores are maps, shape (n,)."""

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.rows.bins.shape[1])

    @cached_property
    def labels(self) -> NDArray[np.float64] | None:
        """Labels as class codes or standardised values, shape (n,); None where no row has any."""
        return None if self.label is None else _of_task(self.task, self.label)

    @cached_property
    def pairs(self) -> LabelledPairs | None:
        """Predictions with labels, not-a-number where a row lacks one; None where no row has any."""
        if self.prediction is None or self.labels is None:
            return None
        predicted = _of_task(self.task, self.prediction)
        scores = np.full(self.n, np.nan) if self.rows.scores is None else self.rows.scores
        return LabelledPairs(predicted, self.labels, scores, np.ones(self.n, dtype=np.int64))


def _of_task(task: Task, values: ColumnValues) -> NDArray[np.float64]:
    """Return predictions or labels as class codes or standardised values, shape (n,)."""
    return values.numbers[0] / task.spread if task.kind == "regression" else task.encode(values.listed)


def encode_reference(table: ReferenceTable, settings: ModelSettings, key: ModelKey) -> EncodedReference:
    """Return reference rows encoded: each value becomes a number, and each number a bin, once.

    Raises
    ------
    ProfileError
        When the task cannot be told.
    """
    prediction, score, label = (
        None if values is None else ColumnValues(values) for values in (table.prediction, table.score, table.label)
    )
    task = infer_task(prediction, label, settings, key, has_score=score is not None)
    columns: list[Column] = []
    encoded = []
    for name, values in table.features.items():
        kind = settings.columns[name].kind if name in settings.columns else None
        if kind != "ignore":
            feature = ColumnValues(values)
            columns.append(feature.column(name, "feature", kind))
            encoded.append(feature.encoded(columns[-1]))
    if prediction is not None:
        columns.append(
            prediction.column("prediction", "prediction", "numeric")
            if task.kind == "regression"
            else CategoricalColumn("prediction", "prediction", task.classes)
        )
        encoded.append(prediction.encoded(columns[-1]))
    if score is not None:
        columns.append(score.column("score", "score", "numeric"))
        encoded.append(score.encoded(columns[-1]))
    rows = EncodedColumns.of(encoded, table.n)._replace(scores=None if score is None else score.numbers[0])
    return EncodedReference(task, tuple(columns), rows, prediction, label, table.times_ms, table.score_maps)
