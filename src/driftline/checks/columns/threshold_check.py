"""Fixed thresholds, for who wants them: a distance that reaches a number, without a test and without a bound.

What such a threshold costs in false pages depends on the number of events, on their dependence and on the bins; the
false-alarm budget does not cover it, and each finding says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.checks.columns.distribution_check import compared, thresholds_of
from driftline.checks.contract.check import Evidence, Outcome, check, effect_of, statistic_of
from driftline.events.finding import LevelEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.references.cases import ColumnCase

PREFIX: Final = "threshold."
"""Before the distance's name, in the name of the check."""
_NOT_TESTED: Final = LevelEvidence(
    level=1.0, n_tests=1, derivation="fixed threshold, no false-alarm bound", in_budget=False
)


@check("threshold", "column", lambda _settings: 0)
def threshold(case: ColumnCase) -> Iterator[Outcome]:
    """Return the distances of a column that reached their fixed thresholds or linger below them, by name.

    A distance that could not be computed reaches nothing; one that has no correction is taken as it is.
    """
    comparison = case.once(compared)
    shown = Evidence(distances=comparison.distances, histograms=comparison.histograms, moments=comparison.moments)
    for name, least in sorted(thresholds_of(case.settings, case.column.feature).items()):
        distance = comparison.distances.get(name)
        if distance is None:
            continue
        corrected = distance.raw if distance.corrected is None else distance.corrected
        value, beside, other = corrected, "raw", distance.raw
        if case.settings.checks.threshold_value == "raw":
            value, beside, other = distance.raw, "corrected", corrected
        if value < case.settings.alerts.close_below * least:
            continue
        more = "" if distance.corrected is None else f" ({beside} {other:.2g})"
        yield Outcome(
            check=f"{PREFIX}{name}",
            family="distribution",
            subject=case.subject,
            statistic=statistic_of(name, value, threshold=least),
            effect=effect_of(name, distance.raw, least, corrected=corrected),
            n=comparison.n,
            n_reference=comparison.n_reference,
            message=f"{case.column.name}: {name} {value:.2g} reached its fixed threshold of {least:g}{more}; "
            "not tested, no false-alarm bound",
            evidence=lambda: shown,
            level=_NOT_TESTED,
            severity="warning",
            lingers=value < least,
        )
