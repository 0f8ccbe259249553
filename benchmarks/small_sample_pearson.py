"""How often the two-sample Pearson test rejects unchanged windows, as a multiple of its level, with few events a bin.

For each cell, windows and profiles are drawn from the same shares (both anew each time, seeded) and tested twice:
with Pearson's statistic and with the exact partition that driftline uses for small samples, both against chi-squared.
A ratio of 1 is exact; above 1 the test raises more false findings than was promised.

Usage: ``python benchmarks/small_sample_pearson.py [windows per cell, default 200000]``
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import special

from driftline.significance.partition import partition_statistic

LEVELS = np.array([0.05, 0.01, 1e-3, 1e-4, 1e-5])
BATCH = 20_000
CELLS = (
    # n, N, bins, share of the first bin (None: all equal)
    (100, 200, 10, None),
    (200, 4_096, 5, None),
    (200, 4_096, 20, None),
    (200, 100_000, 20, None),
    (200, 100_000, 40, None),  # five events a bin: fewer than the tests of the product accept
    (500, 20_000, 50, None),
    (1_000, 4_096, 20, None),
    (1_000, 20_000, 20, 0.81),
    (1_000, 100_000, 50, None),
    (4_000, 20_000, 20, None),
    (100_000, 4_096, 50, None),
)


def rejected(n: int, n_reference: int, bins: int, first: float | None, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of windows rejected at each level over the level, for Pearson's statistic and the partition."""
    rng = np.random.default_rng([n, n_reference, bins])
    shares = np.full(bins, 1 / bins if first is None else (1 - first) / (bins - 1))
    if first is not None:
        shares[0] = first
    counted, plain, exact = 0, np.zeros(LEVELS.size), np.zeros(LEVELS.size)
    while counted < windows:
        current = rng.multinomial(n, shares, BATCH).astype(np.float64)
        reference = rng.multinomial(n_reference, shares, BATCH).astype(np.float64)
        pooled = np.maximum(current + reference, 1e-9) / (n + n_reference)
        statistic = ((current - n * pooled) ** 2 / (n * pooled)).sum(axis=1)
        statistic += ((reference - n_reference * pooled) ** 2 / (n_reference * pooled)).sum(axis=1)
        p_plain = special.chdtrc(bins - 1, statistic)
        plain += (p_plain[:, None] <= LEVELS).sum(axis=0)
        # The two differ by little: where Pearson's p-value is above 0.25 the partition's is above 0.05.
        near = p_plain < 0.25
        p_exact = special.chdtrc(bins - 1, partition_statistic(current[near], reference[near]))
        exact += (p_exact[:, None] <= LEVELS).sum(axis=0)
        counted += BATCH
    return plain / counted / LEVELS, exact / counted / LEVELS


def main(windows: int) -> None:
    """Print one row per cell."""
    print(f"{windows:,} windows per cell; ratio of rejections to level: Pearson's statistic / exact partition\n")
    print(
        "|     n |       N |  B | first bin | least expected |" + "|".join(f" {level:>11g} " for level in LEVELS) + "|"
    )
    print("|---" * (5 + LEVELS.size) + "|")
    for n, n_reference, bins, first in CELLS:
        plain, exact = rejected(n, n_reference, bins, first, windows)
        least = min(n, n_reference) * (1 / bins if first is None else (1 - first) / (bins - 1))
        ratios = "|".join(f" {p:5.2f} /{e:5.2f} " for p, e in zip(plain, exact, strict=True))
        shown = "equal" if first is None else f"{first:g}"
        print(f"| {n:5d} | {n_reference:7d} | {bins:2d} | {shown:>9} | {least:14.1f} |{ratios}|", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
