"""Counts how predictions were made, for the rows of a flush that say it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.operation_fields import LATENCY, error_of, has_failed, ms_per_unit, numbers, reason_of
from driftline.sketches.log_grid import GREATEST, N_BINS, UNIT, bins_of
from driftline.sketches.operations import Measure, Operations, measure_of, merged_reasons
from driftline.sketches.sparse import pack_groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.operation_fields import OperationRow

_ERROR: Final = 1
"""Place of the error in a row; that of the latency is 0."""
_LOW_BITS: Final = 32


class OperationCounter:
    """Counts rows that have further numbers called ``names``; a latency of 1 is ``factor`` milliseconds."""

    def __init__(self, names: Sequence[str] = (), factor: float = 1.0) -> None:
        self._measures = [(LATENCY, 0, factor), *((name, 2 + place, 1.0) for place, name in enumerate(names))]

    @classmethod
    def of(cls, settings: Settings) -> OperationCounter:
        """Return the counter of what is mapped."""
        fields = settings.predictions.fields
        return cls([*fields.operations], ms_per_unit(fields))

    def __call__(
        self, rows: Sequence[OperationRow], slots: NDArray[np.int64], n_slots: int
    ) -> Iterator[tuple[int, Operations]]:
        """Yield the slots of which n rows say anything, n >= 1, ascending; ``slots``, shape (n,), has that of each."""
        columns = [*zip(*rows, strict=True)]
        told = np.zeros(n_slots, dtype=np.bool_)
        reasons: dict[int, Counter[str]] = {}
        errors = columns[_ERROR]
        if errors.count(None) < len(errors):
            given = np.array([error is not None for error in errors], dtype=np.bool_)
            told[slots[given]] = True
            for slot, error in zip(
                slots[given].tolist(), (error for error in errors if error is not None), strict=True
            ):
                if has_failed(error):
                    reasons.setdefault(slot, Counter())[reason_of(error)] += 1
        measures: dict[int, dict[str, Measure]] = {}
        for name, place, factor in self._measures:
            values = columns[place]
            if values.count(None) == len(values):
                continue
            for slot, measure in _measured(values, slots, n_slots, factor):
                told[slot] = True
                measures.setdefault(slot, {})[name] = measure
        for slot in np.flatnonzero(told).tolist():
            of_slot, why = measures.get(slot, {}), reasons.get(slot, Counter[str]())
            yield slot, Operations(why.total(), merged_reasons(why), dict(sorted(of_slot.items())))


def _measured(
    values: Sequence[object], slots: NDArray[np.int64], n_slots: int, factor: float
) -> Iterator[tuple[int, Measure]]:
    """Yield the slots that have a value of one field, and what they add up to."""
    found, given = numbers(values, factor)
    n_given = np.bincount(slots[given], minlength=n_slots)
    usable = np.flatnonzero(~np.isnan(found))
    kept, of_kept = np.minimum(found[usable], GREATEST), slots[usable]
    n_usable = np.bincount(of_kept, minlength=n_slots)
    cells, n_cells = np.unique(of_kept * N_BINS + bins_of(kept), return_counts=True)
    ends = np.searchsorted(cells, (np.arange(n_slots) + 1) * N_BINS)
    packed = pack_groups(cells % N_BINS, n_cells, ends)
    units = np.rint(kept * UNIT).astype(np.int64)
    # Exact: 2³² times as many rows as are ever counted together is below 2⁵³, up to which floats are whole numbers.
    high = np.bincount(of_kept, weights=units >> _LOW_BITS, minlength=n_slots)
    low = np.bincount(of_kept, weights=units & ((1 << _LOW_BITS) - 1), minlength=n_slots)
    greatest = np.zeros(n_slots)
    np.maximum.at(greatest, of_kept, kept)
    for slot in np.flatnonzero(n_given).tolist():
        total = (int(high[slot]) << _LOW_BITS) + int(low[slot])
        n_unusable = int(n_given[slot] - n_usable[slot])
        yield slot, measure_of(packed[slot], total, float(greatest[slot]), n_unusable)


def failed_rows(rows: Sequence[OperationRow | None]) -> NDArray[np.bool_]:
    """Return which of n events failed, shape (n,)."""
    failed = (has_failed(error_of(row)) for row in rows)
    return np.fromiter(failed, dtype=np.bool_, count=len(rows))
