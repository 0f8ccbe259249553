"""Predictions whose id had been seen before: a producer that sends again, or a replay.

Known only where labels are configured, as the join is what remembers ids; and tested where a performance window is,
once, with the baseline that its accuracy has. A reference's rows count as sent once each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.checks.contract.check import Subject, check
from driftline.checks.contract.wording import percent
from driftline.checks.quality.outcome import Quality, share_pair
from driftline.checks.quality.shares import share_p_value
from driftline.sketches.scores import DUPLICATES, PREDICTED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.check import Outcome
    from driftline.checks.contract.closed_window import PerformanceCase
    from driftline.checks.quality.outcome import Counted

PART_OF_LEVEL: Final = 0.1
"""Part of a performance window's level that duplicates have; accuracy has the rest, so that together they keep it."""


@check("duplicates", "performance", order=1)
def duplicates(case: PerformanceCase) -> list[Outcome]:
    """Test whether more predictions came with an id that had been seen; nothing where a side has no prediction."""
    here, there = (_counted(vector) for vector in (case.revision.vector, case.baseline.vector))
    (k, n), (m, n_reference) = here, there
    if n == 0 or n_reference == 0:
        return []
    about = Quality(Subject(), case.settings.checks)
    outcome = about.share(
        "duplicates",
        here,
        there,
        share_p_value(here, there, "greater", about.lookup("", "duplicates")),
        f"predictions with an id that had been seen {percent(m / n_reference)} -> {percent(k / n)}, {k:,} of {n:,}",
        share_pair(("seen before", "new"), here, there),
    )
    return [structs.replace(outcome, part=PART_OF_LEVEL, baseline=case.baseline.origin)]


def _counted(vector: NDArray[np.int64]) -> Counted:
    """Return repeated predictions of a performance vector, and all."""
    repeated = max(0, int(vector[DUPLICATES]))
    return repeated, repeated + max(0, int(vector[PREDICTED]))
