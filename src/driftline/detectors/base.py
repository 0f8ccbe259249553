"""The contract that every sequential detector keeps: blocks in, detections out, state as bytes.

Contract
--------
A detector MUST

- process blocks of any size in constant or logarithmic time, never by replaying values;
- count a block that is empty, not finite or outside its domain, and otherwise ignore it;
- give the same results after :meth:`Detector.restore` of a :meth:`Detector.snapshot` as without the interruption;
- keep its state below :attr:`Detector.snapshot_limit_bytes`, however long the stream;
- keep its lifetime counters through :meth:`Detector.reset` and after its own detections.

It CANNOT read a clock or draw random numbers: the same blocks give the same detections on every worker.

A new detector is one module in this package: a subclass of :class:`Detector` that annotates ``parameters`` and
``state`` with its own types, defines ``_update`` and carries :func:`driftline.detectors.registry.register`. The package
imports every module in it, and configurations, tests of the contract and parity modes find the detector by its key.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Self

import msgspec
from msgspec import Struct

from driftline.errors import FormatError

_MEAN_LIMIT = 1e100
"""Larger means are treated as not finite: their squares times the counts would overflow and stay in the sums."""

Direction = Literal["up", "down"]
Domain = Literal["real", "unit"]
"""Streams that a detector accepts: any numbers, or values in [0, 1] such as error bits and shares."""


class Block(Struct, frozen=True):
    """Count, mean and variance of consecutive events of one column, usually those of a pane.

    Parameters
    ----------
    count : int, unit events
        Events in the block; a block of 0 is ignored.
    mean : float
        Mean of their values, standardised with the profile where there is one; a block with a mean beyond ±10¹⁰⁰ is
        ignored.
    variance : float, at least 0
        Mean squared deviation from `mean` (divided by `count`, not by `count` − 1); 0 for a single event.
    counts : tuple of int or None, at most 40
        Number of events by group of bins, in the order of the values, adding up to `count`; None where no detector
        needs them.
    """

    count: int
    mean: float
    variance: float = 0.0
    counts: tuple[int, ...] | None = None

    @property
    def usable(self) -> bool:
        """Whether the block holds events and finite numbers."""
        return (
            self.count > 0
            and abs(self.mean) <= _MEAN_LIMIT  # false for not-a-number
            and 0 <= self.variance <= _MEAN_LIMIT**2
        )


class Detection(Struct, frozen=True, kw_only=True):
    """A detected change, with its evidence.

    Parameters
    ----------
    index : int, unit events, from 0
        Last event of the block at which the change was detected, counted over the detector's lifetime without ignored
        blocks.
    statistic : float
    threshold : float or None
        The statistic exceeded the threshold, both in the unit that the detector states; None where the detector reports
        no threshold.
    mean_before, mean_after : float
        Estimates of the mean before and after the change.
    since_blocks, since_events : int or None
        Number of latest blocks and events after the estimated change, at least 1; None where unknown.
    """

    index: int
    statistic: float
    threshold: float | None
    mean_before: float
    mean_after: float
    since_blocks: int | None
    since_events: int | None

    @property
    def direction(self) -> Direction:
        """Whether the mean rose or fell."""
        return "up" if self.mean_after > self.mean_before else "down"


class Counters(Struct, kw_only=True):
    """Lifetime counters of a detector; no reset clears them.

    Parameters
    ----------
    n_events, n_blocks : int
        Events and blocks processed.
    n_ignored : int
        Blocks that were empty, not finite or outside the detector's domain.
    n_detections : int
        Detected changes.
    """

    n_events: int = 0
    n_blocks: int = 0
    n_ignored: int = 0
    n_detections: int = 0


class _Snapshot(Struct):
    """The envelope of a detector's state; new fields go to the end and have a default."""

    detector: str
    version: int
    parameters: msgspec.Raw
    counters: Counters
    state: msgspec.Raw


class Detector(ABC):
    """A sequential change detector on blocks.

    Parameters
    ----------
    parameters : Struct or None
        An instance of the class's `parameters_type`, validated when it was made; None for the defaults.

    Attributes
    ----------
    key : str
        Permanent name in configurations, events and snapshots.
    version : int
        Version of the state's layout.
    parameters_type, state_type : type
        The frozen parameters, and the state that :meth:`reset` makes anew; read from the subclass's annotations of
        `parameters` and `state`.
    domain : {"real", "unit"}
        Streams that it accepts; in the domain ``unit`` blocks whose mean lies outside [0, 1] are ignored.
    needs_counts : bool
        Whether it needs the blocks' `counts`; it ignores blocks without.
    snapshot_bytes : int
        Largest size of a snapshot; 0 where it depends on the parameters, see :attr:`snapshot_limit_bytes`.
    counters : Counters
        Its lifetime counters.
    """

    key: ClassVar[str]
    version: ClassVar[int] = 1
    parameters_type: ClassVar[type[Struct]] = Struct
    state_type: ClassVar[type[Struct]] = Struct
    domain: ClassVar[Domain] = "real"
    needs_counts: ClassVar[bool] = False
    snapshot_bytes: ClassVar[int] = 0

    parameters: Struct
    state: Struct

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        annotations = inspect.get_annotations(cls, eval_str=True)
        cls.parameters_type = annotations.get("parameters", cls.parameters_type)
        cls.state_type = annotations.get("state", cls.state_type)

    def __init__(self, parameters: Struct | None = None) -> None:
        self.parameters = self.parameters_type() if parameters is None else parameters
        self.state = self.state_type()
        self.counters = Counters()

    @property
    def snapshot_limit_bytes(self) -> int:
        """Largest size of a snapshot, however long the stream; `snapshot_bytes` where no parameter changes it."""
        return self.snapshot_bytes

    @abstractmethod
    def _update(self, block: Block) -> Detection | None:
        """Process a usable block, which the counters include already."""

    def update(self, block: Block) -> Detection | None:
        """Process the next block.

        Parameters
        ----------
        block : Block
            Empty blocks, and those with a value that is not finite or outside the domain, are counted in
            `counters.n_ignored` and change nothing else.

        Returns
        -------
        Detection or None
            A detection when this block showed a change; the detector has then restarted.
        """
        if not self._takes(block):
            self.counters.n_ignored += 1
            return None
        self.counters.n_events += block.count
        self.counters.n_blocks += 1
        detection = self._update(block)
        if detection is not None:
            self.counters.n_detections += 1
            self.reset()
        return detection

    def _detection(
        self,
        statistic: float,
        threshold: float | None,
        mean_before: float,
        mean_after: float,
        since_blocks: int | None = None,
        since_events: int | None = None,
    ) -> Detection:
        """Return the detection of a change at the latest event."""
        return Detection(
            index=self.counters.n_events - 1,
            statistic=statistic,
            threshold=threshold,
            mean_before=mean_before,
            mean_after=mean_after,
            since_blocks=since_blocks,
            since_events=since_events,
        )

    def _takes(self, block: Block) -> bool:
        return (
            block.usable
            and (self.domain == "real" or 0 <= block.mean <= 1)
            and (not self.needs_counts or block.counts is not None)
        )

    def reset(self) -> None:
        """Restart with an empty state; the lifetime counters stay."""
        self.state = self.state_type()

    def snapshot(self) -> bytes:
        """Return parameters, counters and state as MessagePack of at most `snapshot_limit_bytes`."""
        return msgspec.msgpack.encode(
            _Snapshot(
                detector=self.key,
                version=self.version,
                parameters=msgspec.Raw(msgspec.msgpack.encode(self.parameters)),
                counters=self.counters,
                state=msgspec.Raw(msgspec.msgpack.encode(self.state)),
            )
        )

    @classmethod
    def restore(cls, data: bytes) -> Self:
        """Return a detector that continues where the one that made the snapshot stopped.

        Parameters
        ----------
        data : bytes
            A snapshot of this class and of its current version.

        Raises
        ------
        FormatError
            When the bytes are damaged, of another detector or of an unknown version; the message says what to do.
        """
        try:
            snapshot = msgspec.msgpack.decode(data, type=_Snapshot)
            if (snapshot.detector, snapshot.version) == (cls.key, cls.version):
                detector = cls(msgspec.msgpack.decode(snapshot.parameters, type=cls.parameters_type))
                detector.counters = snapshot.counters
                detector.state = msgspec.msgpack.decode(snapshot.state, type=cls.state_type)
                return detector
        except msgspec.MsgspecError as error:
            raise FormatError(
                f"Expected a snapshot of detector {cls.key!r}, got {len(data)} bytes that are none ({error}); "
                "delete this state to let the detector begin anew"
            ) from error
        raise FormatError(
            f"Expected a snapshot of detector {cls.key!r} version {cls.version}, got {snapshot.detector!r} version "
            f"{snapshot.version}; run the driftline version that wrote it, "
            "or delete this state to let the detector begin anew"
        )


def snapshot_key(data: bytes) -> str:
    """Return the key of the detector that made a snapshot.

    Raises
    ------
    FormatError
        When the bytes are no snapshot.
    """
    try:
        return msgspec.msgpack.decode(data, type=_Snapshot).detector
    except msgspec.MsgspecError as error:
        raise FormatError(
            f"Expected a snapshot of a detector, got {len(data)} bytes that are none ({error}); "
            "delete this state to let the detector begin anew"
        ) from error
