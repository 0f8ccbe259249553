"""Reference rows from JSON objects: one a row, or features with what was predicted of them and what turned out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.events.features import is_within
from driftline.events.outcomes import one_score
from driftline.profiles.building.coded_values import different
from driftline.profiles.building.column_values import without_nan
from driftline.profiles.building.flattening import NO_KINDS, columns_of_rows, droppable, flat_rows, without_nested
from driftline.profiles.building.index_columns import without_indexes
from driftline.profiles.building.roles import event_times
from driftline.profiles.building.score_columns import score_columns
from driftline.profiles.building.table import ReferenceRows, ReferenceTable
from driftline.profiles.building.times import times_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.profiles.building.flattening import Kinds
    from driftline.profiles.building.roles import Roles


class RowsOptions(NamedTuple):
    """What is known of rows beside what they hold."""

    times_ms: NDArray[np.int64] | None = None
    """Event time of each row, shape (n,)."""
    positive: str | None = None
    """The class whose probability is the score, where scores are maps of class to probability."""
    kinds: Kinds = NO_KINDS
    """Of columns that are configured."""


NO_OPTIONS: Final = RowsOptions()


def table_of_rows(
    rows: Sequence[Mapping[str, Any]],
    roles: Roles,
    *,
    positive: str | None,
    at: str,
    configured: Kinds = NO_KINDS,
) -> ReferenceRows:
    """Return the reference rows that are given as JSON objects; an absent name is a missing value.

    The row index that data frames write is left out, but where it is among the columns that are ``configured``.

    Raises
    ------
    ProfileError
        When a column that was named is in no row.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    inner = droppable(columns_of_rows(flat_rows(rows)), set(roles.drop).difference(names)) if roles.drop else []
    special, time = roles.assigned([*names, *inner], at), roles.time_column(names)
    without = {*special, time}
    reserved = [name for name in names if name in roles.no_features and name not in {*without, *roles.drop}]
    remarks = [roles.reason(name) for name in reserved]
    times = event_times(
        roles, remarks, None if time is None else lambda: times_of([row.get(time) for row in rows], at, roles.time_form)
    )
    values = [None if name is None else [row.get(name) for row in rows] for name in special]
    without_scores: tuple[str, ...] = ()
    if values[1] is None:
        free = [name for name in names if name not in without and name not in reserved and name not in roles.drop]
        flat = score_columns(free, roles.score_names, (values[0], values[2]), lambda name: [r.get(name) for r in rows])
        if flat is not None:
            values[1], without_scores = flat.maps, flat.names
            remarks.append(flat.remark)
    members = [
        {name: value for name, value in row.items() if name not in without and name not in without_scores}
        for row in rows
    ]
    known = (*roles.drop, *reserved, *([time] if time is not None else []))
    how = RowsOptions(times, positive, configured)
    table = table_of_events(members, values[0], values[1], values[2], known, how)
    features, indexes = without_indexes(table.features, configured)
    remarks += [*remarks_on(table, known), *indexes.values()]
    return ReferenceRows(replace(table, features=features, left_out=(*table.left_out, *indexes)), tuple(remarks))


def table_of_events(
    features: Sequence[Mapping[str, Any]],
    predictions: Sequence[object] | None,
    scores: Sequence[object] | None,
    labels: Sequence[object] | None,
    without: Iterable[str] = (),
    how: RowsOptions = NO_OPTIONS,
) -> ReferenceTable:
    """Return the table of features objects, n of them, with what was predicted of each, what turned out, and when.

    An absent name is a missing value, and one within an object is flattened. Features named in ``without`` are left
    out with all that is within them, as are those that hold neither numbers nor text. Predictions, scores or labels
    that are all None count as absent. Scores may be maps of class to probability.
    """
    dropped = tuple(without)
    columns = columns_of_rows(flat_rows(features))
    features_of = {name: columns[name] for name in columns if not is_within(name, dropped)}
    kept, vectors, nested = without_nested(features_of, how.kinds)
    return ReferenceTable(
        n=len(features),
        features=kept,
        vectors=vectors,
        reasons=nested,
        left_out=(*dropped, *nested),
        prediction=_unless_absent(predictions),
        score=_unless_absent(probabilities(scores, how.positive)),
        label=_unless_absent(labels),
        times_ms=how.times_ms,
        score_maps=score_maps(scores),
    )


def remarks_on(table: ReferenceTable, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the remarks on columns of rows that were left out for what they hold, and not because it was asked."""
    return tuple(remark for name, remark in table.reasons.items() if name not in without)


def probabilities(values: Sequence[object] | None, positive: str | None) -> Sequence[object] | None:
    """Return one probability a row, also where scores are maps of class to probability."""
    if not isinstance(values, list):  # none, or numbers or texts alone
        return values
    return [
        one_score(_without_null(value), positive) if isinstance(value, dict) and value else value for value in values
    ]


def score_maps(values: Sequence[object] | None) -> list[dict[str, float] | None] | None:
    """Return the maps of class to probability; None where there are none."""
    if not isinstance(values, list):
        return None
    maps = [_without_null(value) if isinstance(value, dict) and value else None for value in values]
    return None if all(each is None for each in maps) else maps


def _without_null(score: dict[str, float | None]) -> dict[str, float]:
    """Return a map of class to probability without the classes that have none, as a frame's structs have them."""
    return {name: value for name, value in score.items() if value is not None} or {"": 0.0}


def _unless_absent(values: Sequence[object] | None) -> Sequence[object] | None:
    if values is None or all(value is None for value in different(values)):
        return None
    return without_nan(values) if isinstance(values, list) else values
