"""The e-values of alerts: of each finding, how much less likely it is by chance than its threshold demands.

A finding at its significance level has spent exactly its part of the false-alarm budget. What goes beyond counts::

    test:        e = κ (p / level)^(κ − 1) / k,  0 where p > level;  κ = 0.1, k findings to a notification
    e-detector:  e = exp(ln R − ln threshold) / 2

Whatever depends on whatever, the e-values of all *false* findings of a model in a calendar month add up to at most its
false-alarm budget for the month, in expectation. Of a test: p / level of a false finding is uniform at best, and the
integral of κ u^(κ − 1) over u is 1, so that E[e] ≤ level / k; and the levels / k of a horizon add up to the shares of
tests. Of an e-detector: the sum of R over its alarms grows by at most 1 a pane, beside what R had when the month began.
That is at most 1 / (1 − γ) in expectation, the panes in which evidence fades; they last a month at most, which is why
half counts.

Source: Vovk and Wang (2021), doi:10.1214/20-AOS2020, section 2 (calibrators κ p^(κ − 1)), here of p / level given p ≤
level; Shin, Ramdas and Rinaldo (2022), arXiv:2203.03532, definition 2.2 (e-detectors).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.events.alert import AlertEvidence, MonthlyEvidence, NoEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec import UnsetType

    from driftline.events.finding import FindingEvent

KAPPA: Final = 0.1
"""Of the calibrator: the smaller, the more strong evidence counts, and the less evidence near the level."""
CARRIED: Final = 0.5
"""Part of an e-detector's evidence that counts, as it may have begun in the month before."""
LARGEST: Final = 1e300
"""Of an e-value and of a sum of them, so that all are finite; less than what was found is no overstatement."""
MAX_MONTHS: Final = 2
"""The latest months that an alert keeps e-values of."""
_LEAST_P: Final = 1e-300
_EARLY: Final = "log_mixture"


def e_value_of(finding: FindingEvent) -> float | None:
    """Return the e-value of a finding, at least 0; None where no test or e-detector within the budget made it."""
    level, statistic = finding.level, finding.statistic
    if not finding.model or level is None or not level.in_budget or finding.severity == "info":
        return None
    if statistic.p_value is not None:
        needed = 1 if level.split is None else level.split.findings_to_open
        return calibrated(statistic.p_value, level.level, needed)
    if statistic.name == _EARLY and statistic.threshold is not None:
        return CARRIED * math.exp(min(statistic.value - statistic.threshold, math.log(LARGEST)))
    return None


def calibrated(p_value: float, level: float, needed: int) -> float:
    """Return the e-value of a test, in units of the false alarms that the budget allows it.

    Parameters
    ----------
    p_value : float in [0, 1]
    level : float in (0, 1]
        The significance level.
    needed : int, at least 1
        Findings to a notification, k: the level is k times as high for it.

    Returns
    -------
    float
        At least 0. Its expectation is at most level / k if the p-value is valid.

    Examples
    --------
    >>> calibrated(1e-6, 1e-6, 1), calibrated(2e-6, 1e-6, 1)
    (0.1, 0.0)
    >>> round(calibrated(1e-16, 1e-6, 2))
    50000000
    """
    if p_value > level:
        return 0.0
    return min(LARGEST, KAPPA * math.exp((KAPPA - 1) * math.log(max(p_value, _LEAST_P) / level)) / needed)


def evidence_after(before: AlertEvidence | UnsetType | None, findings: Iterable[FindingEvent]) -> AlertEvidence:
    """Return the evidence of an alert after further findings, each of which is given once.

    Parameters
    ----------
    before : AlertEvidence, optional
        None or unset where there is none yet.
    findings : iterable of FindingEvent
        In an order that does not depend on the run: sums of floating-point numbers depend on it.
    """
    known = before if isinstance(before, AlertEvidence) else AlertEvidence(months=[], without=[])
    months = {each.month: each.e_value for each in known.months}
    without = set(known.without)
    for finding in findings:
        e_value = e_value_of(finding)
        if e_value is None:
            without.add(_reason(finding))
        else:
            month = finding.window.start[:7]
            months[month] = min(LARGEST, months.get(month, 0.0) + e_value)
    latest = sorted(months.items())[-MAX_MONTHS:]
    return AlertEvidence(
        months=[MonthlyEvidence(month=month, e_value=e_value) for month, e_value in latest], without=sorted(without)
    )


def _reason(finding: FindingEvent) -> NoEvidence:
    """Return why a finding has no e-value."""
    if not finding.model:
        return "no model"
    return "fixed threshold" if finding.check.startswith("threshold.") else "configured limit"
