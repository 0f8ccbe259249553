"""The volume of one model's windows over the last weeks, by window size; it outlives profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.checks.quality.volume import VolumeState, WindowVolumes
from driftline.monitoring.model_setup import UNPROFILED
from driftline.monitoring.state.checkpoint import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.checks.contract.closed_window import ClosedWindow

_PREFIX: Final = "volume/"


class VolumeHistory:
    """One :class:`WindowVolumes` a size of verdict windows.

    Parameters
    ----------
    sizes : iterable of int, unit ms

    Notes
    -----
    *State*: some 12 KB a size, written when a window of that size has closed.
    """

    def __init__(self, sizes: Iterable[int]) -> None:
        self._watches = {int(size): WindowVolumes() for size in sizes}
        self._changed: set[int] = set()
        self._dropped: set[str] = set()

    def judged(self, window: ClosedWindow) -> ClosedWindow:
        """Return the window with what its volume is held against, and remember its volume.

        Sliding windows stay as they are, and those of which events were left out, as their volume is not known.
        """
        watch = self._watches.get(window.size_ms)
        if window.kind != "tumbling" or watch is None or UNPROFILED in window.flags:
            return window
        span = (window.start_ms, window.end_ms, window.n_events)
        standard = watch.reference(*span)
        watch.add(*span)
        self._changed.add(int(window.size_ms))
        return msgspec.structs.replace(window, volume=standard)

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        yield from ((name, None) for name in sorted(self._dropped))
        yield from (
            (f"{_PREFIX}{size}", msgspec.msgpack.encode(self._watches[size].state)) for size in sorted(self._changed)
        )
        self._dropped.clear()
        self._changed.clear()

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state; sizes that are no longer configured are forgotten.

        Raises
        ------
        FormatError
            When the bytes are damaged; the message says what to do.
        """
        for name, data in pieces.items():
            if not name.startswith(_PREFIX):
                continue
            size = int(name.removeprefix(_PREFIX))
            if size in self._watches:
                self._watches[size] = WindowVolumes.of(load(data, VolumeState, name))
            else:
                self._dropped.add(name)
