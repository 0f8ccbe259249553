"""Significance tests whose level holds at 10⁻² as at 10⁻⁶, and the significance level of each test."""

from __future__ import annotations

from driftline.significance.dispersed_pearson import DispersedPearsonResult, dispersed_pearson
from driftline.significance.dispersion import Dispersion
from driftline.significance.levels import Level, level_per_test, shares_of_budget
from driftline.significance.monte_carlo import MonteCarloResult, monte_carlo_test, permutation_test
from driftline.significance.pearson import PearsonResult, pearson
from driftline.significance.share import Alternative, ShareResult, known_share_test, share_test
from driftline.significance.weighted_chi_squared import saddlepoint_tail, weighted_chi_squared_tail

__all__ = [
    "Alternative",
    "DispersedPearsonResult",
    "Dispersion",
    "Level",
    "MonteCarloResult",
    "PearsonResult",
    "ShareResult",
    "dispersed_pearson",
    "known_share_test",
    "level_per_test",
    "monte_carlo_test",
    "pearson",
    "permutation_test",
    "saddlepoint_tail",
    "share_test",
    "shares_of_budget",
    "weighted_chi_squared_tail",
]
