"""What one model's joins add while their panes are open, and until the next cut of the windows they add to.

Labels may stand still for weeks while predictions, each with its head count, go on: nothing here may grow with the
panes in between. What a pane adds to a window matters only for the first cut of that window at or after the pane's end
(a part of a revision). Panes between two moments at which any window could be cut (a slot) share their offsets, and
keep one bit each in every window that they touched, as a pane is flagged by how the watermarks stood when it closed.
Only what labels brought stays by pane: detectors are fed pane by pane, and labels do not come while they stand still.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from driftline.events.source import Kind, Offsets, merge_offsets
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.model_setup import AFTER_IDLE, IDLE
from driftline.monitoring.predictions.open_panes import MAX_PIECES
from driftline.monitoring.state.checkpoint import load
from driftline.sketches.packed import Sparse
from driftline.sketches.packed_merge import merge_sparse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import ModelSettings
    from driftline.monitoring.model_setup import WatermarkReach
    from driftline.panes.flush_record import JoinDelta

Errors = tuple[int, int, int]
"""Count, sum and sum of squares, as in a :class:`driftline.panes.flush_record.JoinDelta`."""


class RevisionPart(Struct, array_like=True):
    """What joins of predictions made under one profile id add to one revision of one window."""

    pieces: list[Sparse] = []
    """Performance cells, at most ``MAX_PIECES``; one in the state."""
    offsets: dict[Kind, Offsets] = {}
    """Of the slots that are past."""
    flags: list[str] = []
    arrivals: list[Sparse] = []
    """Arrival cells, likewise."""


class Touched(Struct, array_like=True):
    """A window that panes of a slot add to."""

    cut_ms: int
    """Of the revision that they add to."""
    panes: bytes = b""
    """Which of its panes still have to close."""
    flags: list[str] = []
    """Of those that have closed."""


class LabelledPane(Struct, array_like=True):
    """A pane to which labels came."""

    errors: dict[str, Errors] = {}
    """By profile id."""
    offsets: Offsets = {}
    """Of the labels."""


class Slot(Struct, array_like=True):
    """The panes between two moments at which a window could be cut."""

    panes: bytes = b""
    """Which panes still have to close, a bit each, the latest first; little-endian."""
    offsets: dict[Kind, Offsets] = {}
    windows: dict[str, dict[int, Touched]] = {}
    """By profile id and window."""
    labelled: dict[int, LabelledPane] = {}
    """By the pane's start, while it is open."""


class ClosedLabels(NamedTuple):
    """A pane to which labels came, closed.

    Attributes
    ----------
    start_ms, end_ms : int
    errors : dict of str to tuple of three int
        By profile id.
    offsets : dict of kind to Offsets
        Of its labels only: how many of the pane's predictions are still told apart depends on when the labels came.
    flags : tuple of str
    """

    start_ms: int
    end_ms: int
    errors: dict[str, Errors]
    offsets: dict[Kind, Offsets]
    flags: tuple[str, ...]


class OpenJoins:
    """Contributions that wait for the watermark of joins.

    Parameters
    ----------
    settings : ModelSettings
    pane_ms : int

    Notes
    -----
    *State*: one entry for each slot (as many in a window's size as there are ages), with a bit for each pane and window
    touched; one sparse vector for each window and revision that is to come. All of it is in the checkpoints.
    *Cost*: of a delta, O(windows it touches); of a closing, O(open slots).
    """

    def __init__(self, settings: ModelSettings, pane_ms: int) -> None:
        self._times = RevisionTimes.of(settings)
        self._pane_ms = pane_ms
        self._slots: dict[int, Slot] = {}
        self._parts: dict[int, dict[int, dict[str, RevisionPart]]] = {}
        self._moments: list[int] = []
        self._dirty: set[tuple[int, int | None]] = set()

    @property
    def n_panes(self) -> int:
        """Open panes."""
        return sum(_bits(slot.panes).bit_count() for slot in self._slots.values())

    @property
    def n_entries(self) -> int:
        """Pieces of state."""
        return len(self._slots) + sum(len(windows) for windows in self._parts.values())

    def add(self, delta: JoinDelta) -> None:
        """Add a delta, whose pane is open."""
        end_ms = delta.pane_ms + self._pane_ms
        slot_ms = self._times.next_cut(end_ms)
        slot = self._slots.get(slot_ms)
        if slot is None:
            slot = self._slots[slot_ms] = Slot()
        self._dirty.add((slot_ms, None))
        for kind, offsets in delta.offsets.items():
            merge_offsets(slot.offsets.setdefault(kind, {}), offsets)
        bit = 1 << ((slot_ms - end_ms) // self._pane_ms)
        slot.panes = _packed(_bits(slot.panes) | bit)
        windows = slot.windows.setdefault(delta.profile_id, {})
        for window in delta.windows:
            touched = windows.get(window.window_ms)
            if touched is None:
                cut_ms = self._times.cut_after(window.window_ms, end_ms)
                if cut_ms is None:
                    continue
                touched = windows[window.window_ms] = Touched(cut_ms)
            touched.panes = _packed(_bits(touched.panes) | bit)
            part = self._part(touched.cut_ms, window.window_ms, delta.profile_id)
            part.pieces.append(window.cells)
            part.arrivals.append(window.arrival)
            if len(part.pieces) > MAX_PIECES:
                _merge(part)
        labels = delta.offsets.get("labels")
        if labels is not None or delta.errors[0]:
            _add_labels(slot.labelled.setdefault(delta.pane_ms, LabelledPane()), delta, labels or {})

    def _part(self, cut_ms: int, window_ms: int, profile_id: str) -> RevisionPart:
        if cut_ms not in self._parts:
            heapq.heappush(self._moments, cut_ms)
        self._dirty.add((cut_ms, window_ms))
        parts = self._parts.setdefault(cut_ms, {}).setdefault(window_ms, {})
        part = parts.get(profile_id)
        if part is None:
            part = parts[profile_id] = RevisionPart()
        return part

    def close(self, reach: WatermarkReach, *, missed: bool) -> tuple[list[ClosedLabels], bool]:
        """Close the panes that end by the watermark.

        Parameters
        ----------
        reach : WatermarkReach
        missed : bool
            Whether the first of them is to say that joins were missed.

        Returns
        -------
        list of ClosedLabels
            The panes to which labels came, in order.
        bool
            Whether any pane closed.
        """
        first_ms: int | None = None
        labelled: list[ClosedLabels] = []
        for slot_ms in sorted(self._slots):
            if slot_ms - self._times.size_ms >= reach.until_ms:
                break
            slot = self._slots[slot_ms]
            closed = self._closed(slot.panes, slot_ms, reach)
            if closed:
                if first_ms is None:
                    first_ms = slot_ms - (closed.bit_length() - 1) * self._pane_ms
                after_idle_ms = first_ms if missed else None
                slot.panes = _packed(_bits(slot.panes) ^ closed)
                for windows in slot.windows.values():
                    for touched in windows.values():
                        self._flag(slot_ms, touched, reach, after_idle_ms)
                labelled += self._take_labelled(slot, reach, after_idle_ms)
                self._dirty.add((slot_ms, None))
            if slot_ms <= reach.until_ms:
                self._leave(self._slots.pop(slot_ms))
                self._dirty.add((slot_ms, None))
        return labelled, first_ms is not None

    def _closed(self, panes: bytes, slot_ms: int, reach: WatermarkReach) -> int:
        """Return those of a slot's panes that end by the watermark."""
        n_open = self._n_after(slot_ms, reach.until_ms)
        return _bits(panes) >> n_open << n_open

    def _flag(self, slot_ms: int, touched: Touched, reach: WatermarkReach, after_idle_ms: int | None) -> None:
        """Close a window's panes up to the watermark, and keep what is to be said of them."""
        closed = self._closed(touched.panes, slot_ms, reach)
        flags = set(touched.flags)
        uncertain = closed
        if reach.certain_ms is not None:
            uncertain &= (1 << self._n_after(slot_ms, reach.certain_ms)) - 1
        if uncertain:
            flags.add(IDLE)
        if after_idle_ms is not None and closed >> ((slot_ms - after_idle_ms) // self._pane_ms) & 1:
            flags.add(AFTER_IDLE)
        touched.panes, touched.flags = _packed(_bits(touched.panes) ^ closed), sorted(flags)

    def _n_after(self, slot_ms: int, time_ms: int) -> int:
        """Return how many of a slot's panes, counted from its end, end after a moment."""
        return max(0, -((time_ms - slot_ms) // self._pane_ms))

    def _take_labelled(self, slot: Slot, reach: WatermarkReach, after_idle_ms: int | None) -> Iterator[ClosedLabels]:
        for start_ms in sorted(slot.labelled):
            end_ms = start_ms + self._pane_ms
            if end_ms > reach.until_ms:
                return
            pane = slot.labelled.pop(start_ms)
            flags = reach.flags(end_ms) | ({AFTER_IDLE} if end_ms == after_idle_ms else set())
            offsets: dict[Kind, Offsets] = {"labels": pane.offsets} if pane.offsets else {}
            yield ClosedLabels(start_ms, end_ms, pane.errors, offsets, tuple(sorted(flags)))

    def _leave(self, slot: Slot) -> None:
        """Hand what a slot knows on to the revisions that it adds to."""
        for profile_id, windows in slot.windows.items():
            for window_ms, touched in windows.items():
                part = self._part(touched.cut_ms, window_ms, profile_id)
                for kind, offsets in slot.offsets.items():
                    merge_offsets(part.offsets.setdefault(kind, {}), offsets)
                part.flags = sorted({*part.flags, *touched.flags})

    def due_ms(self) -> int | None:
        """Return the moment of the next cut that something waits for."""
        return self._moments[0] if self._moments else None

    def take(self) -> list[tuple[int, dict[str, RevisionPart]]]:
        """Return what waited for the next cut, by window and profile id; all its panes have closed."""
        cut_ms = heapq.heappop(self._moments)
        windows = self._parts.pop(cut_ms)
        self._dirty.update((cut_ms, window_ms) for window_ms in windows)
        return sorted(windows.items())

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        for at_ms, window_ms in sorted(self._dirty, key=lambda name: (name[0], name[1] is not None, name[1] or 0)):
            if window_ms is None:
                slot = self._slots.get(at_ms)
                yield f"slot/{at_ms}", None if slot is None else msgspec.msgpack.encode(slot)
                continue
            parts = self._parts.get(at_ms, {}).get(window_ms)
            for part in (parts or {}).values():
                _merge(part)
            yield f"revision/{at_ms}/{window_ms}", None if parts is None else msgspec.msgpack.encode(parts)
        self._dirty.clear()

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state; what waits for a cut that is no longer configured joins the window's next one."""
        for name, data in pieces.items():
            kind, _, place = name.partition("/")
            if kind == "slot":
                self._slots[int(place)] = load(data, Slot, name)
            elif kind == "revision":
                cut_ms, _, window_ms = place.partition("/")
                parts = load(data, dict[str, RevisionPart], name)
                self._parts.setdefault(int(cut_ms), {})[int(window_ms)] = parts
        self._moments = sorted(self._parts)


def _add_labels(pane: LabelledPane, delta: JoinDelta, labels: Offsets) -> None:
    merge_offsets(pane.offsets, labels)
    known, new = pane.errors.get(delta.profile_id, (0, 0, 0)), delta.errors
    pane.errors[delta.profile_id] = (known[0] + new[0], known[1] + new[1], known[2] + new[2])


def _merge(part: RevisionPart) -> None:
    part.pieces, part.arrivals = [merge_sparse(part.pieces)], [merge_sparse(part.arrivals)]


def _bits(panes: bytes) -> int:
    return int.from_bytes(panes, "little")


def _packed(panes: int) -> bytes:
    return panes.to_bytes(-(-panes.bit_length() // 8), "little")
