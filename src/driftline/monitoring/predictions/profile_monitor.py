"""All that watches one model under one profile: its windows, and the detectors of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from driftline.checks.contract.closed_window import ClosedWindow
from driftline.checks.references.reference_view import ReferenceView
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.control.model_control import MAINTENANCE
from driftline.monitoring.predictions.accumulator import ClosedPane, PackedUnion
from driftline.monitoring.predictions.burn_in import BurnIn
from driftline.monitoring.predictions.column_detectors import ColumnDetectors
from driftline.monitoring.predictions.column_mixture import ColumnMixture
from driftline.monitoring.predictions.detector_blocks import BlockMaker
from driftline.monitoring.predictions.origin_trail import OriginTrail
from driftline.monitoring.predictions.recent_past import RecentPast
from driftline.monitoring.predictions.rolling import RollingReference
from driftline.monitoring.predictions.stored_sketch import StoredSketch, stored
from driftline.monitoring.predictions.windowing import SlidingWindow, TumblingWindow, WindowPlace
from driftline.monitoring.state.journal import Journal
from driftline.sketches.pane_sketch import PaneSketch, merge_sketches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.columns.mixture_findings import FoundChange
    from driftline.config.model import ModelSettings
    from driftline.monitoring.predictions.column_detectors import ColumnDetection
    from driftline.monitoring.state.table import Stateful
    from driftline.profiles.profile import Profile
    from driftline.profiles.shelf import Shelf

MAX_JOURNAL: Final = 60
"""Panes that are kept apart in the state; more are written as what the windows have become."""


class Detected(NamedTuple):
    """What a pane brought to light."""

    changes: Sequence[FoundChange]
    """By e-detectors, in the order of columns."""
    detections: Sequence[ColumnDetection] = ()
    """By further detectors, for information."""


class ProfileMonitor:
    """Windows and detectors that begin and end with one profile.

    ``expected_alarms`` are the false alarms within the budget's horizon that the e-detector of one column may raise;
    with 0 there is none. No window begins before ``restarted_ms``. What is seldom needed is kept on the shelf.

    Attributes
    ----------
    origins : OriginTrail
        Where the events come from.

    Notes
    -----
    *State*: a window is written when one has closed, at each hop at the latest; in between only the panes are, which
    are far smaller, and after a restore they are added again.
    """

    def __init__(
        self,
        profile: Profile,
        settings: ModelSettings,
        pane_ms: int,
        expected_alarms: float = 0.0,
        restarted_ms: int | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        windows, layout = settings.windows, profile.layout
        place = WindowPlace(profile.key, layout, shelf)
        since_ms = first_pane(profile, pane_ms)
        since_ms = since_ms if restarted_ms is None else max(since_ms, restarted_ms)
        self.profile = profile
        self._tumbling = {
            int(size): TumblingWindow(place, size, windows.min_samples, since_ms) for size in sorted(windows.verdict)
        }
        self._sliding = SlidingWindow(place, (windows.display, windows.hop), windows.min_samples, since_ms)
        self.view = ReferenceView(profile, settings, pane_ms, shelf)
        self._pieces: list[StoredSketch] = []
        self._burn_in = BurnIn(self.view)
        rolling = settings.reference.rolling
        self._rolling = None if rolling is None else RollingReference(layout, rolling, windows.min_samples)
        self._detectors = ColumnDetectors(settings.checks, pane_ms, "detectors")
        self._mixture = ColumnMixture(self.view, pane_ms, expected_alarms) if expected_alarms > 0 else None
        self._blocks = BlockMaker(profile, with_counts=self._detectors.needs_counts)
        self._pane_ms = pane_ms
        self.origins = OriginTrail(profile, [*self._tumbling])
        parts: list[Stateful] = [*self._tumbling.values(), self._sliding, self._burn_in]
        parts += [] if self._rolling is None else [self._rolling]
        self._recent = RecentPast(layout, min(self._tumbling), shelf)
        parts += [] if self._mixture is None else [self._mixture, self._recent]
        self._covered = [table for part in parts for table in part.tables]
        self._journal = Journal("pane", PackedUnion, self._covered, MAX_JOURNAL, self._replay)
        self.tables = (*self._covered, self._journal, *self._detectors.tables, *self.origins.tables)

    @property
    def calibrating(self) -> tuple[int, ...]:
        """Sizes of verdict windows that do not page yet, or not in all columns: their dispersion is being learnt."""
        return self._burn_in.calibrating

    def add(self, pane: ClosedPane) -> Detected:
        """Add a pane of the profile's grid; all that was due at or before its start has been closed."""
        packed = pane.sketch.pack()
        changes = self._add_to_windows(pane, stored(self.view.shelf, packed))
        if not self._journal.ended:
            union = PackedUnion(packed, pane.n_events, pane.offsets, sorted(pane.flags), dict(pane.schemas))
            self._journal.note(pane.start_ms, union)
        self.origins.add(pane)
        if MAINTENANCE in pane.flags or not self.view.settings.checks.detectors:
            return Detected(changes)
        present = self._blocks.blocks(pane.sketch)
        found = self._detectors.update(pane.start_ms, present, self._blocks.bounded) if present else []
        return Detected(changes, found)

    def _add_to_windows(self, pane: ClosedPane, piece: StoredSketch) -> Sequence[FoundChange]:
        """Add a pane to all that the journal stands for, with its sketch as it is kept; return what the e-detectors
        found.
        """
        if len(self._pieces) >= MAX_JOURNAL:
            self._join()
        self._pieces.append(piece)
        for window in self._tumbling.values():
            window.add(pane, piece)
        self._sliding.add(pane, piece)
        if MAINTENANCE in pane.flags:
            return ()  # what is not usual teaches nothing: not how much is normal, nor the recent past, nor detectors
        self._burn_in.add(pane)
        if self._rolling is not None:
            self._rolling.add(pane.start_ms, pane.sketch)
        if self._mixture is None:
            return ()
        self._recent.add(pane, piece)
        return self._mixture.add(pane)

    def events_since(self, moment_ms: int, pane: ClosedPane) -> ClosedWindow | None:
        """Return the events since a moment up to a pane that was just added, as far as they are kept."""
        kept = self._recent.since(moment_ms)
        if kept is None:
            return None
        start_ms, sketch = kept
        return ClosedWindow(
            key=self.profile.key,
            segment=SEGMENT_ALL,
            kind="sliding",
            start_ms=start_ms,
            end_ms=pane.end_ms,
            size_ms=min(self._tumbling),
            sketch=sketch,
            offsets=pane.offsets,
        )

    def due_ms(self) -> int | None:
        """Return the next moment at which a window ends."""
        dues = [window.due_ms() for window in self._tumbling.values()]
        dues.append(self._sliding.due_ms())
        return min((due for due in dues if due is not None), default=None)

    def close(self, at_ms: int) -> list[ClosedWindow]:
        """Close the windows that are due at this moment, the smaller sizes first, the sliding one last."""
        self._journal.end()
        self._join()
        self._burn_in.settle(at_ms)
        windows = [window.close(at_ms) for window in self._tumbling.values() if window.due_ms() == at_ms]
        if self._sliding.due_ms() == at_ms:
            windows.append(self._sliding.show(at_ms))
        return [self._beside(window) for window in windows if window is not None]

    def _join(self) -> None:
        """Make one of the panes since windows last ended, for all windows that hold them."""
        pieces, self._pieces = self._pieces, []
        if len(pieces) > 1:
            joined = stored(self.view.shelf, merge_sketches([piece.read() for piece in pieces]))
            for window in self._tumbling.values():
                window.join(pieces, joined)
            self._sliding.join(pieces, joined)

    def _beside(self, window: ClosedWindow) -> ClosedWindow:
        """Return a window with the recent past that it is compared with."""
        if self._rolling is None or window.kind != "tumbling":
            return window
        return msgspec.structs.replace(window, rolling=self._rolling.current(window.start_ms))

    def finish(self, at_ms: int) -> list[ClosedWindow]:
        """Close everything early: another profile holds from this moment on."""
        windows = [window.close(at_ms) for window in self._tumbling.values()]
        windows.append(self._sliding.close(at_ms))
        return [self._beside(window) for window in windows if window is not None]

    def restart(self, at_ms: int) -> list[ClosedWindow]:
        """Close windows early and begin detectors anew: the version was deployed at this moment.

        How much unchanged data vary stays known, as does the recent past.
        """
        self._journal.end()
        windows = self.finish(at_ms)
        self._sliding.since_ms = max(self._sliding.since_ms, at_ms)
        for window in self._tumbling.values():
            window.since_ms = max(window.since_ms, at_ms)
        self._detectors.clear()
        if self._mixture is not None:
            self._mixture.clear()
            self._recent.clear()
        return windows

    def _replay(self, start_ms: int, union: PackedUnion) -> None:
        sketch = PaneSketch.unpack(union.sketch, self.profile.layout)
        end_ms = start_ms + self._pane_ms
        flags = frozenset(union.flags)
        pane = ClosedPane(start_ms, end_ms, sketch, union.offsets, flags, union.schemas)
        self._add_to_windows(pane, stored(self.view.shelf, union.sketch))


def first_pane(profile: Profile, pane_ms: int) -> int:
    """Return the start of the first pane that a profile holds for."""
    return -(-profile.effective_from_ms // pane_ms) * pane_ms
