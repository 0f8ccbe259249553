"""Why levels are never raised to a power: false alarms of k of n if windows share a reference.

Usage: ``python -m benchmarks.k_of_n [--horizons N]``; the table of docs/budget.md, a minute and a half for 4,000.

Unchanged windows of one column, 20 groups, compared with one reference for a whole horizon. In the scale of the test
the deviations of a window are those of its own events and those of the reference, which are the same in every window.
"""

from __future__ import annotations

import argparse
import math
from typing import Final

import numpy as np
from scipy import special

from driftline.alerts import OpeningRule
from driftline.alerts.unused_findings import UnusedFindings

WINDOWS: Final = 720
"""Of an hour, in 30 days."""
FREEDOM: Final = 19
RATIOS: Final = (0.0, 0.05, 0.5, 1.0)
"""Events of a window over events of the reference."""
TWO_OF_THREE: Final = OpeningRule(findings=2, windows=3)
RULES: Final = {
    # Two given windows come out with probability p²; there are two pairs at most three apart for each window.
    "as if independent": (math.sqrt(1 / (2 * WINDOWS)), TWO_OF_THREE),
    "levels x k": (2 / WINDOWS, TWO_OF_THREE),
    "1 of 1": (1 / WINDOWS, OpeningRule()),
}


def pages(came_out: np.ndarray, rule: OpeningRule) -> int:
    """Return the pages of one check, given which of its windows came out."""
    tally, n_pages = UnusedFindings(), 0
    for window in np.flatnonzero(came_out):
        tally = UnusedFindings({1: int(window)}, tally.found).noted(1, "data drift", ["check"], rule)
        if tally.complete("data drift", ["check"], rule):
            tally, n_pages = tally.spent("data drift", ["check"]), n_pages + 1
    return n_pages


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--horizons", type=int, default=4_000)
    horizons = parser.parse_args().horizons
    print(f"false alarms in {WINDOWS} unchanged windows, budget 1; mean of {horizons:,} horizons ± standard error")
    for ratio in RATIOS:
        shared = ratio / (1 + ratio)
        for name, (level, rule) in RULES.items():
            rng = np.random.default_rng([7, int(100 * ratio)])
            counts = []
            for _ in range(horizons):
                own = math.sqrt(1 - shared) * rng.standard_normal((WINDOWS, FREEDOM))
                statistics = ((own + math.sqrt(shared) * rng.standard_normal(FREEDOM)) ** 2).sum(axis=1)
                counts.append(pages(special.chdtrc(FREEDOM, statistics) <= level, rule))
            error = float(np.std(counts)) / math.sqrt(horizons)
            print(f"n/N = {ratio:<5} {name:<18} {np.mean(counts):.3f} ± {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
