"""Joins of predictions that the sketch stage had no profile for, until the profile that holds for them is certain.

It is certain once the watermark of predictions has reached the prediction's pane: a profile that is learnt from the
stream holds from the end of a pane that has closed. So it is never later than the join's own pane closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.state.table import Table
from driftline.panes.counting.loose_joins import counted, panes_of, split_by_time, together
from driftline.panes.counting.profile_rows import CountingPlace
from driftline.panes.flush_record import LooseRows
from driftline.panes.segments import segment_names

if TYPE_CHECKING:
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profile import Profile


class LooseJoins:
    """One model's joins that wait for their profile.

    Notes
    -----
    *State*: 59 bytes a row, of the predictions that are ahead of the watermark.
    """

    def __init__(self, setup: ModelSetup) -> None:
        self._setup = setup
        self._rows = Table("loose", int, list[LooseRows])
        self.tables = (self._rows,)

    def add(self, delta: JoinDelta) -> None:
        """Keep a delta's rows, by the pane that they were joined in."""
        self._rows.put(delta.pane_ms, [*(self._rows.get(delta.pane_ms) or ()), *delta.loose])

    def settle(self, predictions_ms: int) -> list[JoinDelta]:
        """Return what the rows add whose profile is certain, given the watermark of predictions; those without a
        profile add nothing.
        """
        until_ms = predictions_ms - predictions_ms % self._setup.pane_ms + self._setup.pane_ms
        certain: list[LooseRows] = []
        for pane_ms in sorted(self._rows):
            parts = [split_by_time(part, until_ms) for part in self._rows[pane_ms]]
            certain += [before for before, _ in parts if before is not None]
            waiting = [after for _, after in parts if after is not None]
            if not waiting:
                self._rows.drop(pane_ms)
            elif len(waiting) < len(parts) or any(before is not None for before, _ in parts):
                self._rows.put(pane_ms, waiting)
        return self._counted(together(certain))

    def _counted(self, rows: list[LooseRows]) -> list[JoinDelta]:
        setup = self._setup
        settings = setup.budget.settings
        by_profile: dict[str, tuple[Profile, list[int]]] = {}
        for pane_ms in panes_of(rows, setup.pane_ms):
            profile = setup.profiles.at(setup.key, pane_ms)
            if profile is not None:
                by_profile.setdefault(profile.profile_id, (profile, []))[1].append(pane_ms)
        deltas: list[JoinDelta] = []
        for profile, panes in by_profile.values():
            window_ms, segments = int(settings.windows.performance), segment_names(settings.segments)
            place = CountingPlace(profile, setup.pane_ms, window_ms, segments, settings.classes)
            deltas += counted(rows, place, frozenset(panes))
        return deltas
