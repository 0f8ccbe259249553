"""Whether a fall of accuracy that an e-detector found in a segment lasts, by windows of the segment together.

Windows of a segment are not tested: their tests would have to share the budget with all others. All that they are asked
is whether an open alert may end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.alerts.policy import check_key
from driftline.checks.contract.verdict import Verdict
from driftline.checks.labels.lasting_errors import lasting_errors

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import PerformanceCase
    from driftline.events.performance import PerformanceEvent


def examine_segment(case: PerformanceCase, event: PerformanceEvent) -> Verdict[PerformanceEvent]:
    """Return what windows of a segment say of an open alert: it stays open, or they are clean.

    Parameters
    ----------
    case : PerformanceCase
        Of the sum of one window or several.
    event : PerformanceEvent
        Of the last of them, which was emitted.
    """
    lasting = (check_key(each.check, each.subject.role, each.subject.column) for each in lasting_errors.examine(case))
    return Verdict(
        findings=(),
        sequence="performance",
        tested=True,
        observed=event,
        lingering=frozenset(lasting),
        age_ms=event.age_ms,
    )
