"""Reference rows as columns: what profiles are built from, whether they come from a file, a frame or the stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from driftline.events.features import is_within, json_members
from driftline.events.outcomes import one_score
from driftline.events.unusable import without_unusable
from driftline.profiles.building.array_store import MemoryStore
from driftline.profiles.building.flattening import NO_KINDS, columns_of_rows, flat_rows, without_nested
from driftline.sketches.bottom_k import smallest_places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.profiles.building.array_store import ArrayStore
    from driftline.profiles.building.coded_values import Values
    from driftline.profiles.building.flattening import Kinds
    from driftline.profiles.building.vectors import Vectors
    from driftline.sketches.packed import SampleRow


@dataclass(frozen=True)
class ReferenceTable:
    """Reference rows, by column."""

    n: int
    """Rows."""
    features: Mapping[str, Values]
    """Each of shape (n,); in an array, not-a-number is a missing value."""
    prediction: Sequence[object] | None = None
    score: Sequence[object] | None = None
    label: Sequence[object] | None = None
    """JSON values, shape (n,), as are those of prediction and score."""
    times_ms: NDArray[np.int64] | None = None
    """Event time of each row, milliseconds since the epoch, shape (n,); ``NO_TIME`` where a row has none. None where no
    row has one. Rows stand in any order."""
    score_maps: Sequence[dict[str, float] | None] | None = None
    """Class to probability, where scores are maps, shape (n,); ``score`` has one probability of each."""
    left_out: tuple[str, ...] = ()
    """Columns that were left out: events have them, and they are not watched."""
    vectors: Mapping[str, Vectors] = field(default_factory=dict)
    """Features that are embeddings; the other ones are in ``features``."""
    reasons: Mapping[str, str] = field(default_factory=dict, compare=False)
    """A remark on each column that was left out for what it holds."""
    store: ArrayStore = field(default_factory=MemoryStore, compare=False)
    """Where what is made of the rows is kept while a profile is built of them."""

    @property
    def n_columns(self) -> int:
        """Columns with values, of which an embedding counts as one."""
        return len(self.features) + len(self.vectors) + sum(each is not None for each in (self.prediction, self.score))


class ReferenceRows(NamedTuple):
    """Reference rows, and what was left out of them and why."""

    table: ReferenceTable
    remarks: tuple[str, ...]


def table_of_sample(
    rows: Sequence[SampleRow],
    not_features: frozenset[str] = frozenset(),
    kinds: Kinds = NO_KINDS,
    times_ms: Sequence[int] | None = None,
) -> ReferenceTable:
    """Return the table of a sample of events; the rows' order does not matter.

    Features appear in the order of their names, so that equal samples give equal tables; ``not_features`` are names in
    the features objects that are none, with all that is within them; ``kinds`` those of columns that are configured;
    ``times_ms`` the event times, or the starts of their panes.
    """
    places = smallest_places(rows)
    ordered = [rows[place] for place in places]
    columns = columns_of_rows(flat_rows([parsed_features(row.features) for row in ordered]))
    columns = {name: columns[name] for name in sorted(columns) if not is_within(name, not_features)}
    features, vectors, left_out = without_nested(columns, kinds)
    maps = [row.score if isinstance(row.score, dict) else None for row in ordered]
    return ReferenceTable(
        n=len(ordered),
        features=features,
        vectors=vectors,
        left_out=tuple(left_out),
        reasons=left_out,
        times_ms=None if times_ms is None else np.array([times_ms[place] for place in places], dtype=np.int64),
        prediction=_unless_absent([_plain(row) for row in ordered]),
        score=_unless_absent([one_score(row.score, None) for row in ordered]),
        score_maps=_unless_absent(maps),
    )


def parsed_features(features: bytes) -> dict[str, Any]:
    """Return the features of an event; nothing where Python cannot read them, as it counts when it is sketched."""
    try:
        parsed = json_members(features)
    except (ValueError, RecursionError):  # nested too deeply, say
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _plain(row: SampleRow) -> str | float | None:
    """Return an event's prediction, None where it cannot be used; a boolean as the class that it is."""
    (prediction,) = without_unusable((row.prediction,))
    return int(prediction) if isinstance(prediction, bool) else prediction


def _unless_absent(values: list[Any]) -> list[Any] | None:
    return None if all(value is None for value in values) else values
