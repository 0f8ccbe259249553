"""Cases at the edge of the join's rules: what is sent, and by hand what must come of it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

DAY: Final = 86_400_000
HOUR: Final = 3_600_000
HORIZON_MS: Final = 90 * DAY
WAIT_MS: Final = 6 * HOUR

Value = Literal["right", "other", "null"]
"""The prediction's own label, another one, or a label that is taken back."""


class EdgeCase(NamedTuple):
    """One prediction, what follows it, and which label must count in the end.

    Attributes
    ----------
    name : str
    labels : tuple of (int, Value)
        Milliseconds after the prediction, in the order in which they are sent.
    counts : Value or None
        None where nothing counts.
    orphans : int
        Labels that belong to no prediction.
    again : tuple of (int, bool)
        Predictions with the same id, so much later; True where the later one has a time of its own, False where it is
        the same event with another value, sent again.
    later_counts : Value or None
        What counts for a later prediction with a time of its own.
    """

    name: str
    labels: tuple[tuple[int, Value], ...]
    counts: Value | None
    orphans: int = 0
    again: tuple[tuple[int, bool], ...] = ()
    later_counts: Value | None = None


EDGE_CASES: Final = (
    EdgeCase("at the horizon", ((HORIZON_MS, "right"),), "right"),
    EdgeCase("a millisecond past the horizon", ((HORIZON_MS + 1, "right"),), None, orphans=1),
    EdgeCase("as early as a label waits", ((-WAIT_MS, "right"),), "right"),
    EdgeCase("a millisecond earlier", ((-WAIT_MS - 1, "right"),), None, orphans=1),
    EdgeCase("in the same millisecond", ((0, "right"),), "right"),
    EdgeCase("taken back before it came", ((1_000, "null"), (2_000, "right")), "right"),
    EdgeCase("taken back", ((1_000, "right"), (2_000, "null")), None),
    EdgeCase("taken back and given again", ((1_000, "right"), (2_000, "null"), (3_000, "other")), "other"),
    EdgeCase("only taken back", ((1_000, "null"),), None),
    EdgeCase("mended at the horizon", ((1_000, "right"), (HORIZON_MS, "other")), "other"),
    EdgeCase("mended past the horizon", ((1_000, "right"), (HORIZON_MS + 1, "other")), "right", orphans=1),
    EdgeCase("two in one millisecond", ((1_000, "right"), (1_000, "other")), "other"),
    EdgeCase("mended before the prediction came", ((-HOUR, "right"), (-HOUR + 1, "other")), "other"),
    EdgeCase("sent twice, differently", ((1_000, "right"),), "right", again=((10, False),)),
    EdgeCase(
        "used again after the horizon",
        ((1_000, "right"), (HORIZON_MS + HOUR + 1_000, "other")),
        "right",
        again=((HORIZON_MS + HOUR, True),),
        later_counts="other",
    ),
    EdgeCase("used again within the horizon", ((DAY + 1_000, "other"),), "other", again=((DAY, True),)),
)
