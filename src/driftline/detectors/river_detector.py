"""``river:<name>``: any of river's own detectors, on the means of blocks.

river's objects are not written to the state: they cannot be read back safely (pickle) nor disassembled (ADWIN is
compiled). The state is a journal of at most `epoch` values since the detector started; a restored detector is a new
one that replays the journal. To make this exact, a detector never depends on more than the journal: when the journal
is full, it is reduced to its later half, and a new detector replays that half. So the detections are a function of the
blocks alone, whenever and wherever the state was restored.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cache
from typing import Protocol

import msgspec
from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector, Domain
from driftline.detectors.river_names import PREFIX, RiverClass, river_classes
from driftline.errors import ParameterError

_MAX_EPOCH = 10_000
_DEFAULT_EPOCH = 1_000
_NUMBER_BYTES = 9
_REST_BYTES = 800


class _RiverObject(Protocol):
    """The interface of all of river's detectors."""

    @property
    def drift_detected(self) -> bool: ...

    def update(self, x: float) -> None: ...


class RiverParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of every ``river:`` detector beside river's own.

    Parameters
    ----------
    epoch : int, unit blocks, in [2, 10,000]
        Largest number of blocks in the journal; after a reduction it holds the later half of them.

    Raises
    ------
    ParameterError
        A parameter outside its range, a negative number, or a parameter that river refuses.
    """

    epoch: int = _DEFAULT_EPOCH

    def __post_init__(self) -> None:
        if not 2 <= self.epoch <= _MAX_EPOCH:  # noqa: PLR2004 - half a journal must hold one value
            raise ParameterError(f"a whole number in [2, {_MAX_EPOCH}]", self.epoch, "$.epoch")
        for name in self.__struct_fields__:
            value = getattr(self, name)
            # No parameter of river's detectors makes sense below zero, and none of them checks.
            if isinstance(value, int | float) and not 0 <= value < float("inf"):
                raise ParameterError("a finite number of at least 0", value, f"$.{name}")


class RiverState(Struct):
    """The values since the detector started."""

    journal: list[float] = field(default_factory=list)


class RiverDetector(Detector):
    """A detector of river on the means of blocks; :func:`river_detector` makes its concrete classes.

    Parameters
    ----------
    parameters : RiverParameters or None
        None for river's defaults.

    Notes
    -----
    Blocks: the mean of a block is one value, however many events it holds; river's parameters that count values count
    blocks. Blocks that are empty or not finite never reach river (one not-a-number silences its ADWIN for ever). A
    detector of ``river.drift.binary`` accepts means in [0, 1] only.

    river reports only that there is a change: `threshold` is None, and `statistic` is the difference of the means
    before and after the most likely split of the journal (for normal values of equal variance).

    State: at most `epoch` values, 9 kB in a snapshot with the default. A reset keeps only the lifetime counters. Cost:
    twice that of river's detector (each value is replayed once when the journal is reduced); after a restore, one
    replay of the journal. Where river raises, the block is counted as ignored and the detector restarts.

    Source: river 0.26.1, https://riverml.xyz. Deviations: the `epoch`; a fixed seed where river would draw one.

    Oracle: river itself, with blocks of one value and fewer blocks than the epoch, detection index by detection index.

    Examples
    --------
    >>> import random
    >>> from driftline import detectors
    >>> from driftline.detectors import Block
    >>> rng = random.Random(12345)
    >>> values = rng.choices([0, 1], k=400) + rng.choices(range(4, 8), k=400)
    >>> detector = detectors.get("river:ADWIN")()
    >>> [(d.index, d.since_blocks) for d in (detector.update(Block(1, float(v))) for v in values) if d]
    [(415, 16)]
    """

    parameters: RiverParameters
    state: RiverState

    def __init__(self, parameters: Struct | None = None) -> None:
        super().__init__(parameters)
        self._object: _RiverObject | None = None

    @property
    def snapshot_limit_bytes(self) -> int:
        """Largest size of a snapshot, however long the stream."""
        return self.parameters.epoch * _NUMBER_BYTES + _REST_BYTES

    def reset(self) -> None:
        """Restart with an empty state; the lifetime counters stay."""
        super().reset()
        self._object = None

    def _update(self, block: Block) -> Detection | None:
        journal = self.state.journal
        try:
            if len(journal) >= self.parameters.epoch:
                del journal[: -(self.parameters.epoch // 2)]
                self._object = None
            if self._object is None:
                self._object = self._fed(journal)
            journal.append(block.mean)
            self._object.update(block.mean)
        except (ArithmeticError, ValueError):
            self.counters.n_events -= block.count
            self.counters.n_blocks -= 1
            self.counters.n_ignored += 1
            self.reset()
            return None
        return self._split_detection(journal) if self._object.drift_detected else None

    def _fed(self, journal: list[float]) -> _RiverObject:
        """Return a new object of river's that has replayed the journal."""
        new = self._new()
        for value in journal:
            new.update(value)
        return new

    @abstractmethod
    def _new(self) -> _RiverObject:
        """Return a new object of river's."""

    def _split_detection(self, journal: list[float]) -> Detection:
        n_before = _best_split(journal)
        before = sum(journal[:n_before]) / max(n_before, 1)
        after = sum(journal[n_before:]) / (len(journal) - n_before)
        return self._detection(abs(after - before), None, before, after, len(journal) - n_before)


def _best_split(journal: list[float]) -> int:
    """Return the number of values before the split whose two means differ by most standard errors."""
    total, n = sum(journal), len(journal)
    best, best_excess, below = n - 1, -1.0, 0.0
    for k, value in enumerate(journal[:-1], start=1):
        below += value
        excess = abs(below - total * (k / n)) / (k * (n - k)) ** 0.5
        if excess > best_excess:
            best, best_excess = k, excess
    return best


@cache
def river_detector(name: str) -> type[RiverDetector]:
    """Return the class of a name such as ``river:ADWIN``; it is made once.

    Parameters
    ----------
    name : str
        ``river:`` and the name of one of river's classes.

    Returns
    -------
    type of RiverDetector
        Its `parameters_type` has river's parameters, with river's defaults.

    Raises
    ------
    ParameterError
        When river has no detector of that name; the message lists the names that it has.
    """
    classes = river_classes()
    river_class = classes.get(name.removeprefix(PREFIX))
    if river_class is None:
        expected = ", ".join(f"{PREFIX}{listed}" for listed in classes)
        raise ParameterError(f"one of {expected}", name, "driftline.detectors")
    domain: Domain = "unit" if river_class.binary else "real"
    own = name.removeprefix(PREFIX)

    def new(self: RiverDetector) -> _RiverObject:
        return _river_object(river_class, self.parameters)

    return type(
        f"River{own}",
        (RiverDetector,),
        {
            "__doc__": f"river's {own} on the means of blocks.",
            "key": name,
            "_new": new,
            "domain": domain,
            "parameters_type": _parameters_type(own, river_class),
        },
    )


def _parameters_type(name: str, river_class: RiverClass) -> type[RiverParameters]:
    def check(self: RiverParameters) -> None:
        RiverParameters.__post_init__(self)
        try:
            _river_object(river_class, self)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ParameterError(f"parameters that river takes ({error})", name, "$") from error

    fields = [
        (
            parameter,
            int | float | None if default is None else type(default) if not isinstance(default, float) else float,
            default,
        )
        for parameter, default in river_class.defaults.items()
    ]
    new: type[RiverParameters] = msgspec.defstruct(  # type: ignore[assignment] # its bases are not in its type
        f"River{name}Parameters",
        fields,
        bases=(RiverParameters,),
        namespace={"__post_init__": check},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return new


def _river_object(river_class: RiverClass, parameters: RiverParameters) -> _RiverObject:
    new: _RiverObject = river_class.made_by(**{name: getattr(parameters, name) for name in river_class.defaults})
    return new
