"""Reference rows from a dataframe: whatever narwhals knows (pandas, polars, pyarrow, modin, cuDF, DuckDB, ...)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from driftline.config.model import ModelSettings
from driftline.errors import ProfileError
from driftline.events.features import MAX_DEPTH, is_within
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.column_values import without_nan
from driftline.profiles.building.flattening import droppable, nested_remarks, with_objects_opened, without_nested
from driftline.profiles.building.importance import checked, with_importances
from driftline.profiles.building.json_rows import probabilities, score_maps
from driftline.profiles.building.roles import Roles, event_times
from driftline.profiles.building.score_columns import score_columns
from driftline.profiles.building.table import ReferenceRows, ReferenceTable
from driftline.profiles.building.times import times_of_series
from driftline.profiles.effective import BEGINNING_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from narwhals.typing import IntoFrame
    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile


def table_of_frame(
    frame: IntoFrame, roles: Roles | None = None, *, positive: str | None = None, at: str = "frame"
) -> ReferenceRows:
    """Return the reference rows of a dataframe.

    Numeric columns become arrays with not-a-number where there is no value; texts, categories and booleans become
    lists. Structs and objects are flattened. Dates and lists are left out, with a remark.

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
    eager = _eager(frame, at)
    opened = {name: list(_opened(name, eager[name])) for name in eager.columns}
    inner = droppable((each.name for parts in opened.values() for each in parts), set(roles.drop).difference(opened))
    prediction, score, label = roles.assigned([*eager.columns, *inner], at)
    time = roles.time_column(eager.columns)
    special = {name for name in (prediction, score, label, time) if name is not None}
    remarks = []
    left_out = list(roles.drop)
    columns: list[tuple[str, NDArray[np.float64] | Sequence[object]]] = []
    sides, scores = (_json_values(eager, prediction), _json_values(eager, label)), _json_values(eager, score)
    if scores is None:
        free = [name for name in eager.columns if name not in special and name not in roles.drop]
        flat = score_columns(free, roles.score_names, sides, lambda name: _json_values(eager, name) or [])
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
        for series in opened[name]:
            values = None if is_within(series.name, roles.drop) else _feature(series)
            if values is not None:
                columns.append((series.name, values))
            elif not is_within(series.name, roles.drop):
                remarks.append(f"column `{series.name}` is of type {series.dtype}: it is left out")
                left_out.append(series.name)
    features, nested = without_nested(with_objects_opened(columns, roles.drop))
    remarks += nested_remarks(nested)
    left_out += [*nested, *([time] if time is not None else [])]
    table = ReferenceTable(
        n=len(eager),
        features=features,
        prediction=sides[0],
        score=probabilities(scores, positive),
        label=sides[1],
        times_ms=event_times(
            roles, remarks, None if time is None else lambda: times_of_series(eager[time], at, roles.time_form)
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
    reading = table_of_frame(frame, roles, positive=chosen.positive_class)
    return build_profile(ModelKey(model, version), reading.table, chosen, start_ms, "training")


def _eager(frame: IntoFrame, at: str) -> nw.DataFrame[Any]:
    try:
        wrapped: Any = nw.from_native(frame)
    except TypeError as error:
        message = f"Expected a dataframe that narwhals knows, got {type(frame).__name__} - at `{at}`"
        raise ProfileError(message) from error
    return wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped


def _opened(name: str, series: nw.Series[Any], depth: int = 1) -> Iterator[nw.Series[Any]]:
    """Yield the columns within a struct under their path, or the series itself where it is none."""
    dtype = series.dtype
    if not isinstance(dtype, nw.Struct) or depth == MAX_DEPTH:
        yield series.alias(name)
        return
    for field in dtype.fields:
        yield from _opened(f"{name}.{field.name}", series.struct.field(field.name), depth + 1)


def _feature(series: nw.Series[Any]) -> NDArray[np.float64] | list[object] | None:
    dtype = series.dtype
    if dtype.is_numeric():
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return series.cast(nw.String).to_list()
    if isinstance(dtype, nw.String | nw.Boolean):
        return series.to_list()
    if isinstance(dtype, nw.Object | nw.Unknown):
        return without_nan(series.to_list())
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
    return without_nan(series.to_list())
