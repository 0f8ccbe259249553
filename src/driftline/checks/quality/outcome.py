"""The outcome of a test of quality: a share, a number of categories or a rate beside that of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.checks.contract.check import Evidence, Outcome, Subject, effect_of, statistic_of
from driftline.checks.contract.wording import percent
from driftline.checks.quality.families import CARDINALITY, VANISHED
from driftline.checks.references.share_dispersion import independent
from driftline.events.finding import HistogramPair

if TYPE_CHECKING:
    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.config.model import CheckSettings

STATISTIC: Final = "exact_share"
SHARE: Final = "share_change"
GROWTH: Final = "cardinality_growth"
VOLUME: Final = "volume_change"
_PRECEDENCE: Final = {VANISHED: 0, "frozen": 0, CARDINALITY: 2}
"""That the column vanished or froze comes first, as it explains the rest; the number of unseen categories last, as
their share says more."""
Counted = tuple[int, int]
"""Events that have a mark, and all."""


class Quality(NamedTuple):
    """What all tests of the quality of one subject have in common."""

    subject: Subject
    """A column; or nothing, for the whole model."""
    checks: CheckSettings
    """Say how large a change matters."""
    alternatives: int = 1
    """Tests that are one of the budget together."""
    lookup: DispersionLookup = independent
    calibrating: bool = False

    def share(
        self,
        test: str,
        here: Counted,
        there: Counted,
        p_value: float,
        words: str,
        evidence: Evidence,
        statistic: str = STATISTIC,
    ) -> Outcome:
        """Return the outcome of a test of a share; neither side is empty."""
        share, before = here[0] / here[1], there[0] / there[1]
        sizes = (here[1], there[1])
        return self.outcome(
            test, (statistic, p_value), (SHARE, share - before), (share, before), sizes, words, evidence
        )

    def outcome(
        self,
        test: str,
        statistic: tuple[str, float],
        effect: tuple[str, float],
        sides: tuple[float, float],
        sizes: tuple[int, int],
        words: str,
        evidence: Evidence | None = None,
    ) -> Outcome:
        """Return the outcome of a test.

        Parameters
        ----------
        test : str
            One of :mod:`driftline.checks.quality.families`, or ``vanished``.
        statistic : (str, float)
            Name, and p-value of this test alone; its value is that of the window.
        effect : (str, float)
            Name, and the change; its sign is not held against the gate.
        sides : (float, float)
            What changed, in the window and in the reference.
        sizes : (int, int)
            Events that the test saw.
        words : str
            What changed, with numbers.
        """
        current, reference = sides
        name, change = effect
        gate = {
            SHARE: self.checks.min_share_change,
            GROWTH: self.checks.min_cardinality_growth,
            VOLUME: self.checks.min_volume_change,
        }[name]
        shown = percent(gate) if name == SHARE else f"{gate:g}"
        start = f"{self.subject.column}: " if self.subject.column else ""
        return Outcome(
            check=f"quality.{test}",
            family="quality",
            subject=self.subject,
            statistic=statistic_of(statistic[0], current, statistic[1]),
            effect=effect_of(name, change, gate, current, reference, corrected=abs(change)),
            n=sizes[0],
            n_reference=sizes[1],
            message=f"{start}{words} (a change matters from {shown})",
            evidence=lambda: evidence or Evidence(),
            alternatives=self.alternatives,
            precedence=_PRECEDENCE.get(test, 1),
            calibrating=self.calibrating,
        )


def share_pair(
    names: tuple[str, str], current: Counted, reference: Counted, unseen: dict[str, int] | None = None
) -> Evidence:
    """Return the histograms of a share: those that have the mark, those that have not; (count, events) of each side."""
    before, after = ([side[0], side[1] - side[0]] for side in (reference, current))
    return Evidence(histograms=HistogramPair(bins=list(names), reference=before, current=after), unseen=unseen or {})
