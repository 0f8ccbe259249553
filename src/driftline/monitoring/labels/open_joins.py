"""What one model's joins add while their panes are open, and until the next revision of the windows they add to.

Labels may stand still for weeks while predictions, each with its head count, go on: nothing here may grow with the
panes in between. What a pane adds to a window matters only for the first revision of that window at or after the pane's
end (a part of that revision). Panes between two moments at which a revision of any window could be due (a group) share
their offsets, and keep one bit each in every window that they affect, as a pane is flagged by how the watermarks stood
when it closed. Only what labels brought stays by pane: detectors are fed pane by pane, and labels do not come while
they stand still.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from driftline.events.source import Kind, Offsets, merge_offsets
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.model_setup import AFTER_IDLE, IDLE, task_id
from driftline.monitoring.predictions.open_panes import MAX_PIECES
from driftline.monitoring.state.table import Codec, Table
from driftline.panes.flush_record import first_names
from driftline.sketches.packed import Sparse
from driftline.sketches.scores import LABELLED
from driftline.sketches.sparse import cell_of, merge_sparse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import ModelSettings
    from driftline.monitoring.model_setup import WatermarkReach
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profiles import Profiles
    from driftline.profiles.task import Task

Errors = tuple[int, int, int]
"""Count, sum and sum of squares, as in a :class:`driftline.panes.flush_record.JoinDelta`."""


class RevisionPart(Struct, array_like=True):
    """What joins of predictions made under one profile id add to one revision of one window."""

    pieces: list[Sparse] = []
    """Performance cells, at most ``MAX_PIECES``; one in the state."""
    offsets: dict[Kind, Offsets] = {}
    """Of the groups that are past."""
    flags: list[str] = []
    arrivals: list[Sparse] = []
    """Arrival cells, likewise."""
    unknown: list[str] = []
    """Names of labels of unknown classes, the first few."""
    by_feature: list[Sparse] = []
    """Cells of errors by feature, likewise; none where nothing came to any."""


class AffectedWindow(Struct, array_like=True):
    """A window that panes of a group add to."""

    due_ms: int
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
    behind: list[int] = []
    """Labels by how many performance windows ago the predictions were: none, 1, 2 to 3, 4 to 7, and so on."""
    groups: dict[str, list[int]] = {}
    """First labels by group of their error, by profile id; of profiles that have groups."""


class PaneGroup(Struct, array_like=True):
    """The panes between two moments at which a revision of any window could be due."""

    panes: bytes = b""
    """Which panes still have to close, a bit each, the latest first; little-endian."""
    offsets: dict[Kind, Offsets] = {}
    windows: dict[str, dict[int, AffectedWindow]] = {}
    """By profile id and window."""
    labelled: dict[int, LabelledPane] = {}
    """By the pane's start, while it is open."""


class ClosedLabels(NamedTuple):
    """A pane to which labels came, closed."""

    start_ms: int
    end_ms: int
    errors: dict[str, Errors]
    """By profile id."""
    offsets: dict[Kind, Offsets]
    """Of its labels only: how many of the pane's predictions are still told apart depends on when the labels came."""
    flags: tuple[str, ...]
    behind: tuple[int, ...] = ()
    """As a :class:`LabelledPane` has it."""
    groups: dict[str, list[int]] = {}  # noqa: RUF012  # never changed
    """As a :class:`LabelledPane` has it."""

    def errors_in(self, profiles: Profiles, task: Task) -> Errors:
        """Return the pane's errors in a task."""
        total, wanted = (0, 0, 0), task_id(task)
        for profile_id, errors in self.errors.items():
            profile = profiles.get(profile_id)
            if profile is not None and task_id(profile.task) == wanted:
                total = (total[0] + errors[0], total[1] + errors[1], total[2] + errors[2])
        return total


class OpenJoins:
    """Contributions that wait for the watermark of joins.

    Notes
    -----
    *State*: one value for each group (as many in a window's size as there are ages), with a bit for each pane and
    affected window; one sparse vector for each window and revision that is to come. All of it is in the checkpoints.
    *Cost*: of a delta, O(windows it touches); of a closing, O(open groups).
    """

    n_expired: int
    """Contributions to windows that had had their last revision; not part of the state."""

    def __init__(self, settings: ModelSettings, pane_ms: int) -> None:
        self._times = RevisionTimes.of(settings)
        self._pane_ms = pane_ms
        self._groups = Table("pane-group", int, PaneGroup)
        parts = Codec(dict[str, RevisionPart], _merged, lambda parts: parts)
        self._revisions = Table("revision", tuple[int, int], parts, self._restored)
        self._due: list[tuple[int, int]] = []
        self.n_expired = 0
        self.tables = (self._groups, self._revisions)

    @property
    def n_panes(self) -> int:
        """Open panes."""
        return sum(_bits(group.panes).bit_count() for group in self._groups.values())

    def add(self, delta: JoinDelta) -> None:
        """Add a delta, whose pane is open."""
        end_ms = delta.pane_ms + self._pane_ms
        group_ms = self._times.next_due(end_ms)
        group = self._groups.get(group_ms) or PaneGroup()
        self._groups.put(group_ms, group)
        for kind, offsets in delta.offsets.items():
            merge_offsets(group.offsets.setdefault(kind, {}), offsets)
        bit = 1 << ((group_ms - end_ms) // self._pane_ms)
        group.panes = _packed(_bits(group.panes) | bit)
        windows = group.windows.setdefault(delta.profile_id, {})
        for window in delta.windows:
            affected = windows.get(window.window_ms)
            if affected is None:
                due_ms = self._times.due_after(window.window_ms, end_ms)
                if due_ms is None:
                    self.n_expired += 1
                    continue
                affected = windows[window.window_ms] = AffectedWindow(due_ms)
            affected.panes = _packed(_bits(affected.panes) | bit)
            part = self._part(affected.due_ms, window.window_ms, delta.profile_id)
            part.pieces.append(window.cells)
            part.arrivals.append(window.arrival)
            if window.by_feature.indices:
                part.by_feature.append(window.by_feature)
            if window.unknown:
                part.unknown = first_names(part.unknown, window.unknown)
            if len(part.pieces) > MAX_PIECES:
                _merge(part)
        labels = delta.offsets.get("labels")
        if labels is not None or delta.errors[0]:
            pane = group.labelled.setdefault(delta.pane_ms, LabelledPane())
            _add_labels(pane, delta, labels or {})
            _add_behind(pane.behind, delta, end_ms, self._times.size_ms)

    def _part(self, due_ms: int, window_ms: int, profile_id: str) -> RevisionPart:
        key = (due_ms, window_ms)
        if key not in self._revisions:
            heapq.heappush(self._due, key)
            self._revisions.put(key, {})
        self._revisions.changed(key)
        parts = self._revisions[key]
        if profile_id not in parts:
            parts[profile_id] = RevisionPart()
        return parts[profile_id]

    def close(self, reach: WatermarkReach, *, missed: bool) -> tuple[list[ClosedLabels], bool]:
        """Close the panes that end by the watermark; return those to which labels came, in order, and whether any
        closed.

        Where joins were ``missed``, the first pane that closes carries the flag.
        """
        first_ms: int | None = None
        labelled: list[ClosedLabels] = []
        for group_ms in sorted(self._groups):
            if group_ms - self._times.size_ms >= reach.until_ms:
                break
            group = self._groups[group_ms]
            closed = self._closed(group.panes, group_ms, reach)
            if closed:
                if first_ms is None:
                    first_ms = group_ms - (closed.bit_length() - 1) * self._pane_ms
                after_idle_ms = first_ms if missed else None
                group.panes = _packed(_bits(group.panes) ^ closed)
                for windows in group.windows.values():
                    for affected in windows.values():
                        self._flag(group_ms, affected, reach, after_idle_ms)
                labelled += self._take_labelled(group, reach, after_idle_ms)
                self._groups.changed(group_ms)
            if group_ms <= reach.until_ms:
                self._leave(group)
                self._groups.drop(group_ms)
        return labelled, first_ms is not None

    def _closed(self, panes: bytes, group_ms: int, reach: WatermarkReach) -> int:
        """Return those of a group's panes that end by the watermark."""
        n_open = self._n_after(group_ms, reach.until_ms)
        return _bits(panes) >> n_open << n_open

    def _flag(self, group_ms: int, affected: AffectedWindow, reach: WatermarkReach, after_idle_ms: int | None) -> None:
        """Close a window's panes up to the watermark, and keep what is to be said of them."""
        closed = self._closed(affected.panes, group_ms, reach)
        flags = set(affected.flags)
        uncertain = closed
        if reach.certain_ms is not None:
            uncertain &= (1 << self._n_after(group_ms, reach.certain_ms)) - 1
        if uncertain:
            flags.add(IDLE)
        if after_idle_ms is not None and closed >> ((group_ms - after_idle_ms) // self._pane_ms) & 1:
            flags.add(AFTER_IDLE)
        affected.panes, affected.flags = _packed(_bits(affected.panes) ^ closed), sorted(flags)

    def _n_after(self, group_ms: int, time_ms: int) -> int:
        """Return how many of a group's panes, counted from its end, end after a moment."""
        return max(0, -((time_ms - group_ms) // self._pane_ms))

    def _take_labelled(
        self, group: PaneGroup, reach: WatermarkReach, after_idle_ms: int | None
    ) -> Iterator[ClosedLabels]:
        for start_ms in sorted(group.labelled):
            end_ms = start_ms + self._pane_ms
            if end_ms > reach.until_ms:
                return
            pane = group.labelled.pop(start_ms)
            flags = reach.flags(end_ms) | ({AFTER_IDLE} if end_ms == after_idle_ms else set())
            offsets: dict[Kind, Offsets] = {"labels": pane.offsets} if pane.offsets else {}
            yield ClosedLabels(
                start_ms, end_ms, pane.errors, offsets, tuple(sorted(flags)), tuple(pane.behind), pane.groups
            )

    def _leave(self, group: PaneGroup) -> None:
        """Hand what a group knows on to the revisions that it adds to."""
        for profile_id, windows in group.windows.items():
            for window_ms, affected in windows.items():
                part = self._part(affected.due_ms, window_ms, profile_id)
                for kind, offsets in group.offsets.items():
                    merge_offsets(part.offsets.setdefault(kind, {}), offsets)
                part.flags = sorted({*part.flags, *affected.flags})

    def due_ms(self) -> int | None:
        """Return the moment of the next revision that something waits for."""
        return self._due[0][0] if self._due else None

    def take(self) -> list[tuple[int, dict[str, RevisionPart]]]:
        """Return what waited for the next moment, by window and profile id; all its panes have closed."""
        due_ms, windows = self._due[0][0], []
        while self._due and self._due[0][0] == due_ms:
            key = heapq.heappop(self._due)
            windows.append((key[1], self._revisions[key]))
            self._revisions.drop(key)
        return windows

    def _restored(self) -> None:
        """Take up what waits; for a moment that is no longer configured too: it joins the window's next revision."""
        self._due = sorted(self._revisions)


def _add_labels(pane: LabelledPane, delta: JoinDelta, labels: Offsets) -> None:
    merge_offsets(pane.offsets, labels)
    before, new = pane.errors.get(delta.profile_id, (0, 0, 0)), delta.errors
    pane.errors[delta.profile_id] = (before[0] + new[0], before[1] + new[1], before[2] + new[2])
    if delta.groups:
        known = pane.groups.get(delta.profile_id) or [0] * len(delta.groups)
        pane.groups[delta.profile_id] = [one + other for one, other in zip(known, delta.groups, strict=True)]


def _add_behind(behind: list[int], delta: JoinDelta, end_ms: int, size_ms: int) -> None:
    """Add a delta's labels, given the pane's end and the length of performance windows."""
    for window in delta.windows:
        n, back = cell_of(window.cells, LABELLED), max(0, end_ms - 1 - window.window_ms) // size_ms
        if n:
            behind += [0] * (back.bit_length() + 1 - len(behind))
            behind[back.bit_length()] += n


def _merged(parts: dict[str, RevisionPart]) -> dict[str, RevisionPart]:
    for part in parts.values():
        _merge(part)
    return parts


def _merge(part: RevisionPart) -> None:
    part.pieces, part.arrivals = [merge_sparse(part.pieces)], [merge_sparse(part.arrivals)]
    if len(part.by_feature) > 1:
        part.by_feature = [merge_sparse(part.by_feature)]


def _bits(panes: bytes) -> int:
    return int.from_bytes(panes, "little")


def _packed(panes: int) -> bytes:
    return panes.to_bytes(-(-panes.bit_length() // 8), "little")
