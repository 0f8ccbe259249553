"""The quality of a window as a whole: features that the reference does not know, and how many events there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.checks.contract.error_budget import WINDOW_TESTS
from driftline.checks.contract.wording import number, percent
from driftline.checks.quality.outcome import QualityOutcome, combined_p, evidence_of, found, share_pair
from driftline.checks.quality.shares import EFFECT, STATISTIC, share_p_value
from driftline.checks.quality.volume import volume_p_value
from driftline.checks.quality.window_finding import finding_of_all
from driftline.checks.references.share_dispersion import ShareDispersion, independent
from driftline.sketches.layout import EVENTS, UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.closed_window import ClosedWindow, VolumeReference
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.finding_builder import FindingBaseline
    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.config.model import CheckSettings
    from driftline.events.finding import FindingEvent, LevelEvidence
    from driftline.profiles.profile import Profile

VOLUME_EFFECT: Final = "volume_change"
_MINUTE_MS: Final = 60_000


def whole_findings(
    profile: Profile,
    window: ClosedWindow,
    checks: CheckSettings,
    common: CommonFields,
    levels: Sequence[LevelEvidence],
    lookup: DispersionLookup = independent,
) -> list[FindingEvent]:
    """Return the finding of a window as a whole, where there is one; its tests share one level.

    Parameters
    ----------
    profile : Profile
    window : ClosedWindow
    checks : CheckSettings
    common : CommonFields
        Of the window.
    levels : sequence of LevelEvidence
        That of the budget, then that for information where it is wanted; the first at which there is something counts.
    lookup : DispersionLookup
        Asked for the share ``appeared`` of a column without a name, which stands for the whole.
    """
    outcomes = [each for each in (appeared(profile, window, lookup), volume(window)) if each is not None]
    n_tests = len(WINDOW_TESTS)
    for level in levels:
        outcome = found(outcomes, n_tests, level.level, checks)
        if outcome is not None:
            evidence = evidence_of(outcome, combined_p(outcome, n_tests), checks)
            baseline: FindingBaseline = "earlier weeks" if outcome.test == "volume" else "reference"
            return [finding_of_all(outcome, common, level, evidence, baseline)]
    return []


def appeared(profile: Profile, window: ClosedWindow, lookup: DispersionLookup = independent) -> QualityOutcome | None:
    """Test whether more events have a feature that the profile does not know; None where it cannot be told.

    A side may be empty, or the reference have such events and their dispersion, infinite here, not be known.

    The sketch counts such events, and keeps no names: those are in the sketch worker's log and in the events.
    """
    n, n_reference = window.n_events, int(profile.reference.counts[EVENTS])
    if n == 0 or n_reference == 0:
        return None
    here = min(n, int(window.sketch.counts[UNEXPECTED]))
    there = min(n_reference, int(profile.reference.counts[UNEXPECTED]))
    share, before = here / n, there / n_reference
    dispersion = lookup("", "appeared") if here else ShareDispersion(1.0, None)
    if math.isinf(dispersion.factor):
        if there:
            return None
        # What the reference never had is new, in however few clumps it comes.
        dispersion = ShareDispersion(1.0, None)
    return QualityOutcome(
        test="appeared",
        statistic=STATISTIC,
        p_value=share_p_value((here, n), (there, n_reference), "greater", dispersion),
        effect=EFFECT,
        gate="share",
        change=share - before,
        current=share,
        reference=before,
        n=n,
        n_reference=n_reference,
        histograms=share_pair(("with an unknown feature", "without"), (here, n), (there, n_reference)),
        words=f"a feature appeared: {percent(before)} -> {percent(share)} of events have one that the reference "
        f"does not know, {here:,} of {n:,}",
    )


def volume(window: ClosedWindow) -> QualityOutcome | None:
    """Test whether the window has another number of events a minute; None while too little is known."""
    standard: VolumeReference | None = window.volume
    n, span_ms = window.n_events, window.end_ms - window.start_ms
    if standard is None or n == 0 or span_ms <= 0:
        return None
    rate = n / (span_ms / _MINUTE_MS)
    ratio = rate / standard.rate
    change = ratio - 1 if ratio >= 1 else 1 - 1 / ratio
    longer = ", in a window that had to wait for enough" if window.extended else ""
    return QualityOutcome(
        test="volume",
        statistic="volume_rate",
        p_value=volume_p_value(standard, n, span_ms),
        effect=VOLUME_EFFECT,
        gate="volume",
        change=change,
        current=rate,
        reference=standard.rate,
        n=n,
        n_reference=standard.n,
        histograms=None,
        words=f"events a minute {number(standard.rate)} -> {number(rate)}, {number(ratio)} times those of this hour of "
        f"earlier weeks{longer}",
    )
