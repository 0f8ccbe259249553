"""The shares of a column: values that are missing or no number, and those beyond the reference's range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.checks.contract.check import Evidence
from driftline.checks.contract.wording import percent
from driftline.checks.quality.families import VANISHED, quality_tests
from driftline.events.finding import HistogramPair
from driftline.events.window import AbsentCounts
from driftline.significance.share import share_test
from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, QUALITY, WRONG_TYPE
from driftline.sketches.number_texts import NUMBER

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.check import Outcome
    from driftline.checks.quality.outcome import Quality
    from driftline.checks.references.share_dispersion import ShareDispersion
    from driftline.significance.share import Alternative
    from driftline.sketches.columns import Column, NumericColumn

PRESENT: Final = "present"
_WORDS: Final = {
    "missing": "missing values",
    "not_a_number": "values that are not a number",
    "infinite": "infinite values",
    "wrong_type": "values of a wrong type",
}


def absent_counts(cells: NDArray[np.int64]) -> AbsentCounts:
    """Return the quality cells of a column, shape (4,), by name."""
    return AbsentCounts(
        missing=int(cells[MISSING]),
        not_a_number=int(cells[NOT_A_NUMBER]),
        infinite=int(cells[INFINITE]),
        wrong_type=int(cells[WRONG_TYPE]),
    )


def share_p_value(
    current: tuple[int, int], reference: tuple[int, int], alternative: Alternative, dispersion: ShareDispersion
) -> float:
    """Return the p-value of (count, events) of the window against those of the reference; neither side is empty."""
    if not current[0] and not reference[0]:
        return 1.0  # what the test says, without its cost
    result = share_test(
        *current,
        *reference,
        alternative=alternative,
        dispersion=dispersion.factor,
        degrees_of_freedom=dispersion.degrees_of_freedom,
    )
    return 1.0 if result is None else result.p_value


def absent_shares(
    about: Quality,
    column: Column,
    current: NDArray[np.int64],
    n: int,
    reference: NDArray[np.int64],
    n_reference: int,
    texts: Mapping[int, tuple[str, int]],
) -> list[Outcome]:
    """Test the share of each reason for which a value can be absent; more of them counts, and fewer.

    ``current`` and ``reference`` are quality cells, shape (4,); ``n`` and ``n_reference`` all events, with a value or
    without, and not 0. ``texts`` are some of the texts that the window has for numbers, with counts, by their hash.
    """
    outcomes = []
    for cell, test in enumerate(QUALITY):
        if test not in quality_tests(column):
            continue
        here, there = (int(current[cell]), n), (int(reference[cell]), n_reference)
        p_value = share_p_value(here, there, "two_sided", about.lookup(column.name, test))
        before, share = there[0] / n_reference, here[0] / n
        name, words = test, f"{_WORDS[test]} {percent(before)} -> {percent(share)} of events, {here[0]:,} of {n:,}"
        if test == "missing" and here[0] == n:
            name, words = VANISHED, f"vanished: no event of {n:,} has a value, {100 * (1 - before):.1f} % before"
        if test == "wrong_type" and here[0]:
            words += _texts_explained(column.name, texts)
        evidence = Evidence(histograms=_absent_histograms(current, n, reference, n_reference))
        outcomes.append(about.share(name, here, there, p_value, words, evidence))
    return outcomes


def out_of_range(
    about: Quality,
    column: NumericColumn,
    inside: tuple[int, int],
    current: NDArray[np.int64],
    reference: NDArray[np.int64],
) -> Outcome | None:
    """Test whether more values lie below or above the reference's range; None where either side has no value.

    Counts have the shape (column.n_bins,); ``inside`` are the first and the last bin inside the range.

    Notes
    -----
    The range is usually that of the very events that are the reference, which then has nothing beyond it. The exact
    test holds all the same: k or more of n values above the largest of N others means that the k largest of all n + N
    are the window's, which has the probability C(n, k) / C(n + N, k), and that is what Fisher's test says of k against
    0. It holds for one end at a time, so each end is tested, and the smaller p-value is doubled.
    """
    n, n_reference = int(current.sum()), int(reference.sum())
    if n == 0 or n_reference == 0:
        return None
    first, last = inside
    ends = [(slice(None, first), "below"), (slice(last + 1, None), "above")]
    here = [int(current[end].sum()) for end, _ in ends]
    there = [int(reference[end].sum()) for end, _ in ends]
    dispersion = about.lookup(column.name, "out_of_range")
    p_values = [
        share_p_value((k, n), (m, n_reference), "greater", dispersion) for k, m in zip(here, there, strict=True)
    ]
    share, before = sum(here) / n, sum(there) / n_reference
    sides = " and ".join(f"{k:,} {end[1]}" for k, end in zip(here, ends, strict=True) if k)
    span = f"[{column.minimum:g}, {column.maximum:g}]"
    histograms = HistogramPair(
        bins=["below", "inside", "above"],
        reference=[there[0], n_reference - sum(there), there[1]],
        current=[here[0], n - sum(here), here[1]],
    )
    words = f"values outside the reference's range {span} {percent(before)} -> {percent(share)}"
    return about.share(
        "out_of_range",
        (sum(here), n),
        (sum(there), n_reference),
        min(1.0, 2 * min(p_values)),
        f"{words}, {sides}" if sides else words,
        Evidence(histograms=histograms),
    )


def _texts_explained(name: str, texts: Mapping[int, tuple[str, int]]) -> str:
    """Return what can be said of texts in a numeric column."""
    shown = [text for text, _ in sorted(texts.values(), key=lambda each: (-each[1], each[0]))]
    if not shown:
        return ""
    such = f", such as {shown[0]!r}"
    if not all(map(NUMBER, shown)):
        return such
    return f"{such}, which looks like numbers in text; `columns.{name}.kind: numeric` reads them"


def _absent_histograms(
    current: NDArray[np.int64], n: int, reference: NDArray[np.int64], n_reference: int
) -> HistogramPair:
    """Return events by reason of absence, and those with a value; reasons that occur on neither side are left out."""
    here = [n - int(current.sum()), *(int(cell) for cell in current)]
    there = [n_reference - int(reference.sum()), *(int(cell) for cell in reference)]
    names = (PRESENT, *QUALITY)
    shown = [i for i in range(len(names)) if here[i] or there[i]]
    return HistogramPair(
        bins=[names[i] for i in shown], reference=[there[i] for i in shown], current=[here[i] for i in shown]
    )
