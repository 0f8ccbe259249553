"""What the checks of operations look at: the predictions that are evaluated together, and earlier windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.events.operation_fields import LATENCY
from driftline.sketches.operations import Measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.events.source import Offsets
    from driftline.sketches.operations import Operations

NO_LATENCY: Final = Measure()


class Activity(NamedTuple):
    """When a model made predictions in a window."""

    longest_gap_ms: int | None
    down_ms: int | None
    """Time in which it had been silent for longer than configured; None where that is not configured."""


class OperationsWindow(NamedTuple):
    """A window of how one version of a model made its predictions."""

    key: ModelKey
    start_ms: int
    end_ms: int
    n_events: int
    operations: Operations
    activity: Activity
    offsets: Offsets
    flags: frozenset[str]


class EarlierWindow(NamedTuple):
    """What is kept of a window for those after it."""

    n_events: int
    n_failed: int
    latency: Measure
    slow: bool
    """Whether it was found to be slow."""
    measures: Mapping[str, Measure] = {}
    """The further numbers, by name."""
    raised: Sequence[str] = ()
    """Those of them that were found to be higher than before."""


class OperationsCase(NamedTuple):
    """Windows that are evaluated together, as each has too few predictions, and the windows before them."""

    start_ms: int
    n_events: int
    operations: Operations
    earlier: Sequence[EarlierWindow]
    """The oldest first; empty while they are too few. None of them was found to fail."""
    settings: ModelSettings

    @property
    def latency(self) -> Measure:
        """The latency; empty where no prediction has it."""
        return latency_of(self.operations.measures)


def latency_of(measures: Mapping[str, Measure]) -> Measure:
    """Return the latency among measures by name."""
    return measures.get(LATENCY, NO_LATENCY)
