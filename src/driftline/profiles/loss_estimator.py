"""Direct loss estimation of a regression: what each prediction's absolute and squared error is expected to be."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np
from msgspec import Struct

from driftline.profiles.loss_trees import LossTrees
from driftline.sketches.estimates import LOSS_BLOCKS, VALUE_LIMIT, EstimateLayout, EventEstimates, loss_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.outcomes import Score
    from driftline.profiles.class_names import ClassNames
    from driftline.sketches.encoding import EncodedColumns
    from driftline.sketches.estimates import EstimateTotals

LOSSES: Final = ("absolute", "square")
"""Of errors in units of the reference's spread."""
LOSS_LAYOUT: Final = loss_layout(len(LOSSES))


class LossGroups(Struct, frozen=True, array_like=True):
    """Groups of expected loss, and how well the labelled rows determine what is expected in each."""

    bounds: tuple[float, ...]
    """Least expected loss of each group but the first, length LOSS_BLOCKS - 1."""
    rows: tuple[int, ...]
    """Labelled rows in each, length LOSS_BLOCKS."""
    variances: tuple[float, ...]
    """Mean squared difference of loss and expected loss, of rows that were held out, length LOSS_BLOCKS."""


class LossEstimator(Struct, frozen=True, array_like=True, tag="loss", dict=True):
    """Trees over the columns of a profile."""

    columns: tuple[int, ...]
    """Positions of the columns that the trees look at."""
    tables: tuple[bytes, ...]
    """uint8: the code of an absent value, then of each bin of the column."""
    trees: LossTrees
    groups: tuple[LossGroups, ...]
    """Of each loss."""
    prediction: int
    """Position of the prediction's column."""

    method: ClassVar[Literal["direct_loss"]] = "direct_loss"
    calibrated: ClassVar[None] = None

    @property
    def layout(self) -> EstimateLayout:
        """Of what it says."""
        return LOSS_LAYOUT

    @property
    def n_labelled(self) -> int:
        """Labelled rows that it was fitted on."""
        return sum(self.groups[0].rows)

    def n_events(self, totals: EstimateTotals) -> int:
        """Return the events that it said something of."""
        return int(totals.counts[0, :LOSS_BLOCKS].sum())

    @cached_property
    def _lookups(self) -> list[NDArray[np.uint8]]:
        return [np.frombuffer(table, dtype=np.uint8) for table in self.tables]

    def evaluate(
        self, columns: EncodedColumns, _scores: Sequence[Score | None], _names: ClassNames | None = None
    ) -> EventEstimates:
        """Return the expected losses of n events, and the group of each; without a prediction an event is left out."""
        losses = np.clip(self.trees(codes_of(columns.bins, self.columns, self._lookups)), 0.0, VALUE_LIMIT)
        rows = np.where(columns.bins[self.prediction] >= 0, 0, -1)
        cells = [
            np.searchsorted(np.array(groups.bounds), loss, side="right") + i * LOSS_BLOCKS
            for i, (groups, loss) in enumerate(zip(self.groups, losses, strict=True))
        ]
        return EventEstimates(rows, losses, np.stack(cells))


def codes_of(
    bins: NDArray[np.integer], columns: Sequence[int], tables: Sequence[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Return the codes that trees look at, shape (len(columns), n), of the bins of all columns."""
    codes = np.empty((len(columns), bins.shape[1]), dtype=np.uint8)
    for row, (column, table) in enumerate(zip(columns, tables, strict=True)):
        codes[row] = table.take(np.maximum(bins[column], -1) + 1)
    return codes
