"""The quality of a window as a whole: features that the reference does not know, and how many events there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.checks.contract.check import Subject, check
from driftline.checks.contract.wording import number, percent
from driftline.checks.quality.outcome import VOLUME, Quality, share_pair
from driftline.checks.quality.shares import share_p_value
from driftline.checks.quality.volume import volume_p_value
from driftline.checks.references.share_dispersion import INDEPENDENT
from driftline.sketches.kept_names import UNKNOWN
from driftline.sketches.layout import EVENTS, UNEXPECTED

if TYPE_CHECKING:
    from driftline.checks.contract.check import Outcome
    from driftline.checks.contract.closed_window import ClosedWindow, VolumeReference
    from driftline.checks.references.cases import WindowCase
    from driftline.profiles.profile import Profile

_MINUTE_MS: Final = 60_000
ALTERNATIVES: Final = 2
"""``appeared`` and ``volume``, whatever could be tested."""


@check("window", "window", lambda _settings: ALTERNATIVES, order=1)
def whole(case: WindowCase) -> list[Outcome]:
    """Test whether features appeared, and whether the volume changed: at most one finding, of two tests' cost.

    The dispersion is that of the share ``appeared`` of a column without a name, which stands for the whole.
    """
    about = Quality(Subject(), case.settings.checks, ALTERNATIVES, case.view.of_whole(case.window))
    made = (appeared(about, case.profile, case.window), volume(about, case.window))
    return [outcome for outcome in made if outcome is not None]


def appeared(about: Quality, profile: Profile, window: ClosedWindow) -> Outcome | None:
    """Test whether more events have a feature that the profile does not know; None where it cannot be told.

    A side may be empty, or the reference have such events and their dispersion, infinite here, not be known.

    Of the features' names the sketch keeps a few, each with the exact count of its events.
    """
    n, n_reference = window.n_events, int(profile.reference.counts[EVENTS])
    if n == 0 or n_reference == 0:
        return None
    here = min(n, int(window.sketch.counts[UNEXPECTED]))
    there = min(n_reference, int(profile.reference.counts[UNEXPECTED]))
    dispersion = about.lookup("", "appeared") if here else INDEPENDENT
    if math.isinf(dispersion.factor):
        if there:
            return None
        # What the reference never had is new, in however few clumps it comes.
        dispersion = INDEPENDENT
    names = {name: count for name, count in sorted(window.sketch.unseen.get(UNKNOWN, {}).values()) if count > 0}
    listed = ", ".join(f"{name!r} {n:,}" for name, n in sorted(names.items(), key=lambda each: (-each[1], each[0])))
    return about.share(
        "appeared",
        (here, n),
        (there, n_reference),
        share_p_value((here, n), (there, n_reference), "greater", dispersion),
        f"a feature appeared: {percent(there / n_reference)} -> {percent(here / n)} of events have one that the "
        f"reference does not know, {here:,} of {n:,}" + (f": {listed}" if listed else ""),
        share_pair(("with an unknown feature", "without"), (here, n), (there, n_reference), names),
    )


def volume(about: Quality, window: ClosedWindow) -> Outcome | None:
    """Test whether the window has another number of events a minute; None while too little is known."""
    reference: VolumeReference | None = window.volume
    n, span_ms = window.n_events, window.end_ms - window.start_ms
    if reference is None or n == 0 or span_ms <= 0:
        return None
    rate = n / (span_ms / _MINUTE_MS)
    ratio = rate / reference.rate
    longer = ", in a window that had to wait for enough" if window.extended else ""
    outcome = about.outcome(
        "volume",
        ("volume_rate", volume_p_value(reference, n, span_ms)),
        (VOLUME, ratio - 1 if ratio >= 1 else 1 - 1 / ratio),
        (rate, reference.rate),
        (n, reference.n),
        f"events a minute {number(reference.rate)} -> {number(rate)}, {number(ratio)} times those of this hour of "
        f"earlier weeks{longer}",
    )
    return structs.replace(outcome, baseline="earlier weeks")
