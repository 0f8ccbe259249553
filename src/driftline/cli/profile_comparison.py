"""What changed from one profile to another: columns, task, and how far each column's distribution moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct, field, structs

from driftline import distances
from driftline.sketches.columns import MISSING, CategoricalColumn, NumericColumn
from driftline.sketches.grouping import UNLISTED, grouping_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.distances import Counts
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

N_GROUPS: Final = 20
"""Groups of near equal share of the first profile, on which PSI and Jensen-Shannon are computed."""


class ValuePair(Struct, frozen=True):
    """A value in the first and in the second profile."""

    before: float | None
    after: float | None


class ColumnChange(Struct, frozen=True, omit_defaults=True):
    """What changed in one column."""

    name: str
    role: str
    status: str
    """One of "same" (grid and counts are equal), "moved", "added", "removed", and "kind": it was numeric and is
    categorical, or the reverse."""
    importance: float
    """In the second profile, or in the first where it was removed."""
    psi: float | None = None
    jensen_shannon: float | None = None
    kolmogorov_smirnov: float | None = None
    """The second profile's values against the first's; the last for numbers alone."""
    exact: bool = True
    """Whether both share a grid; otherwise values inside a bin are taken as spread evenly."""
    mean: ValuePair | None = None
    missing: ValuePair | None = None
    """Mean of the values; share of the rows without one."""

    @property
    def rank(self) -> tuple[bool, float, str]:
        """Sort key of columns: added, removed and retyped ones first, then by importance × effect."""
        return (self.status in {"same", "moved"}, -self.importance * (self.psi or 0.0), self.name)


class ProfileComparison(Struct, frozen=True):
    """What changed between two profiles; columns in the order of what matters most."""

    before: str
    after: str
    n_before: int
    n_after: int
    task: list[str] = field(default_factory=list)
    """What changed in the task, one sentence each."""
    columns: list[ColumnChange] = field(default_factory=list)


def compare_profiles(first: Profile, second: Profile) -> ProfileComparison:
    """Return what changed from the first profile to the second."""
    here = {column.name: index for index, column in enumerate(first.columns)}
    there = {column.name: index for index, column in enumerate(second.columns)}
    changes = [_changed(first, here[name], second, there[name]) for name in here if name in there]
    changes += [_alone(first, index, "removed") for name, index in here.items() if name not in there]
    changes += [_alone(second, index, "added") for name, index in there.items() if name not in here]
    return ProfileComparison(
        first.profile_id,
        second.profile_id,
        first.n_events,
        second.n_events,
        _task(first, second),
        sorted(changes, key=lambda change: change.rank),
    )


def _task(first: Profile, second: Profile) -> list[str]:
    before, after, sentences = first.task, second.task, []
    if first.key != second.key:
        sentences.append(f"the profiles are of {first.key} and of {second.key}")
    if before.kind != after.kind:
        sentences.append(f"the task was {before.kind} and is {after.kind}")
    elif before.positive != after.positive:
        sentences.append(f"the positive class was {before.positive} and is {after.positive}")
    gone = [name for name in before.classes if name not in after.classes]
    new = [name for name in after.classes if name not in before.classes]
    if gone:
        sentences.append(f"classes no longer there: {', '.join(gone)}")
    if new:
        sentences.append(f"new classes: {', '.join(new)}")
    return sentences


def _alone(profile: Profile, index: int, status: str) -> ColumnChange:
    column = profile.columns[index]
    missing, mean = _missing(profile, index), mean_of(profile, index)
    both = (
        (ValuePair(None, mean), ValuePair(None, missing))
        if status == "added"
        else (
            ValuePair(mean, None),
            ValuePair(missing, None),
        )
    )
    return ColumnChange(
        column.name, column.role, status, profile.importances.get(column.name, 1.0), mean=both[0], missing=both[1]
    )


def _changed(first: Profile, one: int, second: Profile, other: int) -> ColumnChange:
    before, after = first.columns[one], second.columns[other]
    old = first.reference.counts[first.layout.places[one].bins]
    new = second.reference.counts[second.layout.places[other].bins]
    change = ColumnChange(
        after.name,
        after.role,
        "kind",
        second.importances.get(after.name, 1.0),
        missing=ValuePair(_missing(first, one), _missing(second, other)),
    )
    if isinstance(before, NumericColumn) and isinstance(after, NumericColumn):
        exact = before.edge_bytes == after.edge_bytes
        fine_old, fine_new, bins = _on_both_grids(before, old, after, new)
        groups = grouping_of(before, old, N_GROUPS).index[bins]
        return structs.replace(
            _with_effects(change, _summed(groups, fine_new), _summed(groups, fine_old)),
            status="same" if exact and np.array_equal(old, new) else "moved",
            exact=exact,
            mean=ValuePair(mean_of(first, one), mean_of(second, other)),
            kolmogorov_smirnov=_distance("kolmogorov_smirnov", fine_new, fine_old),
        )
    if isinstance(before, CategoricalColumn) and isinstance(after, CategoricalColumn):
        same = before.categories == after.categories and np.array_equal(old, new)
        return _with_effects(
            structs.replace(change, status="same" if same else "moved"), *_by_name(after, new, before, old)
        )
    return change


def _with_effects(change: ColumnChange, current: Counts, reference: Counts) -> ColumnChange:
    return structs.replace(
        change,
        psi=_distance("psi", current, reference),
        jensen_shannon=_distance("jensen_shannon", current, reference),
    )


def _summed(groups: NDArray[np.int64], counts: Counts) -> Counts:
    sums: Counts = np.zeros(int(groups.max()) + 1, dtype=np.int64)
    np.add.at(sums, groups, counts)
    return sums


def _distance(name: str, current: Counts, reference: Counts) -> float | None:
    result = distances.get(name)(current, reference)
    return None if result is None else result.raw


def _on_both_grids(
    before: NumericColumn, old: NDArray[np.int64], after: NumericColumn, new: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts of both between all edges of either, and the first column's bin of each such interval."""
    edges = np.union1d(before.edges, after.edges)
    if edges.size == 0:
        return old, new, np.zeros(1, dtype=np.int64)
    bins = np.concatenate([[0], np.searchsorted(before.edges, edges, "right")])
    return _between(edges, before.edges, old), _between(edges, after.edges, new), bins


def _between(at: NDArray[np.float64], edges: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts between other edges, which are exact where these are edges of the counts."""
    total = int(counts.sum())
    if edges.size == 0:
        return np.concatenate([counts, np.zeros(at.size, dtype=np.int64)])
    below = np.interp(at, edges, np.cumsum(counts[:-1]), left=0.0, right=total)
    bounds = np.concatenate([[0], np.rint(below).astype(np.int64), [total]])
    between: Counts = bounds[1:] - bounds[:-1]
    return between


def _by_name(
    after: CategoricalColumn, new: NDArray[np.int64], before: CategoricalColumn, old: NDArray[np.int64]
) -> tuple[Counts, Counts]:
    """Return the counts of the second and of the first column by category; those not listed are one more."""
    names = list(dict.fromkeys((*before.categories, *after.categories, UNLISTED)))
    counts = []
    for column, held in ((after, new), (before, old)):
        known = dict(zip((*column.categories, UNLISTED), held.tolist(), strict=True))
        counts.append(np.array([known.get(name, 0) for name in names], dtype=np.int64))
    return counts[0], counts[1]


def _missing(profile: Profile, index: int) -> float:
    place = profile.layout.places[index]
    return int(profile.reference.counts[place.quality.start + MISSING]) / max(1, profile.n_of(index))


def mean_of(profile: Profile, index: int) -> float | None:
    """Return the mean of the values that were counted; None for categories and where there are none."""
    column: Column = profile.columns[index]
    block = profile.reference.block(profile.layout, index)
    if block is None or not isinstance(column, NumericColumn):
        return None
    return column.mean + (column.spread or 1.0) * block.mean
