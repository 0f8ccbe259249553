"""Reference rows from a dataframe: whatever narwhals knows (pandas, polars, pyarrow, modin, cuDF, DuckDB, ...)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from driftline.config.model import ModelSettings
from driftline.errors import ProfileError
from driftline.events.features import MAX_DEPTH, is_within
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.date_build import date_remark, hold_dates, is_date_kind
from driftline.profiles.building.flattening import (
    NO_KINDS,
    droppable,
    list_remark,
    no_embedding,
    with_objects_opened,
    without_nested,
)
from driftline.profiles.building.frame_values import category_texts, floats, holds_json, json_values, type_name
from driftline.profiles.building.importance import checked, with_importances
from driftline.profiles.building.index_columns import without_indexes
from driftline.profiles.building.json_rows import probabilities, score_maps
from driftline.profiles.building.library_errors import reading_column, reading_frame
from driftline.profiles.building.roles import Roles, event_times
from driftline.profiles.building.score_columns import score_columns
from driftline.profiles.building.table import ReferenceRows, ReferenceTable
from driftline.profiles.building.times import times_of_series
from driftline.profiles.building.vectors import vectors_of_series
from driftline.profiles.effective import BEGINNING_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from narwhals.typing import IntoFrame
    from numpy.typing import NDArray

    from driftline.config.model import ColumnKind
    from driftline.events.times import TimeForm
    from driftline.profiles.building.flattening import Kinds
    from driftline.profiles.building.vectors import Vectors
    from driftline.profiles.profile import Profile

_OPENED: Final = (dict, list, tuple, np.ndarray)
"""What may become columns of its own: objects, and lists that may be vectors."""


def table_of_frame(
    frame: IntoFrame,
    roles: Roles | None = None,
    *,
    positive: str | None = None,
    at: str = "frame",
    configured: Kinds = NO_KINDS,
) -> ReferenceRows:
    """Return the reference rows of a dataframe.

    Numeric columns become arrays with not-a-number where there is no value; texts, categories and booleans become
    lists. Structs and objects are flattened. Lists of numbers become vectors; dates, other lists and the row index are
    left out, with a remark. Integers beyond 2^53 are read to the precision of floating-point numbers, as those of
    events are.

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
    configured : mapping of str to ColumnKind or None
        Columns that the configuration names, with their kind: they are never taken for the row index.

    Raises
    ------
    ProfileError
        When a column that was named is not there, the object is no dataframe, or its library cannot read a column.
    """
    roles = roles or Roles()
    eager = _eager(frame, at)
    _require_names(eager.columns, at)
    opened = {name: _opened(name, eager[name], at) for name in eager.columns if name not in roles.drop}
    parts = (each.name for series in opened.values() for each in series)
    inner = droppable(parts, set(roles.drop).difference(eager.columns))
    prediction, score, label = roles.assigned([*eager.columns, *inner], at)
    time = roles.time_column(eager.columns)
    special = {name for name in (prediction, score, label, time) if name is not None}
    remarks = []
    left_out = list(roles.drop)
    columns: list[tuple[str, NDArray[np.float64] | Sequence[object]]] = []
    vectors: dict[str, Vectors] = {}
    sides = _json_values(eager, prediction, at), _json_values(eager, label, at)
    scores = _json_values(eager, score, at)
    if scores is None:
        free = [name for name in eager.columns if name not in special and name not in roles.drop]
        flat = score_columns(free, roles.score_names, sides, lambda name: _json_values(eager, name, at) or [])
        if flat is not None:
            scores, special = flat.maps, special.union(flat.names)
            remarks.append(flat.remark)
    for name in eager.columns:
        if name in special or name in roles.drop:
            continue
        if name in roles.no_features:
            remarks.append(roles.reason(name))
            left_out.append(name)
            continue
        with reading_column(name, at):
            for series in opened[name]:
                if is_within(series.name, roles.drop):
                    continue
                found = vectors_of_series(series)
                kind = configured.get(series.name)
                values = _feature(series, kind)
                if found is not None and found.is_embedding(kind):
                    vectors[series.name] = found
                elif values is not None:
                    columns.append((series.name, values))
                else:
                    remarks.append(_reason(series, kind, is_list=found is not None))
                    left_out.append(series.name)
    features, listed, nested = without_nested(with_objects_opened(columns, roles.drop), configured)
    features, indexes = without_indexes(features, configured)
    remarks += [*nested.values(), *indexes.values()]
    left_out += [*nested, *indexes, *([time] if time is not None else [])]
    table = ReferenceTable(
        n=len(eager),
        features=features,
        vectors={**vectors, **listed},
        prediction=sides[0],
        score=probabilities(scores, positive),
        label=sides[1],
        times_ms=event_times(
            roles, remarks, None if time is None else lambda: _times(eager[time], roles.time_form, at)
        ),
        score_maps=score_maps(scores),
        left_out=tuple(left_out),
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
    kinds = {name: column.kind for name, column in chosen.columns.items()}
    reading = table_of_frame(frame, roles, positive=chosen.positive_class, configured=kinds)
    return build_profile(ModelKey(model, version), reading.table, chosen, start_ms, "training")


def _eager(frame: IntoFrame, at: str) -> nw.DataFrame[Any]:
    with reading_frame(at):
        try:
            wrapped: Any = nw.from_native(frame)
        except TypeError as error:
            message = f"Expected a dataframe that narwhals knows, got {type(frame).__name__} - at `{at}`"
            raise ProfileError(message) from error
        return wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped


def _require_names(columns: Sequence[object], at: str) -> None:
    """Refuse columns whose names are no texts, or that cannot be told apart."""
    for name, n in Counter(columns).items():
        if not isinstance(name, str):
            message = f"{at}: a column is called {name!r}: features of events have texts as names, so rename it"
            raise ProfileError(message)
        if n > 1:
            message = f"{at}: {n} columns are called `{name}`: rename or remove all but one of them"
            raise ProfileError(message)


def _opened(name: str, series: nw.Series[Any], at: str) -> list[nw.Series[Any]]:
    """Return the columns within a struct under their path, or the series itself where it is none."""
    with reading_column(name, at):
        return list(_fields(name, series))


def _fields(name: str, series: nw.Series[Any], depth: int = 1) -> Iterator[nw.Series[Any]]:
    dtype = series.dtype
    if not isinstance(dtype, nw.Struct) or depth == MAX_DEPTH:
        yield series.alias(name)
        return
    for field in dtype.fields:
        yield from _fields(f"{name}.{field.name}", series.struct.field(field.name), depth + 1)


def _feature(series: nw.Series[Any], kind: ColumnKind | None) -> NDArray[np.float64] | list[object] | None:
    """Return the values of a feature, objects among them, or None where they are nothing that an event could hold."""
    dtype = series.dtype
    if dtype.is_numeric():
        return floats(series)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        values = category_texts(series)
    elif isinstance(dtype, nw.String | nw.Boolean | nw.Object | nw.Unknown):
        values = json_values(series)
        if is_date_kind(kind):
            return values
    elif is_date_kind(kind):
        return json_values(series)
    else:
        return None
    return values if holds_json(values) or any(isinstance(value, _OPENED) for value in values) else None


def _reason(series: nw.Series[Any], kind: ColumnKind | None, *, is_list: bool) -> str:
    """Return why a column is left out that holds nothing to watch."""
    if kind == "embedding":
        return no_embedding(series.name)
    if is_list:
        return list_remark(series.name)
    if isinstance(series.dtype, nw.Date | nw.Datetime) or hold_dates(json_values(series)):
        return date_remark(series.name)
    return (
        f"column `{series.name}` is of type {type_name(series)}, which events do not hold: it is left out; make it a "
        "number or a text to keep it"
    )


def _times(series: nw.Series[Any], form: TimeForm, at: str) -> NDArray[np.int64]:
    with reading_column(series.name, at):
        return times_of_series(series, at, form)


def _json_values(frame: nw.DataFrame[Any], name: str | None, at: str) -> list[object] | None:
    """Return predictions, scores or labels, None where there is none."""
    if name is None:
        return None
    with reading_column(name, at):
        return json_values(frame[name])
