"""A profile: reference sketch, grid and task of one model key, effective from a moment in event time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from driftline.profiles.estimator import estimator_id
from driftline.profiles.feature_groups import feature_groups
from driftline.profiles.history import History
from driftline.profiles.shelf import Form, pickled, unpickled
from driftline.sketches.columns import NumericColumn
from driftline.sketches.grid import TAIL_BINS
from driftline.sketches.joint import Z_UNITS
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.loss_strata import stratum_cuts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from driftline.events.model_key import ModelKey
    from driftline.profiles.decay import Decay
    from driftline.profiles.error_groups import ErrorGroups
    from driftline.profiles.estimator import Estimator
    from driftline.profiles.feature_errors import FeatureErrors
    from driftline.profiles.feature_groups import FeatureGroups
    from driftline.profiles.shelf import Shelf
    from driftline.profiles.task import Origin, Task
    from driftline.sketches.columns import Column
    from driftline.sketches.joint import Joint
    from driftline.sketches.pane_sketch import PaneSketch


class JointReference(Struct, frozen=True, array_like=True):
    """What the null distributions of multivariate checks are made of; from the rows that fixed the grid."""

    pairs: bytes
    """float64 little-endian, shape (2, p(p - 1)/2), by rows of the strict upper triangle: variance and excess kurtosis
    of the influence of one event on a pair's correlation; empty where no cross-moments are kept."""
    rows: bytes
    """int16 little-endian, shape (k, p): a sample of the complete rows, in units of 2⁻⁸."""

    def influences(self) -> NDArray[np.float64]:
        """Return variances and excess kurtoses of the influences, shape (2, p(p - 1)/2)."""
        return np.frombuffer(self.pairs, dtype="<f8").reshape(2, -1)

    def sample(self, n_columns: int) -> NDArray[np.float64]:
        """Return the sampled rows in standard deviations, shape (k, p)."""
        return np.frombuffer(self.rows, dtype="<i2").reshape(-1, max(n_columns, 1)) / Z_UNITS


class _Large(NamedTuple):
    """The parts of a profile that take nearly all of its memory, and are seldom needed."""

    reference: PaneSketch
    history: History | None
    joint_reference: JointReference | None


def _packed(large: _Large) -> bytes:
    history = b"" if large.history is None else msgspec.msgpack.encode(large.history)
    return pickled((large.reference, history, large.joint_reference))


def _unpacked(data: bytes) -> _Large:
    reference, history, joint = unpickled(data)
    return _Large(reference, msgspec.msgpack.decode(history, type=History) if history else None, joint)


_FORM: Final = Form(_packed, _unpacked)


def _none() -> None:
    """Return the default of a part that may be on a shelf: a default of the class would be found in its place."""


@dataclass(frozen=True)
class Profile:
    """The reference that a model's panes are compared with."""

    key: ModelKey
    effective_from_ms: int
    """First event time it holds for; panes that start at or after it use it."""
    origin: Origin
    task: Task
    columns: tuple[Column, ...]
    """Features by name, then the prediction and the score where there are any."""
    importances: dict[str, float]
    """By column name; columns that are not named have importance 1."""
    reference: PaneSketch
    """Of the reference events, in the layout of ``columns``. A bootstrap profile whose reference is still being counted
    has an empty one."""
    performance: NDArray[np.int64] | None
    """Of the reference events with labels, shape (task.performance_layout.n_cells,)."""
    history: History | None = field(default_factory=_none)
    """How the reference events lie in time, where that is known."""
    decay: Decay | None = None
    """How recent events weigh more; the reference's counts are then scaled to their effective number."""
    joint: Joint | None = None
    """What sketches keep of several features together."""
    joint_reference: JointReference | None = field(default_factory=_none)
    """What the null distributions of multivariate checks are made of."""
    estimator: Estimator | None = None
    """What estimates performance before labels; where the reference has labels that it could be fitted on."""
    left_out: tuple[str, ...] = ()
    """Columns of the reference that are not watched, in order: events may have them, and all that is within them."""
    rare: Mapping[str, bytes] = field(default_factory=dict)
    """Hashes of the reference's categories that its columns do not list, by feature
    (:mod:`driftline.sketches.rare_categories`); only of features that have some, and of which all are known."""
    losses: NDArray[np.int64] | None = None
    """Of a regression's reference events with labels, by stratum of the prediction, shape
    (:data:`driftline.sketches.loss_strata.N_CELLS`,); None where no event has a label, or labels have weights."""
    error_groups: ErrorGroups | None = None
    """How large the errors of the reference's labelled rows are; of a regression whose rows have times."""
    feature_errors: FeatureErrors | None = None
    """Errors of the reference's labelled rows by group of its features; where they are compared by feature."""
    contradictions: tuple[str, ...] = field(default=(), compare=False)
    """What its rows' scores, predictions and labels say against each other, one sentence each; for who builds it, and
    not published."""

    def put_away(self, shelf: Shelf) -> None:
        """Keep the reference's cells, history and joint reference on a shelf, from which they are read when asked for.

        It stays the same profile: what identifies it is worked out before.
        """
        if "_large" not in vars(self):
            _ = self.profile_id
            large = _Large(self.reference, self.history, self.joint_reference)
            vars(self)["_large"] = shelf.keep(large, _FORM)
            for name in _Large._fields:
                del vars(self)[name]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Return a part that is on a shelf."""
            if name in _Large._fields and "_large" in vars(self):
                return getattr(vars(self)["_large"].value, name)
            raise AttributeError(f"{type(self).__name__} has no {name!r}")

    @cached_property
    def layout(self) -> Layout:
        """Where the columns' cells stand."""
        return Layout(self.columns, self.joint)

    @property
    def n_events(self) -> int:
        """Reference events counted; their effective number where they weigh differently."""
        return int(self.reference.counts[EVENTS])

    def n_of(self, column: int) -> int:
        """Reference events counted of a column, with a value or without.

        It is :attr:`n_events`, unless columns are of different spans, as after a re-baseline of some.
        """
        place = self.layout.places[column]
        return int(self.reference.counts[place.bins].sum() + self.reference.counts[place.quality].sum())

    @cached_property
    def stratum_cuts(self) -> NDArray[np.float64]:
        """Where the strata of a regression's predictions end, in the task's spreads; a part of the grid."""
        for column in self.columns:
            if column.role == "prediction" and isinstance(column, NumericColumn):
                return stratum_cuts(column.edges / self.task.spread, TAIL_BINS - 1)
        return np.empty(0)

    @cached_property
    def feature_groups(self) -> tuple[FeatureGroups, ...]:
        """The groups of its most important features by which errors can be compared; they follow from the profile."""
        return feature_groups(self.columns, self.layout.places, self.reference.counts, self.importances)

    @cached_property
    def grid_id(self) -> str:
        """Identifies columns and task: sketches with the same grid id are comparable."""
        joint = () if self.joint is None else (self.joint,)
        weighted = ("weighted",) if self.task.weighted else ()
        rare = (sorted(self.rare.items()),) if self.rare else ()
        parts = (self.columns, self.task.kind, self.task.classes, self.task.spread, *joint, *weighted, *rare)
        return xxhash.xxh3_64_hexdigest(msgspec.msgpack.encode(parts))

    @cached_property
    def estimator_id(self) -> str | None:
        """Identifies the estimator: only what the same one says adds up."""
        return None if self.estimator is None else estimator_id(self.estimator)

    def _performance_bytes(self, vector: NDArray[np.int64]) -> bytes:
        """Return the cells without the rare ones at the end, where these are zero: earlier versions had none."""
        last = self.task.performance_layout.last
        return vector.tobytes() if vector[last:].any() else vector[:last].tobytes()

    @cached_property
    def profile_id(self) -> str:
        """Identifies the whole profile."""
        performance = None if self.performance is None else self._performance_bytes(self.performance)
        parts = (
            self.key,
            self.effective_from_ms,
            self.origin,
            self.grid_id,
            sorted(self.importances.items()),
            self.reference.pack(),
            performance,
            *(part for part in (self.history, self.decay, self.joint_reference, self.estimator) if part is not None),
            *((self.left_out,) if self.left_out else ()),
            *(() if self.losses is None else (self.losses.tobytes(),)),
            *(() if self.error_groups is None else (self.error_groups,)),
            *(() if self.feature_errors is None else (self.feature_errors,)),
        )
        return xxhash.xxh3_128_hexdigest(msgspec.msgpack.encode(parts))[:24]
