"""Count the false alarms of the detectors that may page, on simulated unchanged streams.

``python scripts/simulate_paging.py [streams]`` prints the table in docs/detectors.md: expected alarms allowed, and
alarms counted with their 95 % upper limit. Each stream draws its own reference mean, and its own estimate of the
variance ratio, with the errors that such estimates have.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import chi2

from driftline.detectors import Block
from driftline.detectors.paging import PagingParameters
from driftline.detectors.paging_adwin import PagingAdwin
from driftline.detectors.paging_cusum import PagingCusum

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
    counts = []
    for stream in range(cell.n_streams):
        rng = np.random.default_rng((seed, stream))
        true_ratio = (1 + cell.phi) / (1 - cell.phi)
        estimated = true_ratio
        if math.isfinite(cell.degrees):
            estimated *= rng.chisquare(cell.degrees) / cell.degrees
        n_events = max(100, math.ceil(10 * max(estimated, 1.0)))
        offset = rng.normal(0, math.sqrt(true_ratio / cell.n_reference))
        detector = cell.detector(
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
        counts.append(
            sum(detector.update(Block(n_events, float(mean) - offset, 1.0)) is not None for mean in means),
        )
    return counts


def main() -> None:
    """Print the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    detectors: tuple[tuple[type[Detector], int], ...] = ((PagingCusum, n), (PagingAdwin, max(n // 5, 1)))
    cells = [
        Cell(detector, 1.0, phi, n_reference, degrees, 2000, streams)
        for detector, streams in detectors
        for phi in (0.0, 0.9)
        for n_reference in (4096, 20_000)
        for degrees in ((math.inf, 100.0) if n_reference == 4096 else (100.0,))  # noqa: PLR2004 - the sizes above
    ]
    cells += [Cell(PagingCusum, 0.1, 0.0, 4096, 100.0, 2000, 2 * n), Cell(PagingCusum, 1.0, 0.0, 4096, 30.0, 2000, n)]
    cells += [Cell(detector, 1.0, 0.0, 4096, 100.0, 2000, streams, "lognormal") for detector, streams in detectors]
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
