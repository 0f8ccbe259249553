"""Count the false alarms of the detectors that may page, on simulated unchanged streams.

``python scripts/simulate_paging.py [streams]`` prints the tables in docs/detectors.md: how soon changes are found;
expected alarms allowed, and alarms counted with their 95 % upper limit. Each stream draws its own reference, and its
own estimate of the variance ratio, with the errors that such estimates have.
"""

from __future__ import annotations

import math
import sys
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import lfilter
from scipy.stats import chi2, norm

from driftline.detectors import Block
from driftline.detectors.paging import PagingParameters
from driftline.detectors.paging_cusum import PagingCusum
from driftline.detectors.paging_mixture import PagingMixture, PagingMixtureParameters
from driftline.detectors.tilted_mixture import direction_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.detectors import Detector


class Cell(NamedTuple):
    """One row of the table."""

    detector: type[Detector]
    share: float
    phi: float
    n_reference: int
    degrees: float
    n_blocks: int
    n_streams: int
    law: str = "normal"


def block_means(rng: np.random.Generator, phi: float, n_events: int, n_blocks: int) -> NDArray[np.float64]:
    """Return the means of successive blocks of an AR(1) of variance 1, exactly, without drawing the events."""
    if phi == 0:
        return rng.normal(0, 1 / math.sqrt(n_events), n_blocks)
    # Sum and last value of a block, given the last value before it, are normal together.
    age = np.arange(n_events, 0, -1)
    sums, lasts = (1 - phi**age) / (1 - phi), phi ** (age - 1)
    noise = 1 - phi * phi
    covariance = noise * np.array([[sums @ sums, sums @ lasts], [sums @ lasts, lasts @ lasts]])
    draws = rng.multivariate_normal([0, 0], covariance, n_blocks, method="cholesky")
    carry, last, means = phi * (1 - phi**n_events) / (1 - phi), rng.normal(), np.empty(n_blocks)
    for i, (total, end) in enumerate(draws):
        means[i] = (carry * last + total) / n_events
        last = phi**n_events * last + end
    return means


def simulate(cell: Cell, seed: int = 1) -> list[int]:
    """Return the alarms of each stream."""
    one = _cusum_alarms if cell.detector is PagingCusum else _mixture_alarms
    return [one(cell, np.random.default_rng((seed, stream))) for stream in range(cell.n_streams)]


def _cusum_alarms(cell: Cell, rng: np.random.Generator) -> int:
    true_ratio = (1 + cell.phi) / (1 - cell.phi)
    estimated = _estimated(true_ratio, cell, rng)
    n_events = max(100, math.ceil(10 * max(estimated, 1.0)))
    offset = rng.normal(0, math.sqrt(true_ratio / cell.n_reference))
    detector = PagingCusum(
        PagingParameters(
            expected_alarms=cell.share,
            horizon_blocks=cell.n_blocks,
            variance_ratio=estimated,
            degrees_of_freedom=cell.degrees,
            n_reference=cell.n_reference,
        )
    )
    if cell.law == "lognormal":
        values = rng.lognormal(0, 1, (cell.n_blocks, n_events))
        means = (values.mean(axis=1) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)
    else:
        means = block_means(rng, cell.phi, n_events, cell.n_blocks)
    return sum(detector.update(Block(n_events, float(mean) - offset, 1.0)) is not None for mean in means)


def _estimated(ratio: float, cell: Cell, rng: np.random.Generator) -> float:
    """Return a variance ratio with the error of an estimate."""
    return ratio * rng.chisquare(cell.degrees) / cell.degrees if math.isfinite(cell.degrees) else ratio


PANE_EVENTS = 10
EDGES = norm.ppf(np.arange(1, 20) / 20)


def autoregression(rng: np.random.Generator, phi: float, n: int) -> NDArray[np.float64]:
    """Return n values of a stationary AR(1) of variance 1."""
    noise = rng.normal(size=n)
    noise[1:] *= math.sqrt(1 - phi * phi)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))


def groups_of(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the group of each value: a twentieth of a standard normal each, so that no other law's would differ."""
    return np.searchsorted(EDGES, values)


@cache
def score_ratios(phi: float) -> tuple[float, ...]:
    """Return how much more each score's mean varies over a long run of an AR(1) than that of independent values."""
    if phi == 0:
        return (1.0,) * 4
    scores = direction_scores(np.full(20, 0.05))[:, groups_of(autoregression(np.random.default_rng(9), phi, 1_000_000))]
    runs = scores.reshape(len(scores), -1, 1_000).sum(axis=2)
    return tuple((runs.var(axis=1) / 1_000 / scores.var(axis=1)).tolist())


def mixture_of(cell: Cell, rng: np.random.Generator) -> PagingMixture:
    """Return a detector that knows a reference of the same stream."""
    counts = np.bincount(groups_of(autoregression(rng, cell.phi, cell.n_reference)), minlength=20)
    shares = np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum()
    return PagingMixture(
        PagingMixtureParameters(
            expected_alarms=cell.share,
            horizon_blocks=cell.n_blocks,
            shares=tuple(shares.tolist()),
            n_reference=cell.n_reference,
            variance_ratios=tuple(_estimated(ratio, cell, rng) for ratio in score_ratios(cell.phi)),
            degrees_of_freedom=cell.degrees,
        )
    )


def panes_of(values: NDArray[np.float64]) -> list[Block]:
    """Return panes of ten values each."""
    panes = values.reshape(-1, PANE_EVENTS)
    counts = [tuple(np.bincount(each, minlength=20).tolist()) for each in groups_of(panes)]
    return [
        Block(PANE_EVENTS, float(each.mean()), float(each.var()), count)
        for each, count in zip(panes, counts, strict=True)
    ]


def _mixture_alarms(cell: Cell, rng: np.random.Generator) -> int:
    detector = mixture_of(cell, rng)
    values = autoregression(rng, cell.phi, PANE_EVENTS * cell.n_blocks)
    return sum(detector.update(block) is not None for block in panes_of(values))


PANES_AN_HOUR = 20
"""Panes of three minutes with ten events each: 200 events an hour."""
CHANGES: dict[str, tuple[float, float]] = {
    "+0.25 σ": (0.25, 1.0),
    "+0.5 σ": (0.5, 1.0),
    "+1 σ": (1.0, 1.0),
    "σ x 1.5": (0.0, 1.5),
    "σ x 2": (0.0, 2.0),
    "x 10": (0.0, 10.0),
}


def delays(detector: type[Detector], mean: float, deviation: float, n_streams: int) -> NDArray[np.float64]:
    """Return the hours from a change to its detection, at most 48, where a column may raise 1/24 alarms in 30 days."""
    cell = Cell(detector, 1 / 24, 0.0, 20_000, math.inf, 30 * 24 * PANES_AN_HOUR, n_streams)
    found = []
    for stream in range(n_streams):
        rng = np.random.default_rng((3, stream))
        given = (
            PagingCusum(
                PagingParameters(expected_alarms=cell.share, horizon_blocks=cell.n_blocks, n_reference=cell.n_reference)
            )
            if detector is PagingCusum
            else mixture_of(cell, rng)
        )
        for block in panes_of(rng.normal(size=24 * PANES_AN_HOUR * PANE_EVENTS)):
            given.update(block)
        changed = panes_of(rng.normal(mean, deviation, 48 * PANES_AN_HOUR * PANE_EVENTS))
        first = next((pane for pane, block in enumerate(changed) if given.update(block)), len(changed) - 1)
        found.append((first + 1) / PANES_AN_HOUR)
    return np.array(found)


def print_delays(n_streams: int) -> None:
    """Print the hours until changes are found: means, with their standard errors."""
    sys.stdout.write("| change | paging_cusum | paging_mixture |\n|---|--:|--:|\n")
    for name, change in CHANGES.items():
        both = [delays(detector, *change, n_streams) for detector in (PagingCusum, PagingMixture)]
        shown = [f"{each.mean():.2f} ± {each.std() / math.sqrt(each.size):.2f}" for each in both]
        sys.stdout.write(f"| {name} | {' | '.join(shown)} |\n")


def main() -> None:
    """Print the tables."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print_delays(min(n, 100))
    detectors: tuple[type[Detector], ...] = (PagingCusum, PagingMixture)
    cells = [
        Cell(detector, 1.0, phi, n_reference, degrees, 2000, n)
        for detector in detectors
        for phi in (0.0, 0.9)
        for n_reference in (4096, 20_000)
        for degrees in ((math.inf, 100.0) if n_reference == 4096 else (100.0,))  # noqa: PLR2004 - the sizes above
    ]
    for detector in detectors:
        cells.append(Cell(detector, 0.1, 0.0, 4096, 100.0, 2000, 2 * n))
        cells.append(Cell(detector, 1.0, 0.0, 4096, 30.0, 2000, n))
    cells.append(Cell(PagingCusum, 1.0, 0.0, 4096, 100.0, 2000, n, "lognormal"))
    sys.stdout.write("| detector | law | φ | reference | ν | allowed | alarms a stream | 95 % upper | streams |\n")
    sys.stdout.write("|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
    for cell in cells:
        counts = np.array(simulate(cell))
        total = int(counts.sum())
        # Streams whose reference is far off alarm more than once, so the limit is that of the mean, not Poisson's.
        upper = max(
            counts.mean() + 1.645 * counts.std() / math.sqrt(counts.size),
            float(chi2.isf(0.05, 2 * total + 2)) / 2 / counts.size,
        )
        sys.stdout.write(
            f"| {cell.detector.key} | {cell.law} | {cell.phi} | {cell.n_reference:,} | {cell.degrees:g} | "
            f"{cell.share} | {counts.mean():.3f} | {upper:.3f} | {counts.size} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
