"""Reference rows from JSON objects: one a row, or features with what was predicted of them and what turned out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from driftline.events.outcomes import one_score
from driftline.profiles.building.column_values import without_nan
from driftline.profiles.building.roles import event_times
from driftline.profiles.building.table import ReferenceRows, ReferenceTable
from driftline.profiles.building.times import times_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.profiles.building.roles import Roles


def table_of_rows(rows: Sequence[Mapping[str, Any]], roles: Roles, *, positive: str | None, at: str) -> ReferenceRows:
    """Return the reference rows that are given as JSON objects; an absent name is a missing value.

    Raises
    ------
    ProfileError
        When a column that was named is in no row.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    special, time = roles.assigned(names, at), roles.time_column(names)
    without = {*special, time, *roles.drop}
    left_out = [name for name in names if name in roles.no_features and name not in without]
    remarks = [roles.reason(name) for name in left_out]
    times = event_times(roles, remarks, None if time is None else lambda: times_of([row.get(time) for row in rows], at))
    values = [None if name is None else [row.get(name) for row in rows] for name in special]
    scores = probabilities(values[1], positive)
    table = table_of_events(rows, values[0], scores, values[2], (*without, *left_out), times_ms=times)
    return ReferenceRows(replace(table, score_maps=score_maps(values[1])), tuple(remarks))


def table_of_events(
    features: Sequence[Mapping[str, Any]],
    predictions: Sequence[object] | None,
    scores: Sequence[object] | None,
    labels: Sequence[object] | None,
    without: Iterable[str | None] = (),
    *,
    times_ms: NDArray[np.int64] | None = None,
) -> ReferenceTable:
    """Return the table of features objects, n of them, with what was predicted of each, what turned out, and when.

    An absent name is a missing value; features named in ``without`` are left out. Predictions, scores or labels that
    are all None count as absent.
    """
    left_out = set(without)
    names = dict.fromkeys(name for row in features for name in row if name not in left_out)
    columns: dict[str, NDArray[np.float64] | Sequence[object]] = {
        name: [row.get(name) for row in features] for name in names
    }
    return ReferenceTable(
        n=len(features),
        features=columns,
        prediction=_unless_absent(predictions),
        score=_unless_absent(scores),
        label=_unless_absent(labels),
        times_ms=times_ms,
    )


def probabilities(values: list[object] | None, positive: str | None) -> list[object] | None:
    """Return one probability a row, also where scores are maps of class to probability."""
    if values is None:
        return None
    return [
        one_score(_without_null(value), positive) if isinstance(value, dict) and value else value for value in values
    ]


def score_maps(values: list[object] | None) -> list[dict[str, float] | None] | None:
    """Return the maps of class to probability; None where there are none."""
    maps = [_without_null(value) if isinstance(value, dict) and value else None for value in values or ()]
    return None if all(each is None for each in maps) else maps


def _without_null(score: dict[str, float | None]) -> dict[str, float]:
    """Return a map of class to probability without the classes that have none, as a frame's structs have them."""
    return {name: value for name, value in score.items() if value is not None} or {"": 0.0}


def _unless_absent(values: Sequence[object] | None) -> list[object] | None:
    return None if values is None or all(value is None for value in values) else without_nan(list(values))
