"""What each revision of the last performance window said, until the next window comes to that revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.checks.contract.closed_window import EarlierRevision
from driftline.monitoring.state.checkpoint import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.contract.closed_window import PerformanceRevision
    from driftline.events.performance import PerformanceEvent

Cuts = dict[int, EarlierRevision]
"""By revision."""
LatestRevisions = dict[tuple[int, int], EarlierRevision]
"""By window start and revision."""
PIECE: Final = "earlier/"


class EarlierRevisions:
    """The latest cut of each revision, by segment and task.

    Windows come to a revision in the order of their ends, so what is known is of the window before, or of an earlier
    one where that had no prediction.

    Notes
    -----
    *State*: metrics and intervals, about 1.5 KB for each revision of each segment, under the last task.
    """

    def __init__(self) -> None:
        self._cuts: dict[str, tuple[str, Cuts]] = {}
        self._dirty: set[str] = set()

    def before(self, cut: PerformanceRevision, task: str) -> EarlierRevision | None:
        """Return what the window before said at a cut's revision, in the same task."""
        known, cuts = self._cuts.get(cut.segment, (task, {}))
        return cuts.get(cut.revision) if known == task else None

    def add(self, cut: PerformanceRevision, task: str, event: PerformanceEvent) -> EarlierRevision:
        """Remember a cut and what was said of it, and return that."""
        known, cuts = self._cuts.get(cut.segment, (task, {}))
        cuts = cuts if known == task else {}
        said = cuts[cut.revision] = EarlierRevision(cut.start_ms, cut.end_ms, event.n, event.metrics, event.intervals)
        self._cuts[cut.segment] = task, cuts
        self._dirty.add(cut.segment)
        return said

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield what changed since the last call."""
        for segment in sorted(self._dirty):
            yield f"{PIECE}{segment}", msgspec.msgpack.encode(self._cuts[segment])
        self._dirty.clear()

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state."""
        for name, data in pieces.items():
            if name.startswith(PIECE):
                self._cuts[name.removeprefix(PIECE)] = load(data, tuple[str, Cuts], name)
