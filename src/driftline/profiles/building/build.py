"""Building a profile from reference rows: column kinds, grids, task, and the sketch of the rows themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import structs

from driftline.config.settings import TimeSettings
from driftline.errors import ProfileError
from driftline.profiles.building.estimator_build import build_estimator
from driftline.profiles.building.history_build import build_history
from driftline.profiles.building.joint_build import build_joint
from driftline.profiles.decay import decayed
from driftline.profiles.error_spread import error_spread
from driftline.profiles.profile import Profile
from driftline.profiles.task import MAX_CLASSES, NO_TIME, Task
from driftline.sketches.columns import (
    MAX_CATEGORIES,
    WRONG_TYPE,
    CategoricalColumn,
    Column,
    NumericColumn,
    Role,
    canonical_category,
)
from driftline.sketches.counting import count
from driftline.sketches.encoding import (
    CategoryCodes,
    EncodedColumn,
    EncodedColumns,
    encode_categorical,
    encode_numeric,
    numbers_of,
)
from driftline.sketches.grid import build_edges
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.layout import Layout
from driftline.sketches.pane_sketch import PaneSketch
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.config.model import ColumnKind, ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.building.table import ReferenceTable
    from driftline.profiles.error_spread import ErrorSpread
    from driftline.profiles.task import Origin, TaskKind

NUMERIC_SHARE: Final = 0.9
"""A column is numeric where at least this share of its values are numbers."""
PANE_MS: Final = int(TimeSettings().pane)
"""Length of a pane where no configuration says another."""


class TimeOptions(NamedTuple):
    """What becomes of the rows' event times.

    Attributes
    ----------
    pane_ms : int
        Length of the panes of the history that rows with times get.
    half_life_ms : int or None
        Recent rows weigh more, by this half-life (:mod:`driftline.profiles.decay`). The edges of the grid, the history
        and the baseline performance are those of all rows alike.
    """

    pane_ms: int = PANE_MS
    half_life_ms: int | None = None


UNWEIGHTED: Final = TimeOptions()
"""All rows weigh the same, and panes are of the usual length."""


def build_profile(
    key: ModelKey,
    table: ReferenceTable,
    settings: ModelSettings,
    effective_from_ms: int,
    origin: Origin,
    *,
    grid_only: bool = False,
    in_time: TimeOptions = UNWEIGHTED,
) -> Profile:
    """Return the profile of reference rows.

    Parameters
    ----------
    key : ModelKey
    table : ReferenceTable
    settings : ModelSettings
        Column kinds, importances, task and positive class where they are configured.
    effective_from_ms : int
        First event time the profile holds for.
    origin : {"training", "production", "bootstrap"}
    grid_only : bool
        Take only grid and task from the rows; the reference stays empty, to be counted on other events.
    in_time : TimeOptions
        What becomes of the rows' event times.

    Raises
    ------
    ProfileError
        When there are no rows, the task cannot be told, or rows that weigh by their age have no time.
    """
    if table.n == 0:
        message = f"Expected at least one reference row, got none - at `{key}`"
        raise ProfileError(message)
    task = infer_task(table, settings, key)
    sources: list[tuple[Column, NDArray[np.float64] | Sequence[object]]] = []
    for name, values in table.features.items():
        kind = settings.columns[name].kind if name in settings.columns else None
        if kind != "ignore":
            sources.append((_column(name, "feature", values, kind), values))
    if table.prediction is not None:
        sources.append((_prediction_column(table.prediction, task), table.prediction))
    if table.score is not None:
        sources.append((_column("score", "score", table.score, "numeric"), table.score))
    columns = tuple(column for column, _ in sources)
    importances = {
        name: column.importance for name, column in settings.columns.items() if column.importance is not None
    }
    encoded = [encode_values(column, values) for column, values in sources]
    together = EncodedColumns.of(encoded, table.n)
    joint, joint_reference = build_joint(columns, importances, settings.checks.multivariate, together)
    layout = Layout(columns, joint)
    grid = Profile(
        key,
        effective_from_ms,
        origin,
        task,
        columns,
        importances,
        PaneSketch(layout),
        None,
        joint=joint,
        joint_reference=joint_reference,
    )
    if grid_only:
        return grid
    reference = count(layout, encoded, np.zeros(table.n, dtype=np.int64), 1)[0]
    history, decay = None, None
    if in_time.half_life_ms is not None:
        times = np.full(table.n, NO_TIME) if table.times_ms is None else table.times_ms
        reference, decay = decayed(layout, together, times, in_time.half_life_ms)
    if table.times_ms is not None:
        bins, windows = [column.bins for column in encoded], sorted(map(int, settings.windows.verdict))
        history = build_history(layout, reference, bins, table.times_ms, in_time.pane_ms, windows)
        if history is not None:
            history = structs.replace(history, errors=_error_spread(table, task, settings))
    performance = reference_performance(table, task)
    scores = None if table.score is None else numbers_of(table.score)[0]
    estimator = build_estimator(task, table, columns, together._replace(scores=scores))
    return replace(
        grid, reference=reference, performance=performance, history=history, decay=decay, estimator=estimator
    )


def encode_values(column: Column, values: NDArray[np.float64] | Sequence[object]) -> EncodedColumn:
    """Return the bins of reference values of any JSON type."""
    if isinstance(column, CategoricalColumn):
        listed = _listed(values)
        hashable = [value if canonical_category(value) is not None else None for value in listed]
        wrong = [(row, WRONG_TYPE) for row, value in enumerate(listed) if value is not None and hashable[row] is None]
        return encode_categorical(column, CategoryCodes(column), hashable, wrong)
    if isinstance(values, np.ndarray):
        return encode_numeric(column, values)
    numbers, exceptions = numbers_of(values)
    return encode_numeric(column, numbers, exceptions)


def infer_task(table: ReferenceTable, settings: ModelSettings, key: ModelKey) -> Task:
    """Return the configured task, or what predictions, scores and labels look like."""
    seen = [value for part in (table.prediction, table.label) if part is not None for value in part]
    names = Counter(name for value in seen if (name := canonical_category(value)) is not None)
    weighted = settings.performance.weighted
    kind: TaskKind
    if settings.task != "auto":
        kind = settings.task
    elif table.score is None and _continuous(seen):
        kind = "regression"
    elif len(names) <= 2:  # noqa: PLR2004  # binary means two
        kind = "binary"
    else:
        kind = "multiclass"
    if kind == "regression":
        numbers, _ = numbers_of(table.prediction or table.label or ())
        finite = numbers[np.isfinite(numbers)]
        spread = float(finite.std()) if finite.size else 0.0
        return Task(kind, (), spread if spread > 0 else 1.0, weighted)
    classes = [name for name, _ in sorted(names.items(), key=lambda item: (-item[1], item[0]))[:MAX_CLASSES]]
    if kind == "multiclass":
        return Task(kind, tuple(sorted(classes, key=_class_order)), weighted=weighted)
    names_in_order = sorted(classes, key=_class_order)
    return Task(kind, _binary_classes(names_in_order, settings.positive_class, key), weighted=weighted)


def _binary_classes(classes: list[str], positive: str | None, key: ModelKey) -> tuple[str, str]:
    if len(classes) > 2:  # noqa: PLR2004  # binary means two
        message = f"Expected at most two classes for a binary task, got {classes!r} - at `{key}`"
        raise ProfileError(message)
    if positive is not None:
        others = [name for name in classes if name != positive]
        return (others[0] if others else ("0" if positive != "0" else "1"), positive)
    if len(classes) == 2:  # noqa: PLR2004
        return (classes[0], classes[1])
    if classes and classes[0] not in {"0", "1"}:
        message = f"Expected two classes, or `positive_class` in the configuration, got only {classes!r} - at `{key}`"
        raise ProfileError(message)
    return ("0", "1")


def _class_order(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _continuous(values: Sequence[object]) -> bool:
    """Whether predictions are numbers that are no class codes."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers or len(numbers) < sum(value is not None for value in values):
        return False
    return any(not float(value).is_integer() for value in numbers) or len(set(numbers)) > MAX_CLASSES


def _column(name: str, role: Role, values: NDArray[np.float64] | Sequence[object], kind: ColumnKind | None) -> Column:
    if isinstance(values, np.ndarray) and kind != "categorical":
        return _numeric_column(name, role, values[np.isfinite(values)])
    listed = _listed(values)
    numbers, exceptions = numbers_of(listed)
    finite = numbers[np.isfinite(numbers)]
    n_present = len(listed) - sum(value is None for value in listed)
    texts = sum(isinstance(listed[row], str | bool) for row, code in exceptions if code)
    if kind == "numeric" or (kind is None and n_present and n_present - texts >= NUMERIC_SHARE * n_present):
        return _numeric_column(name, role, finite)
    tally = Counter(text for value in listed if (text := canonical_category(value)) is not None)
    common = sorted(tally.items(), key=lambda item: (-item[1], item[0]))[:MAX_CATEGORIES]
    return CategoricalColumn(name, role, tuple(text for text, _ in common))


def _numeric_column(name: str, role: Role, finite: NDArray[np.float64]) -> NumericColumn:
    if finite.size == 0:
        return NumericColumn(name, role, b"", 0.0, 0.0, 0.0, 0.0)
    low, high = float(finite.min()), float(finite.max())
    centre, spread = _moments(finite)
    if high <= low:
        spread = 0.0
    edges = build_edges(finite).astype("<f8").tobytes()
    return NumericColumn(name, role, edges, centre if high > low else low, spread, low, high)


def _moments(finite: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation, also where squares would leave the range of numbers."""
    size = float(np.abs(finite).max())
    if size == 0 or 1e-100 < size < 1e100:  # noqa: PLR2004  # squares and their sums stay far inside
        return float(finite.mean()), float(finite.std())
    scaled = finite / size
    return float(scaled.mean()) * size, float(scaled.std()) * size


def _listed(values: NDArray[np.float64] | Sequence[object]) -> Sequence[object]:
    """Return values as JSON has them: not-a-number in an array is a missing value."""
    if isinstance(values, np.ndarray):
        return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124  # NaN
    return values


def _prediction_column(values: Sequence[object], task: Task) -> Column:
    if task.kind == "regression":
        return _column("prediction", "prediction", values, "numeric")
    return CategoricalColumn("prediction", "prediction", task.classes)


def _error_spread(table: ReferenceTable, task: Task, settings: ModelSettings) -> ErrorSpread | None:
    if table.prediction is None or table.label is None or table.times_ms is None:
        return None
    predicted, actual = task.encode(table.prediction), task.encode(table.label)
    scores, _ = numbers_of(table.score if table.score is not None else [None] * table.n)
    return error_spread(task, predicted, actual, scores, table.times_ms, int(settings.windows.performance))


def reference_performance(table: ReferenceTable, task: Task) -> NDArray[np.int64] | None:
    """Return the performance vector of the rows that have prediction and label, or None where there are none."""
    if table.prediction is None or table.label is None:
        return None
    predicted, actual = task.encode(table.prediction), task.encode(table.label)
    scores, _ = numbers_of(table.score if table.score is not None else [None] * table.n)
    rows = np.flatnonzero(np.isfinite(predicted) & np.isfinite(actual))
    if rows.size == 0:
        return None
    layout = task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    vector[PREDICTED] = rows.size
    add_joined(layout, LabelledPairs(predicted, actual, scores, np.ones(table.n, dtype=np.int64)).rows(rows), vector)
    return vector
