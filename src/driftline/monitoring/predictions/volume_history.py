"""The volume of one model's windows over the last weeks, by window size; it outlives profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.checks.quality.volume import VolumeState, WindowVolumes
from driftline.monitoring.control.model_control import MAINTENANCE
from driftline.monitoring.model_setup import UNPROFILED
from driftline.monitoring.state.table import Codec, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.checks.contract.closed_window import ClosedWindow

_NOT_USUAL: Final = frozenset({UNPROFILED, MAINTENANCE})


class VolumeHistory:
    """One :class:`WindowVolumes` for each size of verdict windows, in ms.

    Notes
    -----
    *State*: some 12 KB a size, written when a window of that size has closed.
    """

    def __init__(self, sizes: Iterable[int]) -> None:
        self._volumes = {int(size): _no_volumes(int(size)) for size in sizes}
        self.tables = tuple(self._volumes.values())

    def judged(self, window: ClosedWindow) -> ClosedWindow:
        """Return the window with what its volume is held against, and remember its volume.

        Sliding windows stay as they are, those of which events were left out, as their volume is not known, and those
        that overlap a maintenance, as it is not usual.
        """
        volumes = self._volumes.get(window.size_ms)
        if window.kind != "tumbling" or volumes is None or not _NOT_USUAL.isdisjoint(window.flags):
            return window
        span = (window.start_ms, window.end_ms, window.n_events)
        reference = volumes.value.reference(*span)
        volumes.value.add(*span)
        volumes.changed()
        return msgspec.structs.replace(window, volume=reference)


def _no_volumes(size_ms: int) -> Value[WindowVolumes]:
    codec = Codec(VolumeState, lambda volumes: volumes.state, WindowVolumes.of)
    return Value(f"volume-{size_ms:d}", codec, WindowVolumes())
