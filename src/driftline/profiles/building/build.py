"""Building a profile from reference rows: they are encoded once, and each part of the profile is read from that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import structs

from driftline.config.settings import TimeSettings
from driftline.errors import ProfileError
from driftline.profiles.building.contradictions import contradictions
from driftline.profiles.building.encoded_reference import encode_reference
from driftline.profiles.building.estimator_build import build_estimator
from driftline.profiles.building.history_build import build_history
from driftline.profiles.building.joint_build import build_joint
from driftline.profiles.decay import decayed
from driftline.profiles.error_groups import error_groups
from driftline.profiles.error_spread import error_spread
from driftline.profiles.feature_errors import feature_errors
from driftline.profiles.profile import Profile
from driftline.profiles.task import NO_TIME
from driftline.sketches.joined import CHUNK, add_joined
from driftline.sketches.layout import Layout
from driftline.sketches.loss_strata import N_CELLS, label_cells, prediction_cells
from driftline.sketches.pane_sketch import PaneSketch, count_each
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.building.encoded_reference import EncodedReference
    from driftline.profiles.building.table import ReferenceTable
    from driftline.profiles.decay import Decay
    from driftline.profiles.error_groups import ErrorGroups
    from driftline.profiles.feature_errors import FeatureErrors
    from driftline.profiles.history import History
    from driftline.profiles.task import Origin

READINGS: Final = 3
"""How often each value is looked at: for its column's grid, for its bin, and to be counted."""
PANE_MS: Final = int(TimeSettings().pane)
"""Length of a pane where no configuration says another."""


class TimeOptions(NamedTuple):
    """What becomes of the rows' event times, and who is told how much time the building still takes."""

    pane_ms: int = PANE_MS
    """Length of the panes of the history that rows with times get."""
    half_life_ms: int | None = None
    """Recent rows weigh more, by this half-life (:mod:`driftline.profiles.decay`). The edges of the grid, the history
    and the baseline performance are those of all rows alike."""
    advance: Callable[[int], None] = lambda _n_values: None
    """Receives how many values were looked at, for a progress bar; each is looked at :data:`READINGS` times."""


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
    reference = encode_reference(table, settings, key, in_time.pane_ms, in_time.advance)
    importances = {
        name: column.importance for name, column in settings.columns.items() if column.importance is not None
    }
    for column in reference.columns:
        if column.role == "feature" and column.feature in importances:
            importances[column.name] = importances[column.feature]
    joint, joint_reference = build_joint(reference.rows, importances, settings.checks.multivariate)
    layout = Layout(reference.columns, joint)
    grid = Profile(
        key,
        effective_from_ms,
        origin,
        reference.task,
        reference.columns,
        importances,
        PaneSketch(layout),
        None,
        joint=joint,
        joint_reference=joint_reference,
        left_out=reference.left_out,
    )
    if grid_only:
        return grid
    grid = replace(grid, rare=reference.rare)  # of a grid alone, more categories are counted later
    sketch, decay = _sketch(layout, reference, in_time.half_life_ms)
    grid = replace(grid, reference=sketch)
    return replace(
        grid,
        decay=decay,
        history=_history(layout, reference, sketch, in_time.pane_ms, settings),
        performance=reference_performance(reference),
        losses=reference_losses(reference, grid.stratum_cuts),
        estimator=build_estimator(reference),
        error_groups=_error_groups(reference, settings),
        feature_errors=_feature_errors(grid, reference, settings),
        contradictions=tuple(contradictions(reference, settings, key.model)),
    )


def _sketch(
    layout: Layout, reference: EncodedReference, half_life_ms: int | None
) -> tuple[PaneSketch, Decay] | tuple[PaneSketch, None]:
    """Return the sketch of the rows, which all weigh the same or less the older they are."""
    if half_life_ms is not None:
        times = np.full(reference.n, NO_TIME) if reference.times_ms is None else reference.times_ms
        return decayed(layout, reference.rows.blocks(), times, half_life_ms)
    sketches = (
        sketch
        for rows, columns in reference.rows.blocks()
        for sketch in count_each(layout, columns, np.zeros(rows.stop - rows.start, dtype=np.int64), 1)
    )
    total = next(sketches)
    for sketch in sketches:
        total.merge(sketch)
    return total, None


def _history(
    layout: Layout, reference: EncodedReference, sketch: PaneSketch, pane_ms: int, settings: ModelSettings
) -> History | None:
    times_ms = reference.times_ms
    if times_ms is None:
        return None
    windows = sorted(map(int, settings.windows.verdict))
    history = build_history(layout, sketch, reference.rows.bins, times_ms, pane_ms, windows)
    pairs = reference.pairs
    if history is None or pairs is None:
        return history
    errors = error_spread(reference.task, pairs, times_ms, int(settings.windows.performance))
    return structs.replace(history, errors=errors)


def _error_groups(reference: EncodedReference, settings: ModelSettings) -> ErrorGroups | None:
    times_ms, pairs = reference.times_ms, reference.pairs
    if times_ms is None or pairs is None:
        return None
    return error_groups(reference.task, pairs, times_ms, int(settings.windows.performance))


def _feature_errors(grid: Profile, reference: EncodedReference, settings: ModelSettings) -> FeatureErrors | None:
    pairs = reference.pairs
    if pairs is None or not settings.performance.by_feature:
        return None
    window_ms = int(settings.windows.performance)
    return feature_errors(
        reference.task, pairs, grid.feature_groups, reference.rows.bins, reference.times_ms, window_ms
    )


def reference_performance(reference: EncodedReference) -> NDArray[np.int64] | None:
    """Return the performance vector of the rows that have prediction and label, or None where there are none."""
    pairs = reference.pairs
    if pairs is None:
        return None
    layout = reference.task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    for start in range(0, reference.n, CHUNK):
        part = pairs.rows(slice(start, start + CHUNK))
        rows = np.flatnonzero(np.isfinite(part.predicted) & np.isfinite(part.actual))
        vector[PREDICTED] += rows.size
        add_joined(layout, part.rows(rows), vector)
    return vector if vector[PREDICTED] else None


def reference_losses(reference: EncodedReference, cuts: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return the losses of a regression's labelled rows by stratum of the prediction, shape (N_CELLS,).

    None where no row has prediction and label, and for other tasks and weighted labels. ``cuts`` are those of the
    profile.
    """
    pairs, task = reference.pairs, reference.task
    if pairs is None or task.kind != "regression" or task.weighted:
        return None
    vector, some = np.zeros(N_CELLS, dtype=np.int64), False
    for start in range(0, reference.n, CHUNK):
        part = pairs.rows(slice(start, start + CHUNK))
        errors = part.predicted - part.actual
        rows = np.flatnonzero(np.isfinite(errors))
        some = some or rows.size > 0
        strata = np.searchsorted(cuts, part.predicted[rows], side="right")
        cells, values = label_cells(strata, errors[rows])
        np.add.at(vector, cells.ravel(), values.ravel())
        np.add.at(vector, prediction_cells(strata), 1)
    return vector if some else None
