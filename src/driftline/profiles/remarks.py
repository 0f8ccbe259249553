"""What somebody who builds a profile should know about it before it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.sketches.columns import MAX_CATEGORIES, QUALITY, CategoricalColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

FEW_ROWS: Final = 1_000
"""With fewer reference rows, only gross drift can be told from chance."""
MOSTLY: Final = 0.5
"""A column of which a greater share is missing is remarked upon."""


def remarks_of(profile: Profile) -> list[str]:
    """Return what is unusual about a profile, one sentence each; empty where nothing is."""
    remarks = []
    if profile.n_events < FEW_ROWS:
        remarks.append(f"only {profile.n_events} rows: with fewer than {FEW_ROWS} only gross drift can be told")
    roles = {column.role for column in profile.columns}
    if "prediction" not in roles:
        remarks.append(
            "no prediction column: drift of predictions cannot be told, and there is no baseline performance"
        )
    elif profile.performance is None:
        remarks.append("no labels: there is no baseline performance")
    if "feature" not in roles:
        remarks.append("no feature columns")
    for index, column in enumerate(profile.columns):
        remarks += [f"column `{column.name}` {text}" for text in _column(profile, index, column)]
    return remarks


def _column(profile: Profile, index: int, column: Column) -> Iterator[str]:
    place = profile.layout.places[index]
    counts, quality = profile.reference.counts[place.bins], profile.reference.counts[place.quality]
    n, present = profile.n_events, int(counts.sum())
    if n and not present:
        yield "has no values at all"
        return
    for name, count in zip(QUALITY, quality.tolist(), strict=True):
        if name == "missing" and count > MOSTLY * n:
            yield f"is missing in {count / n:.0%} of the rows"
        elif name != "missing" and count:
            yield f"has {count} values that are {name.replace('_', ' ')}"
    if isinstance(column, CategoricalColumn):
        unlisted = int(counts[column.unlisted])
        if unlisted and column.role == "feature":
            yield f"has more than {MAX_CATEGORIES} categories: {unlisted / present:.0%} of its values are not listed"
        elif int((counts > 0).sum()) == 1:
            yield "has only one value"
    elif column.minimum == column.maximum:
        yield f"is constant ({column.minimum:g})"
