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

from driftline.checks.columns.change_size import change_of
from driftline.checks.columns.mixture_findings import check_of
from driftline.checks.contract.check import Outcome, check, effect_of, statistic_of
from driftline.detectors.mixture.directions import categorical_directions, numeric_directions
from driftline.sketches.columns import NumericColumn
from driftline.sketches.grouping import OTHERS, UNLISTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.checks.references.cases import ColumnCase
    from driftline.checks.references.reference_view import ColumnReference
    from driftline.detectors.mixture.directions import Direction

ERRORS: Final = 2.5
"""Standard errors by which a window must differ for a change to count as lasting."""
_LEAST: Final = 0.5


@check("lasting", "column", lambda _settings: 0, order=3)
def lasting(case: ColumnCase) -> Iterator[Outcome]:
    """Return what of a column still differs enough to keep an alert of its e-detector open; of each check once."""
    reference, checks = case.reference, case.settings.checks
    if not checks.sequential or reference.calibrating:
        return
    window, place = case.window.sketch.counts, case.place
    seen = np.append(reference.grouping.grouped(window[place.bins]), window[place.quality].sum())
    usual = np.append(reference.reference, _missing_of(case, reference))
    told: set[str] = set()
    for direction in _directions(case, reference, usual):
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


def _missing_of(case: ColumnCase, reference: ColumnReference) -> int:
    """Return how many events without a value stand beside the reference's values: as many as in all hours."""
    counts = case.profile.reference.counts
    values, missing = int(counts[case.place.bins].sum()), int(counts[case.place.quality].sum())
    return round(missing * int(reference.reference.sum()) / values) if values else missing


def _directions(case: ColumnCase, reference: ColumnReference, usual: NDArray[np.int64]) -> tuple[Direction, ...]:
    return _made(usual.tobytes(), reference.grouping.labels, is_numeric=isinstance(case.column, NumericColumn))


@lru_cache(maxsize=8_192)
def _made(usual_bytes: bytes, labels: tuple[str, ...], *, is_numeric: bool) -> tuple[Direction, ...]:
    usual = np.maximum(np.frombuffer(usual_bytes, dtype=np.int64), _LEAST)
    shares, missing = usual[:-1] / usual[:-1].sum(), min(float(usual[-1] / usual.sum()), 1 - 1e-6)
    if is_numeric:
        return numeric_directions(shares, missing)
    unlisted = labels.index(UNLISTED) if UNLISTED in labels else None
    named = [group for group, label in enumerate(labels) if label not in {UNLISTED, OTHERS}]
    return categorical_directions(shares, missing, named, unlisted)


def _difference(
    direction: Direction, usual: NDArray[np.int64], seen: NDArray[np.int64], reference: ColumnReference
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
