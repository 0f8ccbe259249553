"""What a test of quality says: how unlikely, how large, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from driftline.checks.contract.wording import p_value_at, percent
from driftline.checks.quality.families import CARDINALITY, VANISHED, check_name
from driftline.events.finding import Effect, HistogramPair, Statistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.model import CheckSettings
    from driftline.events.finding import LevelEvidence

WHOLE: Final = (VANISHED, "frozen")
"""What has become of the whole column."""

Gate = Literal["share", "cardinality", "volume"]


class QualityOutcome(Struct, frozen=True, kw_only=True):
    """The outcome of one test.

    Parameters
    ----------
    test : str
        One of :mod:`driftline.checks.quality.families`, or ``vanished``.
    statistic : str
        Name of the statistic; its value is ``current``.
    p_value : float
        Of this test alone.
    effect : str
        Name of the effect.
    gate : {"share", "cardinality", "volume"}
        Which setting says how large a change matters.
    change : float
        The effect; its sign is not held against the gate.
    current, reference : float
        What changed, in the window and in the reference.
    n, n_reference : int
        Events that the test saw.
    histograms : HistogramPair or None
        What was counted.
    words : str
        What changed, with numbers.
    """

    test: str
    statistic: str
    p_value: float
    effect: str
    gate: Gate
    change: float
    current: float
    reference: float
    n: int
    n_reference: int
    histograms: HistogramPair | None
    words: str

    @property
    def check(self) -> str:
        """Permanent name of the check."""
        return check_name(self.test)


def gate_of(outcome: QualityOutcome, checks: CheckSettings) -> float:
    """Return how large a change of this kind matters, as configured."""
    gates: dict[Gate, float] = {
        "share": checks.min_share_change,
        "cardinality": checks.min_cardinality_growth,
        "volume": checks.min_volume_change,
    }
    return gates[outcome.gate]


def smallest(outcomes: Sequence[QualityOutcome]) -> QualityOutcome | None:
    """Return the outcome with the smallest p-value, of equal ones the first; None where there is none."""
    return min(outcomes, key=lambda outcome: outcome.p_value, default=None)


def combined_p(outcome: QualityOutcome, n_tests: int) -> float:
    """Return a p-value that holds for the smallest of so many tests."""
    return min(1.0, outcome.p_value * n_tests)


def found(
    outcomes: Sequence[QualityOutcome], n_tests: int, level: float, checks: CheckSettings
) -> QualityOutcome | None:
    """Return what came out against the column: real by the combined p-value, and as large as matters.

    Of several, that the column vanished or froze comes first, as it explains the others, and the number of unseen
    categories last, as their share says more; then the smallest p-value decides.
    """
    real = [
        outcome
        for outcome in outcomes
        if combined_p(outcome, n_tests) <= level and abs(outcome.change) >= gate_of(outcome, checks)
    ]
    whole = [outcome for outcome in real if outcome.test in WHOLE]
    return smallest(whole or [outcome for outcome in real if outcome.test != CARDINALITY] or real)


def evidence_of(outcome: QualityOutcome, p_value: float, checks: CheckSettings) -> tuple[Statistic, Effect]:
    """Return the statistic and the effect of a finding."""
    statistic = Statistic(
        name=outcome.statistic, value=outcome.current, degrees_of_freedom=None, p_value=p_value, threshold=None
    )
    effect = Effect(
        name=outcome.effect,
        raw=outcome.change,
        corrected=abs(outcome.change),
        gate=gate_of(outcome, checks),
        current=outcome.current,
        reference=outcome.reference,
    )
    return statistic, effect


def message_of(outcome: QualityOutcome, name: str, evidence: tuple[Statistic, Effect], level: LevelEvidence) -> str:
    """Return what changed, in one sentence with numbers; ``name`` is the column's, empty for the whole model."""
    statistic, effect = evidence
    gate = percent(effect.gate) if outcome.gate == "share" else f"{effect.gate:g}"
    p_value = 1.0 if statistic.p_value is None else statistic.p_value
    start = f"{name}: " if name else ""
    return f"{start}{outcome.words} (a change matters from {gate}); {p_value_at(p_value, level.level)}"


def share_pair(names: tuple[str, str], current: tuple[int, int], reference: tuple[int, int]) -> HistogramPair:
    """Return the histograms of a share: those that have the mark, those that have not; (count, events) of each side."""
    return HistogramPair(
        bins=list(names),
        reference=[reference[0], reference[1] - reference[0]],
        current=[current[0], current[1] - current[0]],
    )
