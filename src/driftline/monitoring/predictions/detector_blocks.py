"""What a pane says of each numeric column, as detectors take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.columns.detector_findings import constant_bin
from driftline.detectors import Block
from driftline.sketches.grouping import base_grouping

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile
    from driftline.sketches.grouping import Grouping
    from driftline.sketches.pane_sketch import PaneSketch


class BlockMaker:
    """Makes blocks of panes: of standardised values, or, for a column that was constant, of "differs from it".

    ``bounded`` are the columns whose blocks hold values in [0, 1]: those that were constant. With ``with_counts``
    blocks carry the counts of the base groups.
    """

    def __init__(self, profile: Profile, *, with_counts: bool = False) -> None:
        self._profile = profile
        self._numeric = [index for index, place in enumerate(profile.layout.places) if place.moments >= 0]
        bins = {index: constant_bin(profile.columns[index]) for index in self._numeric}
        self._constant = {index: cell for index, cell in bins.items() if cell is not None}
        self._groupings: dict[int, Grouping] = {}
        if with_counts:
            for index in self._numeric:
                counts = profile.reference.counts[profile.layout.places[index].bins]
                self._groupings[index] = base_grouping(profile.columns[index], counts)
        self.bounded = frozenset(self._constant)

    def blocks(self, sketch: PaneSketch) -> list[tuple[int, Block]]:
        """Return the blocks of the columns that have values in a pane, by position in the profile."""
        made = ((index, self._block(sketch, index)) for index in self._numeric)
        return [(index, block) for index, block in made if block is not None]

    def _block(self, sketch: PaneSketch, index: int) -> Block | None:
        moments = sketch.block(self._profile.layout, index)
        if moments is None:
            return None
        bins = sketch.counts[self._profile.layout.places[index].bins]
        grouping = self._groupings.get(index)
        counts = None if grouping is None else tuple(grouping.grouped(bins).tolist())
        if index not in self._constant:
            return Block(moments.count, moments.mean, moments.variance, counts)
        share = 1 - int(bins[self._constant[index]]) / moments.count
        return Block(moments.count, share, share * (1 - share), counts)
