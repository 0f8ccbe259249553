"""A share compared with that of the spans before: of predictions with a label, of labels that are orphans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.checks.contract.check import Evidence, Outcome, effect_of, statistic_of
from driftline.events.label_arrival import ArrivalTest
from driftline.significance.baseline_share import baseline_share, baseline_share_test

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from driftline.significance.baseline_share import BaselineShare
    from driftline.significance.share import ShareResult

MIN_COHORTS: Final = 7
"""Earlier cohorts that a share is compared with at least: of days, one of each day of the week."""
NEW_BASELINE: Final = 14
"""Late cohorts in a row after which they are the baseline: a fortnight of days."""


def compared(earlier: Sequence[tuple[int, int, bool]]) -> list[int]:
    """Return which of the spans before are compared with, by position; see :meth:`BaselineComparison.of`."""
    latest = earlier[-NEW_BASELINE:]
    lasting = len(latest) == NEW_BASELINE and all(late for _, _, late in latest)
    first = len(earlier) - NEW_BASELINE if lasting else 0
    return [i for i in range(first, len(earlier)) if (lasting or not earlier[i][2]) and earlier[i][1] > 0]


class BaselineComparison(NamedTuple):
    """A share compared with its baseline."""

    baseline: BaselineShare | None
    """What spans before showed; None of fewer than ``MIN_COHORTS``."""
    result: ShareResult | None
    """Of the test; None without a usual share, and where the span has no event."""

    @classmethod
    def of(
        cls, marked: int, n: int, earlier: Sequence[tuple[int, int, bool]], alternative: Literal["less", "greater"]
    ) -> BaselineComparison:
        """Test a share of a span against spans before it.

        Parameters
        ----------
        marked, n : int
            Marked events, and all.
        earlier : sequence of (int, int, bool)
            The same of spans before, and whether they came out; the oldest first. Spans that did are left out, so that
            a stall does not become the baseline, unless the latest ``NEW_BASELINE`` all did.
        """
        spans = [(min(earlier[index][0], earlier[index][1]), earlier[index][1]) for index in compared(earlier)]
        baseline = baseline_share(spans) if len(spans) >= MIN_COHORTS else None
        return cls(baseline, None if baseline is None else baseline_share_test(marked, n, baseline, alternative))

    @property
    def n_reference(self) -> int:
        """Events of the spans before."""
        return 0 if self.baseline is None else self.baseline.n

    @property
    def test(self) -> ArrivalTest | None:
        """The test, as events show it."""
        if self.baseline is None or self.result is None:
            return None
        return ArrivalTest(
            share=self.result.share_reference,
            n_predictions=self.baseline.n,
            n_cohorts=self.baseline.n_groups,
            dispersion=self.result.dispersion,
            p_value=self.result.p_value,
        )

    def outcome(self, check: str, effect: str, change: float, gate: float, message: str, details: str) -> Outcome:
        """Return the outcome of the test, which was made.

        Parameters
        ----------
        check, effect : str
            Names.
        change : float
            Of the share, in the direction that counts.
        message, details : str
            What stands before and after the p-value.
        """
        if self.baseline is None or self.result is None:
            raise ValueError("Expected a share that was tested, got one with too few spans before it")
        share, before = self.result.share, self.result.share_reference
        return Outcome(
            check=check,
            family="labels",
            statistic=statistic_of("exact_share", share, self.result.p_value),
            effect=effect_of(effect, change, gate, share, before),
            n=self.result.n,
            n_reference=self.baseline.n,
            message=message,
            evidence=lambda: Evidence(details=details),
            baseline="earlier cohorts",
        )
