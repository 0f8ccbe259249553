"""Reference rows from a dataframe: whatever narwhals knows (pandas, polars, pyarrow, modin, cuDF, DuckDB, ...)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import narwhals as nw
import numpy as np

from driftline.config.model import ModelSettings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.events.prediction import one_score
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.importance import checked, with_importances
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.building.times import or_none, times_of, times_of_series
from driftline.profiles.effective import BEGINNING_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from narwhals.typing import IntoFrame
    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

NO_FEATURES: Final = frozenset({"prediction_id", "model", "model_version", "ts", "segments", "latency_ms", "error"})
"""Columns that say which event a row is, and nothing about it."""
_DEFAULT_NAMES: Final = ("prediction", "score", "label")


class Roles(NamedTuple):
    """Which columns are not features.

    Attributes
    ----------
    prediction, score, label : str or None
        Name of the column; None takes the one that is called so, if there is one.
    drop : tuple of str
        Columns to leave out.
    no_features : frozenset of str
        Columns to leave out where they are there.
    usual : tuple of str
        Names of prediction, score and label that are tried where no column is named, before ``prediction``, ``score``
        and ``label``: as the mapping of events has them.
    mapped : frozenset of str
        Those of ``no_features`` that hold the prediction or the score of events, rather than say which event it is.
    time : str or None
        Name of the column of event times; None takes ``usual_time`` where it is there and holds times.
    usual_time : str
        As the mapping of events has it.
    """

    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    drop: tuple[str, ...] = ()
    no_features: frozenset[str] = NO_FEATURES
    usual: tuple[str, str, str] = _DEFAULT_NAMES
    mapped: frozenset[str] = frozenset()
    time: str | None = None
    usual_time: str = "ts"

    def assigned(self, columns: Sequence[str], at: str) -> tuple[str | None, str | None, str | None]:
        """Return the columns of prediction, score and label.

        Raises
        ------
        ProfileError
            When a column that was named is not there.
        """
        given = (self.prediction, self.score, self.label)
        for name in (*given, self.time, *self.drop):
            if name is not None and name not in columns:
                message = f"Expected a column `{name}`, got {_listed(columns)} - at `{at}`"
                raise ProfileError(message)
        free = set(columns) - {*given, self.time, *self.drop}
        names = list(given)
        for usual in (self.usual, _DEFAULT_NAMES):  # what the mapping says goes first, for every role
            for role, name in enumerate(usual):
                if names[role] is None and name in free:
                    names[role] = name
                    free.remove(name)
        return names[0], names[1], names[2]

    def time_column(self, columns: Sequence[str]) -> str | None:
        """Return the column of event times, or None where there is none."""
        if self.time is not None:
            return self.time
        return self.usual_time if self.usual_time in columns and self.usual_time not in self.drop else None

    def reason(self, column: str) -> str:
        """Return the remark on a column of ``no_features`` that was left out."""
        if column in self.mapped:
            return (
                f"column `{column}` holds the prediction or score of events, as the configuration maps their fields, "
                "and no feature: it is left out"
            )
        return f"column `{column}` identifies events: it is left out"


class ReferenceRows(NamedTuple):
    """Reference rows, and what was left out of them and why."""

    table: ReferenceTable
    remarks: tuple[str, ...]


def table_of_frame(
    frame: IntoFrame, roles: Roles | None = None, *, positive: str | None = None, at: str = "frame"
) -> ReferenceRows:
    """Return the reference rows of a dataframe.

    Numeric columns become arrays with not-a-number where there is no value; texts, categories and booleans become
    lists. Dates and nested columns are left out, with a remark.

    Parameters
    ----------
    frame : dataframe
        Of any library that narwhals knows, eager or lazy.
    roles : Roles, optional
        Which columns are not features.
    positive : str, optional
        The class whose probability is the score, where scores are maps of class to probability.
    at : str
        Where the frame comes from, for messages.

    Raises
    ------
    ProfileError
        When a column that was named is not there, or the object is no dataframe.
    """
    roles = roles or Roles()
    known = _eager(frame, at)
    prediction, score, label = roles.assigned(known.columns, at)
    time = roles.time_column(known.columns)
    special = {name for name in (prediction, score, label, time) if name is not None}
    features: dict[str, NDArray[np.float64] | Sequence[object]] = {}
    remarks = []
    for name in known.columns:
        if name in special or name in roles.drop:
            continue
        if name in roles.no_features:
            remarks.append(roles.reason(name))
            continue
        values = _feature(known[name])
        if values is None:
            remarks.append(f"column `{name}` is of type {known[name].dtype}: it is left out")
        else:
            features[name] = values
    scores = _json_values(known, score)
    table = ReferenceTable(
        n=len(known),
        features=features,
        prediction=_json_values(known, prediction),
        score=_scores(scores, positive),
        label=_json_values(known, label),
        times_ms=_times(roles, remarks, None if time is None else lambda: times_of_series(known[time], at)),
        score_maps=_score_maps(scores),
    )
    return ReferenceRows(table, tuple(remarks))


def build_profile_from_frame(
    frame: IntoFrame,
    model: str,
    version: str = "",
    *,
    roles: Roles | None = None,
    settings: ModelSettings | None = None,
    effective_from: datetime | None = None,
    importances: Mapping[str, float] | None = None,
) -> Profile:
    """Return the profile of training or reference rows in a dataframe.

    Parameters
    ----------
    frame : dataframe
        Of any library that narwhals knows; a row is a prediction, a column a feature.
    model, version : str
        Which predictions are compared with it.
    roles : Roles, optional
        Which columns are not features; by default ``prediction``, ``score`` and ``label`` where they are there.
    settings : ModelSettings, optional
        Kinds and importances of columns, task and positive class where they shall not be inferred.
    effective_from : datetime, optional
        First event time it holds for, with an offset from UTC; by default it holds from the beginning.
    importances : mapping of str to float, optional
        How much each column matters to the model, in any unit; those of the settings stand.

    Raises
    ------
    ProfileError
        When there are no rows, a named column is not there, the task cannot be told, the time has no offset or an
        importance is no number at or above zero.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.table({"age": [41, 35, 62], "channel": ["web", "web", "app"], "prediction": [1, 0, 1]})
    >>> profile = build_profile_from_frame(rows, "credit-risk", "3")
    >>> [(column.name, column.role, column.n_bins) for column in profile.columns]
    [('age', 'feature', 21), ('channel', 'feature', 3), ('prediction', 'prediction', 3)]
    """
    chosen = settings if settings is not None else ModelSettings()
    chosen = with_importances(chosen, checked(importances or {}, "importances"))
    if effective_from is not None and effective_from.tzinfo is None:
        message = f"Expected a time with an offset from UTC, got {effective_from!r} - at `effective_from`"
        raise ProfileError(message)
    start_ms = BEGINNING_MS if effective_from is None else round(effective_from.timestamp() * 1000)
    reading = table_of_frame(frame, roles, positive=chosen.positive_class)
    return build_profile(ModelKey(model, version), reading.table, chosen, start_ms, "training")


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
    times = _times(roles, remarks, None if time is None else lambda: times_of([row.get(time) for row in rows], at))
    values = [None if name is None else [row.get(name) for row in rows] for name in special]
    scores = _scores(values[1], positive)
    table = table_of_events(rows, values[0], scores, values[2], (*without, *left_out), times_ms=times)
    return ReferenceRows(replace(table, score_maps=_score_maps(values[1])), tuple(remarks))


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


def _times(roles: Roles, remarks: list[str], read: Callable[[], NDArray[np.int64]] | None) -> NDArray[np.int64] | None:
    """Return event times; where the column was not named and holds none, a remark says so."""
    if read is None:
        return None
    try:
        return or_none(read())
    except ProfileError as error:
        if roles.time is not None:
            raise
        remarks.append(f"column `{roles.usual_time}` is left out, and rows have no time: {error}")
        return None


def _eager(frame: IntoFrame, at: str) -> nw.DataFrame[Any]:
    try:
        known: Any = nw.from_native(frame)
    except TypeError as error:
        message = f"Expected a dataframe that narwhals knows, got {type(frame).__name__} - at `{at}`"
        raise ProfileError(message) from error
    return known.collect() if isinstance(known, nw.LazyFrame) else known


def _feature(series: nw.Series[Any]) -> NDArray[np.float64] | list[object] | None:
    dtype = series.dtype
    if dtype.is_numeric():
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return series.cast(nw.String).to_list()
    if isinstance(dtype, nw.String | nw.Boolean):
        return series.to_list()
    if isinstance(dtype, nw.Object | nw.Unknown):
        return _without_nan(series.to_list())
    return None


def _json_values(frame: nw.DataFrame[Any], name: str | None) -> list[object] | None:
    """Return predictions, scores or labels, None where there is none."""
    if name is None:
        return None
    series = frame[name]
    if isinstance(series.dtype, nw.Categorical | nw.Enum):
        series = series.cast(nw.String)
    elif isinstance(series.dtype, nw.Decimal):
        series = series.cast(nw.Float64)
    return _without_nan(series.to_list())


def _without_nan(values: list[Any]) -> list[object]:
    return [None if isinstance(value, float) and value != value else value for value in values]  # noqa: PLR0124  # NaN


def _scores(values: list[object] | None, positive: str | None) -> list[object] | None:
    """Return one probability a row, also where scores are maps of class to probability."""
    if values is None:
        return None
    return [one_score(_known(value), positive) if isinstance(value, dict) and value else value for value in values]


def _score_maps(values: list[object] | None) -> list[dict[str, float] | None] | None:
    """Return the maps of class to probability; None where there are none."""
    maps = [_known(value) if isinstance(value, dict) and value else None for value in values or ()]
    return None if all(each is None for each in maps) else maps


def _known(score: dict[str, float | None]) -> dict[str, float]:
    """Return a map of class to probability without the classes that have none, as a frame's structs have them."""
    return {name: value for name, value in score.items() if value is not None} or {"": 0.0}


def _unless_absent(values: Sequence[object] | None) -> list[object] | None:
    return None if values is None or all(value is None for value in values) else _without_nan(list(values))


def _listed(columns: Iterable[str]) -> str:
    listed = ", ".join(columns)
    return listed if len(listed) <= 200 else f"{listed[:197]}..."  # noqa: PLR2004  # what fits on a few lines
