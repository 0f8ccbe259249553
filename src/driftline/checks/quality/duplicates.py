"""Predictions whose id had been seen before: a producer that sends again, or a replay.

Known only where labels are configured, as the join is what remembers ids; and tested where a performance window is,
once, with the baseline that its accuracy has. A reference's rows count as sent once each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.checks.contract.wording import percent
from driftline.checks.quality.outcome import QualityOutcome, evidence_of, found, share_pair
from driftline.checks.quality.shares import EFFECT, STATISTIC, share_p_value
from driftline.checks.quality.window_finding import finding_of_all
from driftline.checks.references.share_dispersion import ShareDispersion
from driftline.sketches.scores import DUPLICATES, PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.config.model import CheckSettings
    from driftline.events.finding import FindingEvent, LevelEvidence

PART_OF_LEVEL: Final = 0.1
"""Part of a performance window's level that duplicates have; accuracy has the rest, so that together they keep it."""
_INDEPENDENT: Final = ShareDispersion(1.0, None)


def part_of(level: LevelEvidence, part: float) -> LevelEvidence:
    """Return a part of a level, and say so in its derivation."""
    return structs.replace(level, level=level.level * part, derivation=f"{part:g} x ({level.derivation})")


def duplicates(current: NDArray[np.int64], reference: NDArray[np.int64]) -> QualityOutcome | None:
    """Test whether more predictions came with an id that had been seen; None where a side has no prediction.

    Parameters
    ----------
    current, reference : ndarray of int64, shape (performance_layout.n_cells,)
        Performance vectors.
    """
    here, there = max(0, int(current[DUPLICATES])), max(0, int(reference[DUPLICATES]))
    n, n_reference = here + max(0, int(current[PREDICTED])), there + max(0, int(reference[PREDICTED]))
    if n == 0 or n_reference == 0:
        return None
    share, before = here / n, there / n_reference
    return QualityOutcome(
        test="duplicates",
        statistic=STATISTIC,
        p_value=share_p_value((here, n), (there, n_reference), "greater", _INDEPENDENT),
        effect=EFFECT,
        gate="share",
        change=share - before,
        current=share,
        reference=before,
        n=n,
        n_reference=n_reference,
        histograms=share_pair(("seen before", "new"), (here, n), (there, n_reference)),
        words=f"predictions with an id that had been seen {percent(before)} -> {percent(share)}, {here:,} of {n:,}",
    )


def duplicate_findings(
    cut: PerformanceRevision,
    baseline: PerformanceBaseline,
    checks: CheckSettings,
    common: CommonFields,
    levels: Iterable[LevelEvidence],
) -> list[FindingEvent]:
    """Return the finding of duplicates in a tested performance window, where there is one.

    Parameters
    ----------
    cut : PerformanceRevision
    baseline : PerformanceBaseline
    checks : CheckSettings
    common : CommonFields
        Of the window.
    levels : iterable of LevelEvidence
        The first at which there is something counts.
    """
    outcome = duplicates(cut.vector, baseline.vector)
    for level in levels:
        if outcome is not None and found([outcome], 1, level.level, checks):
            evidence = evidence_of(outcome, outcome.p_value, checks)
            return [finding_of_all(outcome, common, level, evidence, baseline.origin)]
    return []
