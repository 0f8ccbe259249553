"""Whether what an e-detector found lasts: a window that still shows it keeps its alert open.

An e-detector begins anew after an alarm, and of a small change the next one may come hours later. Between them windows
decide, as of all other checks, whether the change is over: its size in the window must have fallen below
``alerts.close_below`` of its gate, or be one that chance brings about. It tests nothing and opens nothing.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.policy import FROZEN
from driftline.checks.columns.change_size import change_of
from driftline.checks.columns.mixture_findings import check_of
from driftline.checks.contract.check import Outcome, check, effect_of, statistic_of
from driftline.checks.quality.frozen import value_in
from driftline.checks.references.bet_columns import shares_of
from driftline.detectors.mixture.directions import categorical_directions
from driftline.sketches.columns import NumericColumn
from driftline.sketches.grouping import OTHERS, UNLISTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.checks.references.cases import ColumnCase
    from driftline.checks.references.column_reference import ColumnReference
    from driftline.checks.references.value_groups import ValueGroups
    from driftline.detectors.mixture.directions import Direction

ERRORS: Final = 2.5
"""Standard errors by which a window must differ for a change to count as lasting."""
_LEAST: Final = 0.5
_CACHED: Final = 512
"""Columns whose directions are remembered: with a season, those of one window are seldom those of the next."""


@check("lasting", "column", lambda _settings: 0, order=3)
def lasting(case: ColumnCase) -> Iterator[Outcome]:
    """Return what of a column still differs enough to keep an alert of its e-detector open; of each check once."""
    reference, checks = case.reference, case.settings.checks
    if not checks.sequential or reference.calibrating:
        return
    window, place = case.window.sketch.counts, case.place
    seen, usual, directions = _compared(case, reference)
    told: set[str] = set()
    for direction in directions:
        name = check_of(direction.aspect, window[place.quality], case.profile.reference.counts[place.quality])
        before, change, error = _difference(direction, usual, seen, reference)
        if name in told or change <= ERRORS * error:
            continue
        size = change_of(direction, before, change, checks)
        if size.size < case.settings.alerts.close_below * size.gate:
            continue
        told.add(name)
        yield Outcome(
            check=name,
            family="detector",
            subject=case.subject,
            statistic=statistic_of(size.name, size.size, threshold=size.gate),
            effect=effect_of(size.name, size.signed, size.gate, size.after, size.before, corrected=size.size),
            n=int(seen.sum()),
            n_reference=int(usual.sum()),
            message=f"{case.column.name}: {size.name} {size.signed:.2g} lasts",
            lingers=True,
        )
    constant = _constant(case, seen, usual)
    if constant is not None:
        yield constant


def _constant(case: ColumnCase, seen: NDArray[np.int64], usual: NDArray[np.float64]) -> Outcome | None:
    """Return that a column still has one value only; None where it has several, or nearly always had this one."""
    value = value_in(case.window.sketch, case.profile, case.index)
    before = float(usual[:-1][int(seen[:-1].argmax())]) / max(float(usual[:-1].sum()), _LEAST)
    gate = case.settings.checks.min_share_change
    if value is None or 1 - before < gate:
        return None
    return Outcome(
        check=FROZEN,
        family="detector",
        subject=case.subject,
        statistic=statistic_of("share_change", 1 - before, threshold=gate),
        effect=effect_of("share_change", 1 - before, gate, 1.0, before),
        n=int(seen.sum()),
        n_reference=round(float(usual.sum())),
        message=f"{case.column.name}: all values are still {value}",
        lingers=True,
    )


def _missing_of(case: ColumnCase, reference: ColumnReference) -> int:
    """Return how many events without a value stand beside the reference's values: as many as in all hours."""
    counts = case.profile.reference.counts
    values, missing = int(counts[case.place.bins].sum()), int(counts[case.place.quality].sum())
    return round(missing * int(reference.reference.sum()) / values) if values else missing


def _compared(
    case: ColumnCase, reference: ColumnReference
) -> tuple[NDArray[np.int64], NDArray[np.float64], tuple[Direction, ...]]:
    """Return the counts of window and reference, events without a value last, and what the column can do."""
    window, place, missing = case.window.sketch.counts, case.place, _missing_of(case, reference)
    grouping, usual = reference.grouping, reference.reference.astype(np.float64)
    if isinstance(case.column, NumericColumn):
        held = case.view.value_groups(case.index, case.column)
        grouping, usual = held.grouping, held.split(reference.reference)
        directions = _of_numbers(np.append(usual, missing).tobytes(), held)
    else:
        directions = _of_categories(np.append(usual, missing).tobytes(), grouping.labels)
    seen = np.append(grouping.grouped(window[place.bins]), window[place.quality].sum())
    return seen, np.append(usual, missing), directions


@lru_cache(maxsize=_CACHED)
def _of_numbers(usual_bytes: bytes, held: ValueGroups) -> tuple[Direction, ...]:
    return held.directions(*shares_of(np.frombuffer(usual_bytes)))


@lru_cache(maxsize=_CACHED)
def _of_categories(usual_bytes: bytes, labels: tuple[str, ...]) -> tuple[Direction, ...]:
    unlisted = labels.index(UNLISTED) if UNLISTED in labels else None
    named = [group for group, label in enumerate(labels) if label not in {UNLISTED, OTHERS}]
    return categorical_directions(*shares_of(np.frombuffer(usual_bytes)), named, unlisted)


def _difference(
    direction: Direction, usual: NDArray[np.float64], seen: NDArray[np.int64], reference: ColumnReference
) -> tuple[float, float, float]:
    """Return a score's mean in the reference, by how much the window's is higher, and the standard error of that."""
    of_values = slice(None) if direction.aspect == "missing" else slice(-1)
    scores, expected, counts = direction.scores[of_values], usual[of_values], seen[of_values]
    n_reference, n = max(float(expected.sum()), 1.0), float(counts.sum())
    if not n:
        return 0.0, 0.0, 0.0
    before = float(scores @ expected) / n_reference
    variance = max(float((scores - before) ** 2 @ expected) / n_reference, _LEAST / n_reference)
    dispersion = reference.dispersion
    ratio = 1.0 if dispersion is None or dispersion.independent else max(1.0, float(dispersion.design_effects(n).max()))
    return before, float(scores @ counts) / n - before, math.sqrt(variance * ratio * (1 / n + 1 / n_reference))
