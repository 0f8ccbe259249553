"""What somebody who builds a profile should know about it before it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.config.durations import Duration
from driftline.profiles.remark import Contradiction, column_remark
from driftline.profiles.season import HOURS
from driftline.sketches.columns import (
    MAX_CATEGORIES,
    QUALITY,
    CategoricalColumn,
    DateColumn,
    EmbeddingColumn,
    NumericColumn,
)
from driftline.sketches.number_texts import NO_NUMBERS, NUMBER, looks_like_code

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from driftline.profiles.history import History
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

FEW_ROWS: Final = 1_000
"""With fewer reference rows, only gross drift can be told from chance."""
FEW_PANES: Final = 100
"""Below, checks calibrate and cannot page: what panes say of how much unchanged traffic varies is too little."""
ENOUGH_PANES: Final = 1_000
"""From here on they say enough for tests to keep their level."""
FEW_WEEKS: Final = 4
"""With fewer, an hour of the week has been seen too seldom to tell its own from chance."""
MOSTLY: Final = 0.5
"""A column of which a greater share is missing is remarked upon."""
A_HANDFUL: Final = 10
"""Numbers in text that may as well be categories; with more it is remarked that the configuration can say which."""


def remarks_of(profile: Profile, configured: Container[str] = ()) -> list[str]:
    """Return what is unusual about a profile, a sentence each and what can be done; empty where nothing is.

    Sentences that are a :class:`~driftline.profiles.remark.Contradiction` need mending; the others inform.
    ``configured`` are the columns whose kind the configuration says.
    """
    remarks = [*profile.contradictions]
    if profile.n_events < FEW_ROWS:
        remarks.append(
            f"only {profile.n_events} rows: with fewer than {FEW_ROWS} only gross drift can be told; give more rows"
        )
    remarks += _history(profile.history, profile.n_events if profile.decay is None else profile.decay.n_events)
    roles = {column.role for column in profile.columns}
    if "prediction" not in roles and profile.performance is not None:
        remarks.append("no prediction column: predictions are those that scores make from 0.5 on, as of events")
    elif "prediction" not in roles and "score" in roles and profile.task.kind == "binary":
        remarks.append(
            "no prediction column and no labels: there is no baseline performance; name the labels with --label-column "
            "(predictions are then those that scores make from 0.5 on), or the predictions with --prediction-column"
        )
    elif "prediction" not in roles:
        remarks.append(
            "no prediction column: drift of predictions cannot be told, and there is no baseline performance; name it "
            "with --prediction-column"
        )
    elif profile.performance is None:
        remarks.append("no labels: there is no baseline performance; name their column with --label-column")
    if "feature" not in roles:
        remarks.append("no feature columns: drift of features cannot be told; give rows that have them")
    remarks += _embeddings(profile, configured)
    for index, column in enumerate(profile.columns):
        if isinstance(column, EmbeddingColumn) and column.part != "norm":
            continue  # it lacks a value where the norm does
        remarks += [column_remark(column.feature, text) for text in _column(profile, index, column)]
        if column.name not in configured and _looks_numeric(column):
            remarks.append(
                f"column `{column.name}` holds numbers as text, and is watched as categories: "
                f"`columns.{column.name}.kind: numeric` reads the numbers, `kind: categorical` leaves it as it is"
            )
    return remarks


def _embeddings(profile: Profile, configured: Container[str]) -> Iterator[str]:
    """Yield which features are watched as embeddings, though the configuration does not say so."""
    names: dict[str, list[str]] = {}
    lengths: dict[str, int] = {}
    for column in profile.columns:
        if isinstance(column, EmbeddingColumn) and column.source not in configured:
            names.setdefault(column.source, []).append(column.name)
            lengths[column.source] = column.length
    for source, columns in names.items():
        yield (
            f"column `{source}` holds lists of {lengths[source]} numbers and is watched as an embedding, by the "
            f"columns `{columns[0]}` to `{columns[-1]}`: `columns.{source}.kind: ignore` leaves it out"
        )


def _looks_numeric(column: Column) -> bool:
    """Whether the categories of a feature are numbers, and neither a few nor codes."""
    if not isinstance(column, CategoricalColumn) or column.role != "feature" or len(column.categories) <= A_HANDFUL:
        return False
    numbers = [text for text in column.categories if text.lower() not in NO_NUMBERS]
    return len(numbers) > A_HANDFUL and all(NUMBER(text) and not looks_like_code(text) for text in numbers)


def _history(history: History | None, n_rows: int) -> Iterator[str]:
    if history is None:
        yield (
            "no event times: how much unchanged traffic varies will be learnt from production, and its hours of the "
            "week are not known; name their column with --time-column"
        )
        return
    if history.n_events < n_rows:
        yield (
            f"{n_rows - history.n_events} of {n_rows} rows have no event time: the history leaves them out; give them "
            "times"
        )
    if history.n_panes < FEW_PANES:
        yield (
            f"only {history.n_panes} panes of {Duration(history.pane_ms)}: with fewer than {FEW_PANES} how much "
            "unchanged traffic varies will be learnt from production; give rows of a longer time"
        )
    elif history.n_panes < ENOUGH_PANES:
        yield (
            f"{history.n_panes} panes of {Duration(history.pane_ms)}: with fewer than {ENOUGH_PANES} tests are wider "
            "than they need be; give rows of a longer time"
        )
    if history.n_hours < HOURS:
        yield (
            f"{history.n_hours} of {HOURS} hours of the week are known: seasons of the others will be taken for "
            "variation; give rows of whole weeks"
        )
    elif history.n_weeks < FEW_WEEKS:
        weeks = "week" if history.n_weeks == 1 else "weeks"
        yield f"{history.n_weeks} {weeks}: hours of the week are thin with fewer than {FEW_WEEKS}; give more weeks"


def _column(profile: Profile, index: int, column: Column) -> Iterator[str]:
    place = profile.layout.places[index]
    counts, quality = profile.reference.counts[place.bins], profile.reference.counts[place.quality]
    n, present = profile.n_of(index), int(counts.sum())
    leave_out = f"leave it out with `--drop {column.feature}` if the model does not use it"
    if n and not present:
        yield f"has no values at all: {leave_out}"
        return
    for name, count in zip(QUALITY, quality.tolist(), strict=True):
        words = f"has {count} values that are {name.replace('_', ' ')}"
        if name == "missing" and count > MOSTLY * n:
            yield f"is missing in {count / n:.0%} of the rows: {leave_out}"
        elif name == "wrong_type" and count:
            expected = "numbers" if isinstance(column, NumericColumn) else "texts, numbers or truth values"
            expected = "dates or times" if isinstance(column, DateColumn) else expected
            expected = f"lists of {column.length} numbers" if isinstance(column, EmbeddingColumn) else expected
            yield Contradiction(f"{words}: {expected} are expected; mend them, or configure its `kind`")
        elif name != "missing" and count:
            yield f"{words}: they are counted apart; mend them if production has none"
    if isinstance(column, CategoricalColumn):
        unlisted = int(counts[column.unlisted])
        if unlisted and column.role == "feature":
            unknown = "" if column.name in profile.rare else ", and new categories cannot be told from these"
            yield (
                f"has more than {MAX_CATEGORIES} categories: {unlisted / present:.0%} of its values are not listed"
                f"{unknown}; {leave_out}, or group its values"
            )
        elif int((counts > 0).sum()) == 1:
            yield f"has only one value: {leave_out}"
    elif column.minimum == column.maximum and not isinstance(column, EmbeddingColumn):
        yield f"is constant ({column.minimum:g}): {leave_out}"
