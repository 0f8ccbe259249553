"""A profile from a stretch of production: read twice, so that memory does not grow with what an event holds.

The first reading keeps a sample (the events with the smallest hashes of their ids, whatever order they come in), which
fixes columns, grid and task. The second counts every event on that grid and keeps one small number a value, its bin,
for the history.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.errors import ProfileError
from driftline.events.features import flattened
from driftline.profiles.building.build import PANE_MS, TimeOptions, build_profile
from driftline.profiles.building.column_values import encode_values, without_nan
from driftline.profiles.building.date_build import encode_date, pane_starts
from driftline.profiles.building.embedding_build import encode_embedding
from driftline.profiles.building.flattening import columns_of_rows
from driftline.profiles.building.history_build import build_history
from driftline.profiles.building.table import ReferenceTable, parsed_features, table_of_sample
from driftline.profiles.building.vectors import vectors_of_length
from driftline.sketches.bottom_k import smallest_places
from driftline.sketches.columns import DateColumn, EmbeddingColumn
from driftline.sketches.pane_sketch import PaneSketch, count

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column
    from driftline.sketches.encoding import EncodedColumn
    from driftline.sketches.packed import SampleRow

SAMPLE: Final = 20_000
"""Events that fix the grid; where there are fewer, all of them."""
MAX_VALUES: Final = 250_000_000
"""Values (events × columns) that a profile is counted from at most: 500 MB while it is built."""


class TimedRow(NamedTuple):
    """One event of production, and when it was."""

    time_ms: int
    row: SampleRow


class ProductionOptions(NamedTuple):
    """How a profile of production is counted."""

    pane_ms: int = PANE_MS
    """Length of the panes of the history."""
    sample: int = SAMPLE
    """Events that fix the grid."""
    max_values: int = MAX_VALUES
    not_features: frozenset[str] = frozenset()
    """Names in the features objects that are no features, with all that is within them."""


def build_from_production(
    key: ModelKey,
    read: Callable[[], Iterator[Sequence[TimedRow]]],
    settings: ModelSettings,
    effective_from_ms: int,
    how: ProductionOptions,
) -> Profile:
    """Return the profile of production events.

    ``read`` begins a reading of the events and is called twice. Batches are of any size and in any order, which cannot
    show.

    Raises
    ------
    ProfileError
        When there are no events, more than fit, or the task cannot be told.

    Notes
    -----
    *Cost*: memory for the sample, and two bytes a value; ``max_values`` of them at most.
    """
    grid, _ = sampled_grid(key, read(), settings, effective_from_ms, how)
    return counted(grid, read(), settings, how)


def sampled_grid(
    key: ModelKey,
    batches: Iterable[Sequence[TimedRow]],
    settings: ModelSettings,
    effective_from_ms: int,
    how: ProductionOptions,
) -> tuple[Profile, list[TimedRow]]:
    """Return the columns, grid and task that a sample of production events fixes, with nothing counted; and the sample.

    Raises
    ------
    ProfileError
        When there are no events, or the task cannot be told.
    """
    events = _sampled(batches, how.sample)
    if not events:
        message = f"Expected events of `{key}`, got none - at the stretch of time that was asked for"
        raise ProfileError(message)
    kinds = {name: column.kind for name, column in settings.columns.items()}
    rows, times_ms = [event.row for event in events], [event.time_ms for event in events]
    sample = table_of_sample(rows, how.not_features, kinds=kinds, times_ms=times_ms)
    in_time = TimeOptions(pane_ms=how.pane_ms)
    grid = build_profile(key, sample, settings, effective_from_ms, "production", grid_only=True, in_time=in_time)
    return grid, events


def counted(
    grid: Profile, batches: Iterable[Sequence[TimedRow]], settings: ModelSettings, how: ProductionOptions
) -> Profile:
    """Return the profile of production events on a grid.

    Raises
    ------
    ProfileError
        When there are more events than fit.
    """
    reference, bins, times = PaneSketch(grid.layout), [], []
    known = {column.feature for column in grid.columns if column.role == "feature"}.union(grid.left_out)
    most = how.max_values // max(1, len(grid.columns))
    for batch in batches:
        if not batch:
            continue
        table = table_of_events(batch, known)
        encoded = encoded_table(grid.columns, table, how.pane_ms)
        reference.merge(count(grid.layout, encoded, np.zeros(table.n, dtype=np.int64), 1)[0])
        bins.append([column.bins.astype(np.int16) for column in encoded])
        times.append(np.array([event.time_ms for event in batch], dtype=np.int64))
        if sum(part.size for part in times) > most:
            message = (
                f"Expected at most {most} events of {len(grid.columns)} columns, got more - at `{grid.key}`. Name a "
                "shorter stretch of time"
            )
            raise ProfileError(message)
    reference.normalise()
    whole = [np.concatenate([part[i] for part in bins]) for i in range(len(grid.columns))]
    windows = sorted(map(int, settings.windows.verdict))
    history = build_history(grid.layout, reference, whole, np.concatenate(times), how.pane_ms, windows)
    return replace(grid, reference=reference, history=history)


def _sampled(batches: Iterable[Sequence[TimedRow]], n: int) -> list[TimedRow]:
    """Return the n events whose rows have the smallest hashes, in their order."""
    events: list[TimedRow] = []
    for batch in batches:
        events.extend(batch)
        if len(events) > 2 * n:
            events = _smallest(events, n)
    return _smallest(events, n)


def _smallest(events: Sequence[TimedRow], n: int) -> list[TimedRow]:
    return [events[place] for place in smallest_places([event.row for event in events], n)]


def table_of_events(batch: Sequence[TimedRow], known: Container[str]) -> ReferenceTable:
    """Return the rows of a batch, with features that do not depend on which others are in it."""
    rows = [event.row for event in batch]
    features = columns_of_rows([flattened(parsed_features(row.features), known) for row in rows])
    return ReferenceTable(
        len(rows),
        dict(features),
        without_nan([row.prediction for row in rows]),
        without_nan([row.score for row in rows]),
        times_ms=np.array([event.time_ms for event in batch], dtype=np.int64),
    )


def encoded_table(columns: Sequence[Column], table: ReferenceTable, pane_ms: int) -> list[EncodedColumn]:
    """Return the bins of all columns of a table; those of one embedding are made together."""
    encoded: list[EncodedColumn] = []
    for source, of_source in groupby(columns, lambda column: (column.role, column.feature)):
        parts = [*of_source]
        values = _values(table, *source)
        if isinstance(parts[0], DateColumn):
            encoded.append(encode_date(parts[0], values, pane_starts(table.times_ms, pane_ms)))
            continue
        embedding = [part for part in parts if isinstance(part, EmbeddingColumn)]
        if embedding:
            listed = [None] * table.n if isinstance(values, np.ndarray) else values
            encoded += encode_embedding(embedding, vectors_of_length(listed, embedding[0].length))
        else:
            encoded += [encode_values(column, values) for column in parts]
    return encoded


def _values(table: ReferenceTable, role: str, name: str) -> NDArray[np.float64] | Sequence[object]:
    """Return the values of a column; None for all where the batch does not have it."""
    special = {"prediction": table.prediction, "score": table.score}
    values = special[role] if role in special else table.features.get(name)
    return [None] * table.n if values is None else values
