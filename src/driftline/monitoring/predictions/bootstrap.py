"""A profile from the stream itself: a sample fixes the grid, then events disjoint from it are counted as reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from driftline.errors import ProfileError
from driftline.monitoring.predictions.accumulator import Accumulator, ClosedPane, PackedUnion
from driftline.monitoring.state.checkpoint import load
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import table_of_sample
from driftline.sketches.bottom_k import smallest
from driftline.sketches.packed import SampleRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.monitoring.predictions.open_panes import Part
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


class Gathering:
    """The sample of a model that has no profile: rows of closed panes until there are enough events.

    Parameters
    ----------
    key : ModelKey
    settings : ModelSettings

    Notes
    -----
    *State*: at most ``bootstrap.sample`` rows and those of one pane; each pane's rows are a piece of their own, written
    once.
    """

    def __init__(self, key: ModelKey, settings: ModelSettings) -> None:
        self._key = key
        self._settings = settings
        self._panes: dict[int, tuple[int, list[SampleRow]]] = {}
        self._dirty: set[int] = set()
        self.last_error: str | None = None

    def add(self, pane_ms: int, end_ms: int, part: Part) -> Profile | None:
        """Add a closed pane; return the profile, with an empty reference, once there are enough events.

        Where the sample does not make a profile, :attr:`last_error` says why, and gathering begins anew.
        """
        n_sample = self._settings.bootstrap.sample
        self._panes[pane_ms] = (part.n_events, smallest(part.rows, n_sample))
        self._dirty.add(pane_ms)
        if sum(n for n, _ in self._panes.values()) < n_sample:
            return None
        rows = smallest((row for _, rows in self._panes.values() for row in rows), n_sample)
        self.clear()
        try:
            table = table_of_sample(rows)
            profile = build_profile(self._key, table, self._settings, end_ms, "bootstrap", grid_only=True)
        except ProfileError as error:
            self.last_error = str(error)
            return None
        self.last_error = None
        return profile

    def clear(self) -> None:
        """Forget the rows: a profile has come, from here or from elsewhere."""
        self._dirty.update(self._panes)
        self._panes = {}

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        for pane_ms in sorted(self._dirty):
            pane = self._panes.get(pane_ms)
            yield f"sample/{pane_ms}", None if pane is None else msgspec.msgpack.encode(pane)
        self._dirty.clear()

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state."""
        for name, data in pieces.items():
            if name.startswith("sample/"):
                self._panes[int(name.removeprefix("sample/"))] = load(data, tuple[int, list[SampleRow]], name)


class Counting:
    """The reference of a bootstrap profile, counted on its grid.

    Parameters
    ----------
    grid : Profile
        With an empty reference.
    n_wanted : int
        Events to count.
    """

    def __init__(self, grid: Profile, n_wanted: int) -> None:
        self.grid = grid
        self._n_wanted = n_wanted
        self._union = Accumulator(grid.layout)
        self._dirty = False

    def add(self, pane: ClosedPane) -> Profile | None:
        """Add a pane; return the finished profile, effective from the pane's end, once there are enough events."""
        self._union.add(pane)
        self._dirty = True
        if self._union.n_events < self._n_wanted:
            return None
        return replace(self.grid, reference=canonical(self._union.sketch), effective_from_ms=pane.end_ms)

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the state where it changed since the last call."""
        if self._dirty:
            yield "counting", msgspec.msgpack.encode(self._union.pack())
            self._dirty = False

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state."""
        if "counting" in pieces:
            self._union.add_packed(load(pieces["counting"], PackedUnion, "counting"))
