"""What explains that labels do not come: predictions that lack a feature, and get no label either.

A flight that is cancelled has no departure delay, and no arrival that a label could tell of. Labels then come as they
always did; what changed is the predictions. So where fewer predictions of a cohort have a label than before, a feature
explains it if both hold:

- predictions without its value may all be without a label, in this cohort and in those before: there were never more of
  the one than of the other;
- of the predictions with a value, as many have a label as before: the fall does not reach its gate.

It is no test, and costs the budget nothing: it names a finding that is there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from driftline.checks.contract.wording import percent
from driftline.events.finding import WithoutValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.events.finding import FindingEvent


class Counted(NamedTuple):
    """One cohort, or several together."""

    n_labelled: int
    n_predictions: int
    missing: Mapping[str, int]
    """Predictions without a value, by feature."""

    @property
    def n_unlabelled(self) -> int:
        """Predictions without a label."""
        return self.n_predictions - self.n_labelled

    def without(self, feature: str) -> int:
        """Return predictions without a value."""
        return min(self.n_predictions, self.missing.get(feature, 0))

    def labelled_share(self, feature: str) -> float | None:
        """Return the labelled share of the predictions with a value; None where there are none."""
        n = self.n_predictions - self.without(feature)
        return min(1.0, self.n_labelled / n) if n else None


def together(cohorts: Sequence[Counted]) -> Counted:
    """Return several cohorts as one."""
    names = {name for cohort in cohorts for name in cohort.missing}
    return Counted(
        sum(cohort.n_labelled for cohort in cohorts),
        sum(cohort.n_predictions for cohort in cohorts),
        {name: sum(cohort.missing.get(name, 0) for cohort in cohorts) for name in sorted(names)},
    )


def feature_without(now: Counted, before: Counted, gate: float) -> WithoutValue | None:
    """Return the feature whose missing values explain that labels do not come; None where there is none.

    Parameters
    ----------
    now, before : Counted
        The cohort, and those that it is compared with.
    gate : float in [0, 1]
        The fall of the labelled share from which on it matters.

    Examples
    --------
    >>> usual = Counted(9_780, 10_000, {"dep_delay": 160, "pressure": 1_000})
    >>> found = feature_without(Counted(780, 1_000, {"dep_delay": 205, "pressure": 150}), usual, 0.1)
    >>> (found.column, found.share, found.share_before)
    ('dep_delay', 0.205, 0.016)
    >>> feature_without(Counted(780, 1_000, {"dep_delay": 16, "pressure": 150}), usual, 0.1) is None
    True
    """
    found = (_explaining(name, now, before, gate) for name in now.missing)
    fits = [each for each in found if each is not None]
    return min(fits, key=lambda each: (each.labelled_before - each.labelled, each.column), default=None)


def _explaining(feature: str, now: Counted, before: Counted, gate: float) -> WithoutValue | None:
    if any(side.without(feature) > side.n_unlabelled for side in (now, before)):
        return None
    labelled, labelled_before = now.labelled_share(feature), before.labelled_share(feature)
    if labelled is None or labelled_before is None or labelled_before - labelled >= gate:
        return None
    return WithoutValue(
        column=feature,
        share=now.without(feature) / now.n_predictions,
        share_before=before.without(feature) / before.n_predictions,
        labelled=labelled,
        labelled_before=labelled_before,
    )


def with_missing_values(finding: FindingEvent, without: WithoutValue) -> FindingEvent:
    """Return a finding on late labels with what explains it, and its message."""
    words = (
        f"explained by missing {without.column}, {percent(without.share_before)} -> {percent(without.share)}: "
        f"of predictions with one {percent(without.labelled_before)} -> {percent(without.labelled)} have a label"
    )
    return structs.replace(finding, without_value=without, message=f"{finding.message}; {words}")
