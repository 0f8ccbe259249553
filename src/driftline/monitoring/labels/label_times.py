"""When labels of one model came, in stretches without a long gap: to tell since when there have been none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.state.table import Value

if TYPE_CHECKING:
    from driftline.monitoring.state.table import Tables


class LabelTimes:
    """Stretches of event time with labels, each from its first to its last pane.

    Panes less than ``gap_ms`` apart are in one stretch. Labels after a moment, which a run may know or not, can only
    lengthen a stretch that ended less than ``gap_ms`` before it; so whether there was none for longer than that, and
    since when, does not depend on what is known of later ones.

    Notes
    -----
    *State*: two times a stretch, and at most one stretch that ended before the last question.
    """

    def __init__(self, gap_ms: int) -> None:
        self._gap_ms = gap_ms
        self._stretches = Value("label-stretches", list[tuple[int, int]])
        self.tables: Tables = (self._stretches,)

    @property
    def _known(self) -> list[tuple[int, int]]:
        return self._stretches.or_none or []

    def add(self, pane_ms: int) -> None:
        """Add the start of a pane with labels."""
        known = self._known
        if any(start_ms <= pane_ms <= last_ms for start_ms, last_ms in known):
            return
        joined = (pane_ms, pane_ms)
        others = []
        for start_ms, last_ms in known:
            if start_ms - self._gap_ms < pane_ms < last_ms + self._gap_ms:
                joined = (min(start_ms, joined[0]), max(last_ms, joined[1]))
            else:
                others.append((start_ms, last_ms))
        self._stretches.set(sorted([*others, joined]))

    def silent_since(self, at_ms: int) -> int | None:
        """Return the last pane with labels before a moment, where there was none for ``gap_ms`` or longer; else None.

        Moments ascend: what ended before the last stretch is forgotten.
        """
        before = [each for each in self._known if each[0] < at_ms]
        if not before:
            return None
        if len(before) > 1:
            self._stretches.set(self._known[len(before) - 1 :])
        last_ms = before[-1][1]
        return last_ms if last_ms + self._gap_ms <= at_ms else None
