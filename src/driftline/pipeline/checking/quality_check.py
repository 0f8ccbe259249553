"""Has the share of events without a usable value of a column changed: an exact test on the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.finding import Effect, HistogramPair, Statistic
from driftline.events.window import AbsentCounts, AbsentTest
from driftline.pipeline.checking.wording import p_value_at, percent
from driftline.significance.share import share_test
from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, QUALITY, WRONG_TYPE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.events.finding import LevelEvidence

CHECK: Final = "quality.absent"
EFFECT: Final = "absent_share_change"
PRESENT: Final = "present"


def absent_counts(cells: NDArray[np.int64]) -> AbsentCounts:
    """Return the quality cells of a column, shape (4,), by name."""
    return AbsentCounts(
        missing=int(cells[MISSING]),
        not_a_number=int(cells[NOT_A_NUMBER]),
        infinite=int(cells[INFINITE]),
        wrong_type=int(cells[WRONG_TYPE]),
    )


def compare_absent(
    current: NDArray[np.int64], n: int, reference: NDArray[np.int64], n_reference: int
) -> AbsentTest | None:
    """Test the share of absent values, two-sided; None where either side is empty.

    Parameters
    ----------
    current, reference : ndarray of int64, shape (4,)
        Quality cells.
    n, n_reference : int
        All events, with a value or without.
    """
    absent, absent_reference = int(current.sum()), int(reference.sum())
    if n and n_reference and not absent and not absent_reference:
        return AbsentTest(share=0.0, share_reference=0.0, p_value=1.0)  # what the test says, without its cost
    result = share_test(absent, n, absent_reference, n_reference)
    if result is None:
        return None
    return AbsentTest(share=result.share, share_reference=result.share_reference, p_value=result.p_value)


def quality_effect(test: AbsentTest | None, level: float, gate: float) -> tuple[Statistic, Effect] | None:
    """Return statistic and effect where the change is real and as large as matters, else None."""
    if test is None:
        return None
    change = test.share - test.share_reference
    if test.p_value > level or abs(change) < gate:
        return None
    statistic = Statistic(
        name="exact_share", value=test.share, degrees_of_freedom=None, p_value=test.p_value, threshold=None
    )
    effect = Effect(
        name=EFFECT,
        raw=change,
        corrected=abs(change),
        gate=gate,
        current=test.share,
        reference=test.share_reference,
    )
    return statistic, effect


def quality_histograms(
    current: NDArray[np.int64], n: int, reference: NDArray[np.int64], n_reference: int
) -> HistogramPair:
    """Return events by reason of absence, and those with a value; reasons that occur on neither side are left out."""
    here = [n - int(current.sum()), *(int(cell) for cell in current)]
    there = [n_reference - int(reference.sum()), *(int(cell) for cell in reference)]
    names = (PRESENT, *QUALITY)
    held = [i for i in range(len(names)) if here[i] or there[i]]
    return HistogramPair(
        bins=[names[i] for i in held], reference=[there[i] for i in held], current=[here[i] for i in held]
    )


def quality_message(name: str, absent: AbsentCounts, test: AbsentTest, gate: float, level: LevelEvidence) -> str:
    """Return what changed, in one sentence with numbers."""
    reasons = ", ".join(
        f"{getattr(absent, reason):,} {reason.replace('_', ' ')}" for reason in QUALITY if getattr(absent, reason)
    )
    return (
        f"{name}: values absent {percent(test.share_reference)} -> {percent(test.share)} of events "
        f"(a change matters from {percent(gate)}); {p_value_at(test.p_value, level.level)}"
        + (f"; {reasons}" if reasons else "")
    )
