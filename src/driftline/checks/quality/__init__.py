"""Data quality: is a column there, is it a number, in range, does it still vary; one test a column and window."""

from __future__ import annotations

from driftline.checks.contract.error_budget import PERFORMANCE_TESTS, WINDOW_TESTS
from driftline.checks.quality.columns import examine_quality, quality_test
from driftline.checks.quality.families import n_quality_tests, quality_tests
from driftline.checks.quality.outcome import QualityOutcome, combined_p, evidence_of, found, message_of
from driftline.checks.quality.shares import absent_counts
from driftline.checks.quality.unit_change import unit_change, unit_words
from driftline.checks.references.share_dispersion import DispersionLookup, ShareDispersion, independent

__all__ = [
    "PERFORMANCE_TESTS",
    "WINDOW_TESTS",
    "DispersionLookup",
    "QualityOutcome",
    "ShareDispersion",
    "absent_counts",
    "combined_p",
    "evidence_of",
    "examine_quality",
    "found",
    "independent",
    "message_of",
    "n_quality_tests",
    "quality_test",
    "quality_tests",
    "unit_change",
    "unit_words",
]
