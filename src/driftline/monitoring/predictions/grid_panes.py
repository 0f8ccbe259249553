"""What of a pane's parts lies on the grid of the profile that holds: the parts of one grid are one closed pane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.events.schema_counts import merge_schemas
from driftline.events.source import merge_offsets
from driftline.monitoring.model_setup import UNPROFILED
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.sketches.origin_table import merge_origins
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from driftline.events.schema_counts import SchemaCounts
    from driftline.events.source import Offsets
    from driftline.monitoring.predictions.open_panes import OpenPane
    from driftline.profiles.profile import Profile
    from driftline.profiles.profiles import Profiles
    from driftline.sketches.origin_table import OriginTables


def on_grid(
    opened: OpenPane, profile: Profile, profiles: Profiles, span_ms: tuple[int, int], flags: frozenset[str]
) -> tuple[ClosedPane | None, int]:
    """Return the closed pane of what lies on a profile's grid, and how many events do not.

    Parameters
    ----------
    opened : OpenPane
    profile : Profile
        The one that holds.
    profiles : Profiles
        Those under which parts may have been sketched.
    span_ms : tuple of int
        Start and end of the pane, in event time.
    flags : frozenset of str
        Of the pane; where something lies on no grid, that is flagged too.

    Returns
    -------
    pane : ClosedPane or None
        None where nothing lies on the grid.
    n_unprofiled : int
    """
    sketch: PaneSketch | None = None
    offsets: Offsets = {}
    schemas: SchemaCounts = {}
    origins: list[OriginTables] = []
    n_unprofiled = 0
    for profile_id, part in sorted(opened.parts.items()):
        other = profiles.get(profile_id)
        if other is None or other.grid_id != profile.grid_id:
            n_unprofiled += part.n_events
            flags |= {UNPROFILED}
            continue
        if part.n_left_out:
            n_unprofiled += part.n_left_out
            flags |= {UNPROFILED}
        sketch = PaneSketch(profile.layout) if sketch is None else sketch
        for piece in part.pieces:
            sketch.merge_packed(piece)
        merge_offsets(offsets, part.offsets)
        merge_schemas(schemas, part.schemas)
        origins += part.origins
    if sketch is None:
        return None, n_unprofiled
    return ClosedPane(*span_ms, sketch, offsets, flags, schemas, merge_origins(origins)), n_unprofiled
