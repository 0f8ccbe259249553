"""What happens in one scenario, when it begins, and which names of its cause are right: fixed before any result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.incidents.population import Rows
    from driftline.events.alert import Root

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_772_409_600_000
"""Monday, 2 March 2026, 00:00 UTC: the first event of every model."""
PANE_MS: Final = HOUR_MS
"""A pane, and the smallest evaluation window."""
ONSET_MS: Final = START_MS + 2 * DAY_MS + 14 * HOUR_MS + HOUR_MS // 3
"""Wednesday, 14:20: two thirds of the first window have the change."""
N_PRODUCERS: Final = 3


def unchanged(rows: Rows, _gone: Bools, _hours: Floats, _rng: np.random.Generator) -> Rows:
    """Return the rows as they are."""
    return rows


def no_flip(hours: Floats) -> Floats:
    """Return a chance of 0 for each event."""
    return 0.0 * hours


@dataclass(frozen=True)
class Scenario:
    """One model's stream with one change, or with none."""

    number: int
    """As in the list of the issue: 1 to 13; 0 is the model that nothing happens to."""
    model: str
    happens: str
    """What happens, in words."""
    roots: frozenset[Root] = frozenset()
    """Names of the cause that are right; empty where nothing is to be found."""
    names: tuple[str, ...] = ()
    """One of these must stand in the title; empty where the root says all."""
    onset_ms: int | None = ONSET_MS
    """When it begins; None where nothing does."""
    abrupt: bool = True
    """Whether the onset is a moment: then it has to be found within one pane."""
    days: float = 4.0
    """Length of the stream."""
    rate: float = 450.0
    """Mean events an hour, by the daily pattern."""
    seasonal: bool = False
    """Whether weekends bring a sale."""
    world: Callable[[Rows, Bools, Floats, np.random.Generator], Rows] = unchanged
    """What changes in the world, of the events chosen by a mask, given the hours since the onset of each event."""
    seen: Callable[[Rows, Bools, Floats, np.random.Generator], Rows] = unchanged
    """What changes in the events alone, while the world goes on."""
    by_producer: int | None = None
    """The only producer whose events change; None for all."""
    flipped: Callable[[Floats], Floats] = no_flip
    """Chance that a label is another than it would have been, by hours since the onset."""
    noise: float = 0.0
    """Standard deviation of what a worse model adds to the logit."""
    version_after: str = "1"
    """Version of the model from the onset on."""
    labels_end: bool = False
    """Whether no label comes from the onset on."""
    again: int | None = None
    """Producer whose events are all sent a second time from the onset on."""
    extra: float = 0.0
    """Further events from the onset on, in multiples of the usual ones, which ``world`` makes of usual ones."""
    as_schema: Callable[[dict[str, object]], dict[str, object]] | None = field(default=None)
    """How the changed producer writes its features."""

    @property
    def end_ms(self) -> int:
        """End of the stream."""
        return START_MS + round(self.days * DAY_MS)
