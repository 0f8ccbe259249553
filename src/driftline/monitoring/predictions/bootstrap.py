"""A profile from the stream itself: a sample fixes the grid, then events disjoint from it are counted as reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from driftline.errors import ProfileError
from driftline.monitoring.predictions.accumulator import Accumulator, ClosedPane, packed_union
from driftline.monitoring.state.table import Table, Value
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import table_of_sample
from driftline.sketches.bottom_k import smallest, smallest_places
from driftline.sketches.packed import SampleRow

if TYPE_CHECKING:
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.monitoring.predictions.open_panes import ProfilePane
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch


def is_counting(profile: Profile) -> bool:
    """Whether a profile is a bootstrap's grid, whose reference is still being counted."""
    return profile.origin == "bootstrap" and profile.n_events == 0


def canonical(sketch: PaneSketch) -> PaneSketch:
    """Return the sketch in the one form that all orders of merging give: carried words, names in order.

    A profile's id and records are made from a sketch's bytes, and equal sums have many pairs of words.
    """
    sketch.normalise()
    return sketch


class BootstrapSample:
    """The sample of a model that has no profile: rows of closed panes until there are enough events.

    Notes
    -----
    *State*: at most ``bootstrap.sample`` rows and those of one pane; each pane's rows are a piece of their own, written
    once.
    """

    def __init__(self, setup: ModelSetup) -> None:
        self._setup = setup
        self._settings = setup.budget.settings
        self._panes = Table("sample", int, tuple[int, list[SampleRow]])
        self.last_error: str | None = None
        self.tables = (self._panes,)

    def add(self, pane_ms: int, end_ms: int, part: ProfilePane) -> Profile | None:
        """Add a closed pane; return the profile, with an empty reference, once there are enough events.

        Where the sample does not make a profile, :attr:`last_error` says why, and gathering begins anew.
        """
        n_sample = self._settings.bootstrap.sample
        self._panes.put(pane_ms, (part.n_events, smallest(part.rows, n_sample)))
        if self.n_events < n_sample:
            return None
        sampled = [(row, start_ms) for start_ms, (_, rows) in self._panes.items() for row in rows]
        places = smallest_places([row for row, _ in sampled], n_sample)
        rows, times_ms = [sampled[place][0] for place in places], [sampled[place][1] for place in places]
        self.clear()
        try:
            kinds = {name: column.kind for name, column in self._settings.columns.items()}
            table = table_of_sample(rows, self._setup.not_features, kinds, times_ms)
            in_time = TimeOptions(pane_ms=self._setup.pane_ms)
            profile = build_profile(
                self._setup.key, table, self._settings, end_ms, "bootstrap", grid_only=True, in_time=in_time
            )
        except ProfileError as error:
            self.last_error = str(error)
            return None
        self.last_error = None
        return profile

    @property
    def n_events(self) -> int:
        """Events of the panes so far."""
        return sum(n for n, _ in self._panes.values())

    @property
    def first_pane_ms(self) -> int | None:
        """Start of the oldest pane; None before the first."""
        return min(self._panes, default=None)

    @property
    def end_ms(self) -> int | None:
        """End of the newest pane; None before the first."""
        return max(self._panes) + self._setup.pane_ms if self._panes else None

    def clear(self) -> None:
        """Forget the rows: a profile has come, from here or from elsewhere."""
        self._panes.clear()


class BootstrapReference:
    """The reference of a bootstrap profile: ``n_wanted`` events, counted on the profile's grid."""

    def __init__(self, grid: Profile, n_wanted: int) -> None:
        self.grid = grid
        self._n_wanted = n_wanted
        self._union = Value("counting", packed_union(grid.layout), Accumulator(grid.layout))
        self.tables = (self._union,)

    @property
    def n_events(self) -> int:
        """Events counted so far."""
        return self._union.value.n_events

    def add(self, pane: ClosedPane) -> Profile | None:
        """Add a pane; return the finished profile, effective from the pane's end, once there are enough events."""
        union = self._union.value
        union.add(pane)
        self._union.changed()
        if union.n_events < self._n_wanted:
            return None
        return replace(self.grid, reference=canonical(union.sketch), effective_from_ms=pane.end_ms)
