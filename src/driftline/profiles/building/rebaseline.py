"""A profile in which some columns are those of production, and the others those of the profile that holds now.

Which columns are counted anew is fixed before anything is counted (:class:`Plan`); then all of them are counted on the
grid of the new profile, and what is kept is copied from the old one. Performance stays that of the old profile: that
a column looks different now does not make fewer right predictions normal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from driftline.errors import ProfileError
from driftline.profiles.building.encoded_rows import EncodedRows, Encoder
from driftline.profiles.building.joint_build import build_joint
from driftline.profiles.building.production import counted, encoded_table, sampled_grid, table_of_events
from driftline.profiles.building.rebaseline_history import joined_history
from driftline.profiles.loss_estimator import LossEstimator
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.layout import EVENTS
from driftline.sketches.packed import NO_CELLS
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from driftline.config.model import ModelSettings
    from driftline.profiles.building.production import ProductionOptions, TimedRow
    from driftline.profiles.estimator import Estimator
    from driftline.profiles.feature_errors import FeatureErrors
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

Identity = tuple[str, str]
"""Role and feature: an embedding's columns have one together."""
_ROLES = ("feature", "prediction", "score")


class Plan(NamedTuple):
    """Which columns the new profile has, and where each is from."""

    columns: tuple[Column, ...]
    kept: dict[int, int]
    """Position of each column that is kept: in the new profile, and in the old one."""
    taken: tuple[int, ...]
    """Positions of the columns that are counted anew, ascending."""
    remarks: tuple[str, ...]
    """Which columns cannot be taken over, and why."""


def rebaselined(
    standing: Profile,
    read: Callable[[], Iterator[Sequence[TimedRow]]],
    settings: ModelSettings,
    effective_from_ms: int,
    how: ProductionOptions,
    wanted: Collection[str] | None = None,
) -> tuple[Profile, list[str], list[str]]:
    """Return the profile that holds production's columns for those of another.

    Parameters
    ----------
    standing : Profile
        The profile that holds now.
    read : callable
        Begins a reading of the events of a span; it is called twice.
    settings : ModelSettings
    effective_from_ms : int
        First event time that the new profile holds for.
    how : ProductionOptions
    wanted : collection of str, optional
        Columns to take over; all if absent.

    Returns
    -------
    Profile
    list of str
        Names of the columns that were taken over.
    list of str
        What could not be taken over, and what is lost by it, one sentence each.

    Raises
    ------
    ProfileError
        When the span has no events or more than fit, neither side has a wanted column, none can be taken over, or the
        old profile is empty.
    """
    if standing.n_events == 0:
        message = (
            f"Expected a profile with events, got `{standing.profile_id}`, which is still being learnt - at "
            f"`{standing.key}`. Wait until it is complete, or publish a reference"
        )
        raise ProfileError(message)
    settings = settings.replace(
        task=standing.task.kind, positive_class=settings.positive_class or standing.task.positive
    )
    found, sample = sampled_grid(standing.key, read(), settings, effective_from_ms, how)
    plan = planned(standing, found, wanted)
    grid, relations_anew = _grid(standing, found, plan, sample, settings, how)
    new = counted(grid, read(), settings, how)
    remarks = [*plan.remarks]
    if relations_anew and plan.kept:
        remarks.append(
            "how numeric features go together is taken from the span for all of them, as it concerns columns that are "
            "taken over"
        )
    estimator = _estimator(standing, plan)
    if standing.estimator is not None and estimator is None:
        remarks.append(
            "the estimate of performance looks at columns that are taken over, whose bins are others now: there is "
            "none until a reference with labels is published"
        )
    reference = _reference(standing, new, plan, relations_anew=relations_anew)
    history, lost = joined_history(standing, new, plan.kept, reference)
    new = replace(new, reference=reference)
    by_feature = _feature_errors(standing, new)
    if by_feature != standing.feature_errors:
        remarks.append(
            "errors by feature are compared with the first windows from then on, as the groups of values are others"
        )
    profile = replace(
        new,
        history=history,
        performance=standing.performance,
        losses=standing.losses if standing.stratum_cuts.tobytes() == new.stratum_cuts.tobytes() else None,
        error_groups=standing.error_groups,
        feature_errors=by_feature,
        estimator=estimator,
        decay=standing.decay if plan.kept else None,
        rare={plan.columns[i].name: rare for i, rare in _rare(standing, plan)},
    )
    return profile, [plan.columns[i].name for i in plan.taken], [*remarks, *lost]


def _feature_errors(standing: Profile, new: Profile) -> FeatureErrors | None:
    """Return the errors by group of features where the groups are the same; else what says which errors are large."""
    known = standing.feature_errors
    if known is None or standing.feature_groups == new.feature_groups:
        return known
    return structs.replace(known, cells=NO_CELLS, spreads={}, label_spreads={})


def planned(standing: Profile, found: Profile, wanted: Collection[str] | None) -> Plan:
    """Return which columns the new profile has.

    Raises
    ------
    ProfileError
        When neither side has a wanted column, or none can be taken over.
    """
    old, new = _by_identity(standing.columns), _by_identity(found.columns)
    chosen = _identities([*standing.columns, *found.columns], wanted, standing)
    remarks, sides = [], dict(old)
    taken: set[Identity] = set()
    for identity in chosen:
        reason = _why_not(identity, old, new, found)
        if reason:
            remarks.append(f"`{identity[1]}` cannot be taken over: {reason}")
            continue
        taken.add(identity)
        is_class = identity[0] == "prediction" and isinstance(old.get(identity, [None])[0], CategoricalColumn)
        sides[identity] = old[identity] if is_class else new[identity]  # the bins of classes are those of the task
    if not taken:
        message = f"Expected a column that can be taken over, got none - at `{standing.key}`: {'; '.join(remarks)}"
        raise ProfileError(message)
    order = sorted(sides, key=lambda each: _ROLES.index(each[0]))
    columns = tuple(column for identity in order for column in sides[identity])
    places = {(column.role, column.name): i for i, column in enumerate(standing.columns)}
    kept = {
        i: places[column.role, column.name]
        for i, column in enumerate(columns)
        if (column.role, column.feature) not in taken
    }
    return Plan(columns, kept, tuple(i for i in range(len(columns)) if i not in kept), tuple(remarks))


def _by_identity(columns: Sequence[Column]) -> dict[Identity, list[Column]]:
    sides: dict[Identity, list[Column]] = {}
    for column in columns:
        sides.setdefault((column.role, column.feature), []).append(column)
    return sides


def _identities(columns: Sequence[Column], wanted: Collection[str] | None, standing: Profile) -> list[Identity]:
    """Return what is asked for, in order; a name may be that of a column, or of the feature that it is made of."""
    known = dict.fromkeys((column.role, column.feature) for column in columns)
    if wanted is None:
        return [*known]
    named: dict[str, Identity] = {}
    for column in columns:
        for name in (column.name, column.feature):
            named.setdefault(name, (column.role, column.feature))
    absent = [name for name in wanted if name not in named]
    if absent:
        names = ", ".join(f"`{name}`" for name in sorted({column.feature for column in columns}))
        message = f"Expected columns of `{standing.key}` ({names}), got {', '.join(map(repr, absent))} - at `--columns`"
        raise ProfileError(message)
    return [*dict.fromkeys(named[name] for name in wanted)]


def _why_not(
    identity: Identity, old: dict[Identity, list[Column]], new: dict[Identity, list[Column]], found: Profile
) -> str:
    """Return why a column cannot be taken over; nothing where it can."""
    role, name = identity
    if identity not in new:
        if name in found.left_out:
            return "in the span it is none that can be watched, such as a list or an object; it stays as it was"
        return "the span has no value of it; it stays as it was"
    if role != "prediction" or identity not in old:
        return ""
    if isinstance(old[identity][0], CategoricalColumn) != isinstance(new[identity][0], CategoricalColumn):
        return "predictions are classes in one of both, and numbers in the other; they stay as they were"
    return ""


def _grid(
    standing: Profile,
    found: Profile,
    plan: Plan,
    sample: Sequence[TimedRow],
    settings: ModelSettings,
    how: ProductionOptions,
) -> tuple[Profile, bool]:
    """Return the new profile with nothing counted, and whether the relations of its columns are taken anew."""
    importances = {**standing.importances, **found.importances}
    watched = {column.feature for column in plan.columns if column.role == "feature"}
    left_out = found.left_out if not plan.kept else standing.left_out
    grid = replace(
        found,
        task=standing.task,
        columns=plan.columns,
        importances=importances,
        left_out=tuple(name for name in left_out if name not in watched),
    )
    places = {there: here for here, there in plan.kept.items()}
    if standing.joint is not None and all(column in places for column in standing.joint.columns):
        moved = structs.replace(standing.joint, columns=tuple(places[column] for column in standing.joint.columns))
        return replace(grid, joint=moved, joint_reference=standing.joint_reference), False
    table = table_of_events(sample, watched)
    encoded = encoded_table(plan.columns, table, how.pane_ms)
    rows = EncodedRows([Encoder(plan.columns, lambda _all: encoded)], table.n, None, block_rows=table.n)
    joint, joint_reference = build_joint(rows, importances, settings.checks.multivariate)
    return replace(grid, joint=joint, joint_reference=joint_reference), joint is not None


def _reference(standing: Profile, new: Profile, plan: Plan, *, relations_anew: bool) -> PaneSketch:
    """Return the sketch of both; its number of events is the smaller one, and each column has its own number."""
    there, here = standing.layout.places, new.layout.places
    sketch = PaneSketch(new.layout)
    sketch.copy_columns(standing.reference, [(there[old], here[i]) for i, old in plan.kept.items()])
    sketch.copy_columns(new.reference, [(here[i], here[i]) for i in plan.taken])
    sketch.joint[...] = (new if relations_anew else standing).reference.joint if sketch.joint.size else 0
    sketch.counts[EVENTS] = min(standing.n_events, new.n_events) if plan.kept else new.n_events
    sketch.normalise()
    return sketch


def _estimator(standing: Profile, plan: Plan) -> Estimator | None:
    """Return the estimator with its columns where they stand now; None where it looks at one that is taken over."""
    estimator = standing.estimator
    if estimator is None:
        return None
    places = {there: here for here, there in plan.kept.items()}
    prediction = next((i for i, column in enumerate(plan.columns) if column.role == "prediction"), -1)
    if not isinstance(estimator, LossEstimator):
        return structs.replace(estimator, prediction=-1 if estimator.prediction < 0 else prediction)
    if any(column not in places for column in estimator.columns):
        return None
    return structs.replace(
        estimator, columns=tuple(places[column] for column in estimator.columns), prediction=prediction
    )


def _rare(standing: Profile, plan: Plan) -> Iterator[tuple[int, bytes]]:
    for here, there in plan.kept.items():
        name = standing.columns[there].name
        if name in standing.rare:
            yield here, standing.rare[name]
