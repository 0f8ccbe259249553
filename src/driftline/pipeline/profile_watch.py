"""All that watches one model under one profile: its windows, and the detectors of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.detectors import Block
from driftline.pipeline.detector_bank import DetectorBank
from driftline.pipeline.windowing import SlidingWindow, TumblingWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import ModelSettings
    from driftline.pipeline.accumulator import ClosedPane
    from driftline.pipeline.closed_window import ClosedWindow
    from driftline.pipeline.detector_bank import Found
    from driftline.profiles.profile import Profile


class ProfileWatch:
    """Windows and detectors that begin and end with one profile.

    Parameters
    ----------
    profile : Profile
    settings : ModelSettings
    pane_ms : int
    """

    def __init__(self, profile: Profile, settings: ModelSettings, pane_ms: int) -> None:
        windows, key, layout = settings.windows, profile.key, profile.layout
        since_ms = first_pane(profile, pane_ms)
        self.profile = profile
        self._tumbling = {
            int(size): TumblingWindow(key, layout, size, windows.min_samples, since_ms)
            for size in sorted(windows.verdict)
        }
        self._sliding = SlidingWindow(key, layout, (windows.display, windows.hop), windows.min_samples, since_ms)
        self._bank = DetectorBank(settings.checks, pane_ms, "detectors")
        self._numeric = [index for index, place in enumerate(layout.places) if place.moments >= 0]
        self._touched: set[int] = set()
        self._slid = False

    def add(self, pane: ClosedPane) -> list[Found]:
        """Add a pane of the profile's grid; all that was due at or before its start has been closed."""
        for size, window in self._tumbling.items():
            window.add(pane)
            self._touched.add(size)
        self._sliding.add(pane)
        self._slid = True
        layout = self.profile.layout
        blocks = ((column, pane.sketch.block(layout, column)) for column in self._numeric)
        present = [(column, Block(b.count, b.mean, b.variance)) for column, b in blocks if b is not None]
        return self._bank.update(pane.start_ms, present) if present else []

    def due_ms(self) -> int | None:
        """Return the next moment at which a window ends."""
        dues = [window.due_ms() for window in self._tumbling.values()]
        dues.append(self._sliding.due_ms())
        return min((due for due in dues if due is not None), default=None)

    def close(self, at_ms: int) -> list[ClosedWindow]:
        """Close the windows that are due at this moment, the smaller sizes first, the sliding one last."""
        windows = []
        for size, window in self._tumbling.items():
            if window.due_ms() == at_ms:
                self._touched.add(size)
                windows.append(window.close(at_ms))
        if self._sliding.due_ms() == at_ms:
            self._slid = True
            windows.append(self._sliding.show(at_ms))
        return [window for window in windows if window is not None]

    def finish(self, at_ms: int) -> list[ClosedWindow]:
        """Close everything early: another profile holds from this moment on."""
        windows = [window.close(at_ms) for window in self._tumbling.values()]
        windows.append(self._sliding.close(at_ms))
        self._touched.update(self._tumbling)
        self._slid = True
        self._bank.clear()
        return [window for window in windows if window is not None]

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        for size in sorted(self._touched):
            yield f"verdict/{size}", self._tumbling[size].dump()
        self._touched.clear()
        if self._slid:
            yield from self._sliding.changes()
            self._slid = False
        yield from self._bank.changes()

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state; windows of a size that is no longer configured are forgotten."""
        for size, window in self._tumbling.items():
            data = pieces.get(f"verdict/{size}")
            if data is not None:
                window.load(data)
        self._sliding.load(pieces)
        self._bank.load(pieces)


def first_pane(profile: Profile, pane_ms: int) -> int:
    """Return the start of the first pane that a profile holds for."""
    return -(-profile.effective_from_ms // pane_ms) * pane_ms
