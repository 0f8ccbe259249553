"""A mixture e-detector on histograms: finds shifts, spreads and tails as soon as panes show them, within the budget."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct, field, structs

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.cusum_threshold import LEAST_DEGREES
from driftline.detectors.kswin import MAX_COUNTS
from driftline.detectors.parameters import POSITIVE, ParameterRange, check, whole
from driftline.detectors.registry import register
from driftline.detectors.tilted_mixture import DIRECTIONS, TILTS, tilts
from driftline.errors import ParameterError

_N = len(TILTS)
_STANDARD = tuple([0.05] * 20)
_ROUNDING = 1e-9


class PagingMixtureParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`PagingMixture`.

    Parameters
    ----------
    expected_alarms : float, greater than 0
        Expected number of false alarms allowed in the horizon.
    horizon_blocks : int, at least 1
        Panes in the horizon.
    shares : tuple of float, at most 40, each at least 0, sum 1
        Fractions of the reference's values by group, in the order of the values.
    groups : tuple of int
        Group of each of the blocks' counts; empty where counts are by group.
    n_reference : int, unit events, at least 1
        Reference values that the shares were counted of.
    variance_ratios : tuple of 4 floats, greater than 0
        For mean, spread, upper and lower tail: long-run variance of the score divided by its plain variance.
    degrees_of_freedom : float, at least 20
        Degrees of freedom of the estimated variance ratios; infinite where they are known.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    expected_alarms: float = 0.01
    horizon_blocks: int = 259_200
    shares: tuple[float, ...] = _STANDARD
    groups: tuple[int, ...] = ()
    n_reference: int = 20_000
    variance_ratios: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    degrees_of_freedom: float = math.inf

    def __post_init__(self) -> None:
        degrees = ParameterRange(f"at least {LEAST_DEGREES:g} degrees of freedom", lambda value: value >= LEAST_DEGREES)
        check(self, expected_alarms=POSITIVE, horizon_blocks=whole(1), n_reference=whole(1), degrees_of_freedom=degrees)
        if not (
            1 <= len(self.shares) <= MAX_COUNTS and min(self.shares) >= 0 and abs(sum(self.shares) - 1) < _ROUNDING
        ):
            raise ParameterError(f"1 to {MAX_COUNTS} shares that add up to 1", self.shares, "$.shares")
        if len(self.groups) > MAX_COUNTS or any(not 0 <= group < len(self.shares) for group in self.groups):
            raise ParameterError(f"at most {MAX_COUNTS} groups, each one of the shares", self.groups, "$.groups")
        if len(self.variance_ratios) != len(DIRECTIONS) or not all(
            0 < each < math.inf for each in self.variance_ratios
        ):
            raise ParameterError(
                f"a ratio above 0 for each of {', '.join(DIRECTIONS)}", self.variance_ratios, "$.variance_ratios"
            )


class PagingMixtureState(Struct):
    """For each tilt the logarithm of its e-detector; and since its best start its sum, and the panes, the events, and
    the sums of the values and of their squares.
    """

    logs: list[float] = field(default_factory=lambda: [-math.inf] * _N)
    sums: list[float] = field(default_factory=lambda: [0.0] * _N)
    blocks: list[int] = field(default_factory=lambda: [0] * _N)
    events: list[int] = field(default_factory=lambda: [0] * _N)
    totals: list[float] = field(default_factory=lambda: [0.0] * _N)
    squares: list[float] = field(default_factory=lambda: [0.0] * _N)


@register("paging_mixture")
class PagingMixture(Detector):
    """A mixture e-detector that may open alerts: it keeps its expected false alarms in the horizon below a number.

    For a pane with counts c over G groups, n in all, each tilt θ of a direction's score s has the factor::

        ln L = (θ Σ c(g) s(g) − n ln M(θ)) / λ,    M(θ) = Σ p(g) exp(θ s(g))
        R ← (R + 1) L,                             change when mean R ≥ horizon_blocks / expected_alarms

    with the reference's shares p and the variance ratio λ of the score. Independent values of the reference have
    E[L] = 1, so that E[mean R] grows by at most 1 per pane, and the expected number of alarms in N panes is at most
    N × expected_alarms / horizon_blocks, whatever the sizes of the panes. The scores are bounded, so that one far value
    counts like any other in its group. `statistic` and `threshold` are the logarithms of the two sides. The time of
    the change is estimated by where the sum of the leading tilt's logarithms has its best start.

    Parameters
    ----------
    parameters : PagingMixtureParameters or None
        None for the defaults: twenty equal groups and independent values.

    Notes
    -----
    *Conditions*. The bound is exact for independent values whose shares are known. For dependent values λ stands for
    what a long run varies more than independent values, which makes E[L] = 1 for sums that are nearly normal; its upper
    95 % limit is used where it is estimated. For the error of the shares ln M is raised by two standard errors. It
    needs a λ that includes the seasons, where the shares are not of the pane's own hour.

    State: 84 numbers, below 2,000 bytes in a snapshot. A reset keeps only the lifetime counters. Cost: O(G) per block,
    about 40 µs.

    Source: Shin, Ramdas and Rinaldo (2022), arXiv:2203.03532, definition 2.2, theorem 2.4 and section 4.2 (mixtures).
    Deviations: R restarts at each pane, not at each event; the powers 1 / λ.

    Oracle: the definition in whole products; simulation.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> detector = PagingMixture(PagingMixtureParameters(shares=(0.25, 0.5, 0.25), n_reference=10**6))
    >>> usual, moved = Block(20, 0.0, 1.0, (5, 10, 5)), Block(20, 0.4, 1.0, (2, 9, 9))
    >>> blocks = [usual] * 50 + [moved] * 50
    >>> [(d.index, d.since_blocks, d.direction) for d in map(detector.update, blocks) if d][:1]
    [(1179, 9, 'up')]
    """

    snapshot_bytes = 2_000
    budgeted = True
    needs_counts = True

    parameters: PagingMixtureParameters
    state: PagingMixtureState

    def __init__(self, parameters: Struct | None = None) -> None:
        super().__init__(parameters)
        given = self.parameters
        shares = np.array(given.shares)
        self._tilts = tilts(shares, given.n_reference, given.variance_ratios, given.degrees_of_freedom)
        if given.groups:
            self._tilts = self._tilts._replace(scores=self._tilts.scores[:, list(given.groups)])
        self._threshold = math.log(max(given.horizon_blocks / given.expected_alarms, 1.0))

    def _takes(self, block: Block) -> bool:
        return super()._takes(block) and len(block.counts or ()) == self._tilts.scores.shape[1]

    def _update(self, block: Block) -> Detection | None:
        state, counts = self.state, block.counts or ()
        steps = self._tilts.steps(counts)
        logs = np.logaddexp(state.logs, 0.0) + steps
        state.logs = logs.tolist()
        square = block.count * (block.variance + block.mean**2)
        for tilt, step in enumerate(steps.tolist()):
            begins = state.sums[tilt] <= 0
            state.sums[tilt] = step if begins else state.sums[tilt] + step
            state.blocks[tilt] = 1 if begins else state.blocks[tilt] + 1
            state.events[tilt] = block.count if begins else state.events[tilt] + block.count
            state.totals[tilt] = block.count * block.mean + (0.0 if begins else state.totals[tilt])
            state.squares[tilt] = square + (0.0 if begins else state.squares[tilt])
        statistic = float(np.logaddexp.reduce(logs)) - math.log(_N)
        if statistic < self._threshold:
            return None
        leading = int(np.argmax(logs))
        n_events = state.events[leading]
        mean = state.totals[leading] / n_events
        deviation = math.sqrt(max(0.0, state.squares[leading] / n_events - mean**2))
        direction, theta = TILTS[leading]
        found = self._detection(statistic, self._threshold, 0.0, mean, state.blocks[leading], n_events)
        return structs.replace(found, aspect=DIRECTIONS[direction], grew=theta > 0, deviation_after=deviation)
