"""The sequential detectors of one model: one of each configured kind for every column, fed pane by pane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct

from driftline import detectors
from driftline.monitoring.state.table import Codec, Table, Value

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from driftline.config.model import CheckSettings
    from driftline.detectors import Block, Detection, Detector

BLOCK_COLUMNS: Final = 25
"""Columns whose detectors are one value of the state."""
MAX_RUNS: Final = 64
"""Runs of contiguous panes that are remembered; a change estimated to lie before them is dated to the oldest."""

_Snapshots = list[tuple[int, str, bytes]]
"""Column, name of the detector and its state."""
_Group = dict[int, dict[str, "Detector"]]
"""Detectors by column and name."""


class ColumnDetection(NamedTuple):
    """A change that a detector found."""

    column: int
    """Position in the profile's columns; 0 for the stream of errors."""
    detector: str
    """Its permanent name."""
    detection: Detection
    n: int
    """Values in the block that brought it."""
    since_ms: int | None
    """Start of the first pane after the change, as the detector estimates; None where it has no estimate."""


class PaneRuns(Struct, array_like=True):
    """When the latest panes were, in runs without a gap: dates "so many blocks ago".

    Examples
    --------
    >>> runs = PaneRuns()
    >>> for start_ms in (0, 10, 20, 50, 60):
    ...     runs.add(start_ms, 10)
    >>> [runs.start_of(n, 10) for n in (1, 2, 3, 5, 9)]
    [60, 50, 20, 0, 0]
    """

    runs: list[tuple[int, int]] = []
    """(start of the first pane, number of panes), the latest last."""

    def add(self, start_ms: int, pane_ms: int) -> None:
        """Note a pane."""
        if self.runs:
            first, n = self.runs[-1]
            if first + n * pane_ms == start_ms:
                self.runs[-1] = (first, n + 1)
                return
        self.runs = [*self.runs[-(MAX_RUNS - 1) :], (start_ms, 1)]

    def start_of(self, n_back: int, pane_ms: int) -> int:
        """Return the start of the pane ``n_back`` panes ago, 1 for the latest."""
        for first, n in reversed(self.runs):
            if n_back <= n:
                return first + (n - n_back) * pane_ms
            n_back -= n
        return self.runs[0][0]


class ColumnDetectors:
    """Detectors by column and name; they are made when a column's first block comes.

    Parameters
    ----------
    checks : CheckSettings
        Which detectors, with which parameters.
    name : str
        Of its table.

    Notes
    -----
    *State*: that of each detector, and at most ``MAX_RUNS`` pairs. *Cost* of a pane: one update a column and detector.
    """

    def __init__(self, checks: CheckSettings, pane_ms: int, name: str) -> None:
        self._pane_ms = pane_ms
        self._parameters = {
            detector: msgspec.convert(
                checks.detector_parameters.get(detector, {}), detectors.get(detector).parameters_type
            )
            for detector in checks.detectors
        }
        self._groups = Table(name, int, Codec(_Snapshots, _snapshots, self._restored))
        self._runs = Value(f"{name}-runs", PaneRuns, PaneRuns())
        self.tables = (self._groups, self._runs)

    @property
    def needs_counts(self) -> bool:
        """Whether some detector reads the blocks' counts."""
        return any(detectors.get(name).needs_counts for name in self._parameters)

    def update(
        self, start_ms: int, blocks: Iterable[tuple[int, Block]], bounded: Container[int] = frozenset()
    ) -> list[ColumnDetection]:
        """Feed one pane's blocks, by column; return the changes that were detected, in the order of columns and names.

        The values of ``bounded`` columns all lie in [0, 1]: only they are fed to detectors that are made for such
        values.
        """
        detections = []
        runs = self._runs.value
        runs.add(start_ms, self._pane_ms)
        self._runs.changed()
        for column, block in blocks:
            place = column // BLOCK_COLUMNS
            if place not in self._groups:
                self._groups.put(place, {})
            by_name = self._groups[place].get(column)
            if by_name is None:
                by_name = self._groups[place][column] = self._new(bounded=column in bounded)
            self._groups.changed(place)
            for name, detector in sorted(by_name.items()):
                detection = detector.update(block)
                if detection is not None:
                    n_back = detection.since_blocks
                    since_ms = None if n_back is None else runs.start_of(n_back, self._pane_ms)
                    detections.append(ColumnDetection(column, name, detection, block.count, since_ms))
        return detections

    def _new(self, *, bounded: bool) -> dict[str, Detector]:
        wanted = ((detectors.get(name), parameters) for name, parameters in self._parameters.items())
        return {kind.key: kind(parameters) for kind, parameters in wanted if bounded or kind.domain == "real"}

    def clear(self) -> None:
        """Start afresh."""
        self._groups.clear()
        self._runs.set(PaneRuns())

    def _restored(self, snapshots: _Snapshots) -> _Group:
        """Return a group's detectors; one whose parameters were changed since its snapshot starts afresh."""
        group: _Group = {}
        for column, name, snapshot in snapshots:
            # Which detectors a column has depends on its kind, which the snapshots tell.
            by_name = group.setdefault(column, self._new(bounded=False))
            if name in self._parameters:
                restored, wanted = detectors.restore(snapshot), self._parameters[name]
                by_name[name] = restored if restored.parameters == wanted else detectors.get(name)(wanted)
        return group


def _snapshots(group: _Group) -> _Snapshots:
    return [
        (column, name, detector.snapshot())
        for column, by_name in sorted(group.items())
        for name, detector in sorted(by_name.items())
    ]
