"""Are there more errors, or other labels, where a feature has certain values, beyond what changed everywhere?

A model may fail in a part of its traffic long before its accuracy as a whole has fallen by as much as matters, or while
it does not fall at all because it rose elsewhere. The groups of values are those of the profile, so nobody has to say
where to look. Of binary tasks the share of positive labels is compared as well: if it changes at some values alone, the
relation between feature and label has changed, whether the model's decisions show it or not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.checks.contract.check import Evidence, Outcome, Subject, check, effect_of, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.feature_evidence import compared_groups, value_errors, why_not_now
from driftline.checks.labels.feature_spread import spread_of_part
from driftline.checks.labels.performance_tests import SURE, Spread, errors_spread
from driftline.significance.group_shift import Marked, group_shift_test
from driftline.sketches.feature_errors import N_CODES, counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import FeatureEvidence, PerformanceCase
    from driftline.profiles.feature_groups import FeatureGroups, Part
    from driftline.significance.group_shift import GroupShift

    Counts = NDArray[np.int64]

ERRORS_BY_FEATURE: Final = "concept.errors"
LABELS_BY_FEATURE: Final = "concept.labels"
LEAST_LABELS: Final = 20
"""Labelled predictions of a group on either side that are worth a test."""
_UNUSUAL: Final = 1.5
"""Standard errors of a rise of the log-odds below which no test is made: its p-value would be above any level."""


class Share(NamedTuple):
    """What is compared: a share of labelled predictions that may rise, or fall."""

    of_labels: bool
    """Labels of the positive class rather than wrong predictions."""
    falls: bool = False

    def marked(self, counts: Counts) -> Counts:
        """Return unmarked and marked labelled predictions by group, shape (G, 2), given those by group, whether they
        are wrong and whether their label is the positive class, shape (G, 2, 2).
        """
        sides: Counts = counts.sum(axis=1 if self.of_labels else 2)
        return sides[:, ::-1] if self.falls else sides


ERRORS: Final = (Share(of_labels=False),)
LABELS: Final = (Share(of_labels=True), Share(of_labels=True, falls=True))


class Found(NamedTuple):
    """The test of one part of the values, on both sides."""

    share: Share
    part: Part
    here: Marked
    there: Marked
    others: tuple[Marked, Marked]
    """All other values, now and before."""
    shift: GroupShift
    spread: Spread

    @property
    def rise(self) -> float:
        """How much larger the share is than it was, and than the change elsewhere would make it; the smaller one."""
        return self.here.k / self.here.n - max(self.shift.expected, self.there.k / self.there.n)

    def shown(self, side: Marked) -> float:
        """Return the share of a side as people know it."""
        return 1 - side.k / side.n if self.share.falls else side.k / side.n


@check("errors by feature", "performance", lambda settings: 1 if settings.performance.by_feature else 0, order=1)
def errors_by_feature(case: PerformanceCase) -> Iterator[Outcome]:
    """Test for each feature whether errors rose, or labels changed, in a part of its values by more than in the others.

    The features divide one test evenly, and of binary tasks errors and labels do. Of each, all groups and runs of
    neighbouring groups are tested, and the smallest p-value times their number (Bonferroni) is that of the feature.
    """
    evidence = case.revision.by_feature
    if evidence is None or evidence.before is None or why_not_now(case.profile, evidence) is not None:
        return
    compared = compared_groups(case.profile, case.settings)
    kinds = (ERRORS, LABELS) if case.profile.task.kind == "binary" else (ERRORS,)
    here, there = counts_of(evidence.now), counts_of(evidence.before)
    for slot, groups in enumerate(compared):
        parts, about = [*groups.parts()], _Feature(case, slot, here[slot], there[slot])
        for shares in kinds:
            tests = (about.test(share, part) for share in shares for part in parts)
            found = [each for each in tests if each is not None]
            worst = min(found, key=lambda each: (each.shift.p_value, -each.rise), default=None)
            if worst is not None:
                n_tests = len(parts) * len(shares)
                yield about.outcome(evidence, groups, worst, n_tests, 1 / (len(compared) * len(kinds)))


class _Feature(NamedTuple):
    """One feature of a case: labelled predictions by group, whether they are wrong and their label, on both sides."""

    case: PerformanceCase
    slot: int
    here: Counts
    there: Counts

    def test(self, share: Share, part: Part) -> Found | None:
        """Return the test of a part; None where there are too few labels, or no sign of a rise."""
        (now, now_others), (before, before_others) = (
            _sides(share.marked(counts), part) for counts in (self.here, self.there)
        )
        if min(now.n, before.n) < LEAST_LABELS or now.k * before.n <= before.k * now.n:
            return None
        spread = self._spread(share, part, now.n)
        if not _is_unusual((now, before, now_others, before_others), spread.dispersion):
            return None
        shift = group_shift_test(
            now,
            now_others,
            before,
            before_others,
            dispersion=spread.dispersion,
            degrees_of_freedom=spread.degrees_of_freedom,
        )
        return None if shift is None else Found(share, part, now, before, (now_others, before_others), shift, spread)

    def _spread(self, share: Share, part: Part, n: int) -> Spread:
        """Return how much a share varies in a part: as in the groups of the feature, or as all errors do where the
        reference does not say it of the part.
        """
        case, known = self.case, self.case.profile.feature_errors
        if case.settings.checks.dispersion.mode == "independent":
            return Spread(1.0, None, 0)
        if known is not None and known.window_ms == int(case.settings.windows.performance):
            spreads = known.label_spreads if share.of_labels else known.spreads
            of_groups = {at - self.slot * N_CODES: each for at, each in spreads.items() if at // N_CODES == self.slot}
            if all(group in of_groups for group in part.groups):
                spread = spread_of_part(of_groups, part.groups)
                return Spread(spread.at(n), spread.n_windows - 1.0, spread.n_windows)
        return errors_spread(case.profile, case.settings, "accuracy" if case.profile.task.classes else "mae", n)

    def outcome(
        self, evidence: FeatureEvidence, groups: FeatureGroups, found: Found, n_tests: int, level: float
    ) -> Outcome:
        """Return the outcome of a feature, given the number of its tests and its part of the level."""
        profile, here, name = self.case.profile, found.here, groups.column.name
        rate, of_labels = here.k / here.n, found.share.of_labels
        fraction = here.n / (here.n + found.others[0].n)
        error = math.sqrt(found.spread.dispersion * rate * (1 - rate) / here.n)
        now, before = found.shown(here), found.shown(found.there)
        effect = "group_label_change" if of_labels else "group_error_rise"
        gate = self.case.settings.performance.min_group_rise
        rows = [*found.part.groups]
        sides = (self.here[rows].sum(axis=0), self.there[rows].sum(axis=0))
        return Outcome(
            check=LABELS_BY_FEATURE if of_labels else ERRORS_BY_FEATURE,
            family="performance",
            statistic=statistic_of("group_shift", found.shift.log_odds, min(1.0, n_tests * found.shift.p_value)),
            effect=effect_of(effect, now - before, gate, now, before, corrected=found.rise),
            n=here.n,
            n_reference=found.there.n,
            message=self._message(name, found, fraction),
            subject=Subject(name, "feature", profile.importances.get(name, 1.0)),
            evidence=lambda: Evidence(
                details=_basis(found, n_tests), group=value_errors(profile, found.part.label, *sides)
            ),
            baseline=evidence.origin or "reference",
            sure=fraction * (found.rise - SURE * error),
            part=level,
        )

    def _message(self, name: str, found: Found, fraction: float) -> str:
        profile = self.case.profile
        known, what = profile.feature_errors, "errors"
        if found.share.of_labels:
            what = f"labels `{profile.task.positive}`"
        elif known is not None and not profile.task.classes:
            what = f"errors above {number(known.threshold * profile.task.spread)}"
        now, before = (percent(found.shown(side)) for side in (found.here, found.there))
        elsewhere, was_elsewhere = (percent(found.shown(side)) for side in found.others)
        gate = self.case.settings.performance.min_group_rise
        return (
            f"{what} {'fell' if found.share.falls else 'rose'} where {where(name, found.part.label)}: {before} -> "
            f"{now} of {found.here.n:,} labelled predictions, {percent(fraction)} of all; elsewhere "
            f"{was_elsewhere} -> {elsewhere} (a change matters from {percent(gate)})"
        )


def _sides(counts: Counts, part: Part) -> tuple[Marked, Marked]:
    """Return the marked labelled predictions of a part, and of all other values, given counts of shape (G, 2)."""
    rest, marked = counts.sum(axis=0).tolist()
    own_rest, own_marked = counts[[*part.groups]].sum(axis=0).tolist()
    own = Marked(own_marked, own_rest + own_marked)
    return own, Marked(marked - own.k, rest + marked - own.n)


def _is_unusual(sides: tuple[Marked, ...], dispersion: float) -> bool:
    """Return whether a share rose by enough for a test, given its sides now and before, then those of the others."""
    odds = [(side.k + 0.5, side.n - side.k + 0.5) for side in sides]
    logs = [math.log(marked / rest) for marked, rest in odds]
    variance = dispersion * sum(1 / marked + 1 / rest for marked, rest in odds)
    return (logs[0] - logs[1]) - (logs[2] - logs[3]) > _UNUSUAL * math.sqrt(variance)


def where(name: str, values: str) -> str:
    """Return that a feature has values of a group, in words.

    Examples
    --------
    >>> [where("age", values) for values in ("< 25", "[25, 40)", "web", "missing", "(others)")]
    ['`age` < 25', '`age` is in [25, 40)', '`age` is web', '`age` is missing', '`age` is one of the others']
    """
    if values.startswith(("<", ">")):
        return f"`{name}` {values}"
    if values.startswith("[") or (values.startswith("(") and values.endswith(")") and "," in values):
        return f"`{name}` is in {values}"
    words = {"(others)": "one of the others", "(unlisted)": "not in the reference"}
    return f"`{name}` is {words.get(values, values)}"


def _basis(found: Found, n_tests: int) -> str:
    looked = f"the smallest p-value of {n_tests} tests of its values, times their number"
    if not found.spread.n_windows:
        return f"{looked}; events are taken as independent"
    times = number(found.spread.dispersion)
    return f"{looked}; the share varies {times} times as much as that of independent events, as in the reference"
