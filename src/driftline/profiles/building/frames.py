"""Reference rows from a dataframe: whatever narwhals knows (pandas, polars, pyarrow, modin, cuDF, DuckDB, ...)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Any

import narwhals as nw

from driftline.config.model import ModelSettings
from driftline.errors import ProfileError
from driftline.events.features import is_within
from driftline.events.model_key import ModelKey
from driftline.profiles.building.array_store import MemoryStore
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.flattening import NO_KINDS, droppable, without_nested
from driftline.profiles.building.frame_features import FrameFeatures, names_within, opened
from driftline.profiles.building.frame_values import packed_values
from driftline.profiles.building.importance import checked, with_importances
from driftline.profiles.building.index_columns import without_indexes
from driftline.profiles.building.json_rows import probabilities, score_maps
from driftline.profiles.building.library_errors import reading_column, reading_frame
from driftline.profiles.building.roles import Roles, event_times
from driftline.profiles.building.score_columns import score_columns
from driftline.profiles.building.table import ReferenceRows, ReferenceTable
from driftline.profiles.building.times import times_of_series
from driftline.profiles.effective import BEGINNING_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy as np
    from narwhals.typing import IntoFrame
    from numpy.typing import NDArray

    from driftline.events.times import TimeForm
    from driftline.profiles.building.array_store import ArrayStore
    from driftline.profiles.building.flattening import Kinds
    from driftline.profiles.profile import Profile


class FrameColumns(ABC):
    """A table whose columns are read when they are asked for."""

    columns: list[str]
    """Their names."""

    @property
    @abstractmethod
    def schema(self) -> Mapping[str, nw.dtypes.DType]:
        """Their types by name."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def __getitem__(self, name: str) -> nw.Series[Any]:
        """Return a column."""


def table_of_frame(
    frame: IntoFrame | FrameColumns,
    roles: Roles | None = None,
    *,
    positive: str | None = None,
    at: str = "frame",
    configured: Kinds = NO_KINDS,
    store: ArrayStore | None = None,
) -> ReferenceRows:
    """Return the reference rows of a dataframe.

    Numeric columns become arrays with not-a-number where there is no value; texts, categories and booleans become
    codes. Structs and objects are flattened. Lists of numbers become vectors; dates, other lists and the row index are
    left out, with a remark. Integers beyond 2^53 are read to the precision of floating-point numbers, as those of
    events are.

    Parameters
    ----------
    frame : dataframe or FrameColumns
        Of any library that narwhals knows, eager or lazy; or columns that are read one at a time.
    roles : Roles, optional
        Which columns are not features.
    positive : str, optional
        The class whose probability is the score, where scores are maps of class to probability.
    at : str
        Where the frame comes from, for messages.
    configured : mapping of str to ColumnKind or None
        Columns that the configuration names, with their kind: they are never taken for the row index.
    store : ArrayStore, optional
        Where columns are kept; by default in memory.

    Raises
    ------
    ProfileError
        When a column that was named is not there, the object is no dataframe, or its library cannot read a column.
    """
    roles, store = roles or Roles(), store or MemoryStore()
    eager = frame if isinstance(frame, FrameColumns) else _eager(frame, at)
    _require_names(eager.columns, at)
    parts = (
        part for name in eager.columns if name not in roles.drop for part in names_within(name, eager.schema[name])
    )
    inner = droppable(parts, set(roles.drop).difference(eager.columns))
    prediction, score, label = roles.assigned([*eager.columns, *inner], at)
    time = roles.time_column(eager.columns)
    special = {name for name in (prediction, score, label, time) if name is not None}
    remarks = []
    left_out = list(roles.drop)
    features = FrameFeatures(store, configured)
    sides = _packed_values(eager, prediction, at), _packed_values(eager, label, at)
    scores = _packed_values(eager, score, at)
    if scores is None:
        free = [name for name in eager.columns if name not in special and name not in roles.drop]
        flat = score_columns(free, roles.score_names, sides, lambda name: _packed_values(eager, name, at) or [])
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
            for series in opened(name, eager[name]):
                reason = None if is_within(series.name, roles.drop) else features.add(series)
                if reason is not None:
                    remarks.append(reason)
                    left_out.append(series.name)
    watched, listed, nested = without_nested(features.columns(roles.drop), configured)
    watched, indexes = without_indexes(watched, configured)
    remarks += [*nested.values(), *indexes.values()]
    left_out += [*nested, *indexes, *([time] if time is not None else [])]
    table = ReferenceTable(
        n=len(eager),
        features=watched,
        vectors={**features.vectors, **listed},
        prediction=sides[0],
        score=probabilities(scores, positive),
        label=sides[1],
        times_ms=event_times(
            roles, remarks, None if time is None else lambda: _times(eager[time], roles.time_form, at)
        ),
        score_maps=score_maps(scores),
        left_out=tuple(left_out),
        store=store,
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


def _times(series: nw.Series[Any], form: TimeForm, at: str) -> NDArray[np.int64]:
    with reading_column(series.name, at):
        return times_of_series(series, at, form)


def _packed_values(frame: nw.DataFrame[Any] | FrameColumns, name: str | None, at: str) -> Sequence[object] | None:
    """Return predictions, scores or labels, None where there is none."""
    if name is None:
        return None
    with reading_column(name, at):
        return packed_values(frame[name])
