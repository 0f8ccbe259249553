"""Write the table of thresholds of the paging CUSUM: ``python scripts/cusum_thresholds.py``.

For a CUSUM on standardised steps with allowance k and threshold h, the expected number of blocks between two alarms is
Siegmund's corrected diffusion (1985, doi:10.1007/978-1-4757-1862-1, section 2.6)::

    ARL(h, d) = (exp(2 d b) − 2 d b − 1) / (2 d²),    b = h + 1.166,    d = k less the steps' mean

The expected number of alarms a block is the mean of 1 / ARL over what is not known: the error of the reference's mean,
z r with z standard normal and r its standard error in blocks' standard deviations, and the error of the variance, c =
ν / χ²_ν with ν degrees of freedom, by which both k and h are too small. Both directions count. The threshold of a cell
is the h at which that mean is the cell's rate, for the least favourable r that its allowance can belong to: up to a
sixth of the allowance for the least one, just that for the others, which stem from r.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from driftline.detectors.cusum_threshold import LEAST_ALLOWANCE, STANDARD_ERRORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGET = Path(__file__).parent.parent / "src/driftline/detectors/cusum_table.py"
EXPONENTS = [x / 2 for x in range(2, 17)]
DEGREES = [20.0, 30.0, 50.0, 100.0, 200.0, 500.0, math.inf]
ALLOWANCES = [LEAST_ALLOWANCE, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0]
OVERSHOOT = 1.166
SMALL = 1e-3


def alarms(h: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the reciprocal of the expected number of blocks until an alarm."""
    b = h + OVERSHOOT
    x = np.minimum(2 * d * b, 700.0)
    safe = np.where(np.abs(x) < SMALL, 1.0, d)
    runs = np.where(np.abs(x) < SMALL, b * b * (1 + x / 3), (np.expm1(x) - x) / (2 * safe * safe))
    return 1 / np.maximum(runs, 1.0)


def expected_rate(h: float, allowance: float, r: float, degrees: float) -> float:
    """Return the expected number of alarms a block."""
    z = np.linspace(-8, 8, 321)
    weights_z = stats.norm.pdf(z)
    c, weights_c = np.ones(1), np.ones(1)
    if math.isfinite(degrees):
        low, high = math.log(stats.chi2.ppf(1e-14, degrees)), math.log(stats.chi2.isf(1e-6, degrees))
        x = np.exp(np.linspace(low, high, 401))
        c, weights_c = degrees / x, stats.chi2.pdf(x, degrees) * x
    scale = np.sqrt(c)[:, None]
    rates = alarms(h / scale, allowance / scale - r * z)
    weights = (weights_c / weights_c.sum())[:, None] * (weights_z / weights_z.sum())
    return float(2 * (weights * rates).sum())


def threshold(rate: float, degrees: float, allowance: float) -> float:
    """Return the threshold at which the expected rate is the one given, for the least favourable reference."""
    greatest, most = 0.0, allowance / STANDARD_ERRORS
    for r in (0.0, 0.7 * most, most) if allowance == LEAST_ALLOWANCE else (most,):
        low, high = 0.0, 500.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if expected_rate(middle, allowance, r, degrees) > rate else (low, middle)
        greatest = max(greatest, high)
    return greatest


def _row(row: list[float]) -> str:
    return "        (" + ", ".join(f"{math.ceil(h * 100) / 100}" for h in row) + "),"


def main() -> None:
    """Write the table."""
    tables = [
        [[threshold(10.0**-exponent, degrees, allowance) for exponent in EXPONENTS] for degrees in DEGREES]
        for allowance in ALLOWANCES
    ]
    lines = [
        '"""Thresholds of the paging CUSUM; written by ``scripts/cusum_thresholds.py``, not by hand."""',
        "",
        "from __future__ import annotations",
        "",
        "import math",
        "from typing import Final",
        "",
        f"EXPONENTS: Final = ({', '.join(map(str, EXPONENTS))})",
        '"""−log₁₀ of the expected number of alarms a block, by column."""',
        f"DEGREES: Final = ({', '.join(map(str, DEGREES))})".replace("inf", "math.inf"),
        '"""Degrees of freedom of the variance ratio, by row."""',
        f"ALLOWANCES: Final = ({', '.join(map(str, ALLOWANCES))})",
        '"""Allowance in standard deviations of a block, by table."""',
        "THRESHOLDS: Final = (",
        *(line for rows in tables for line in ("    (", *map(_row, rows), "    ),")),
        ")",
        '"""In standard deviations of a block\'s mean."""',
    ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
