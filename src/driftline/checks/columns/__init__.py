"""Checks of columns: distributions, fixed thresholds, sequential detectors, several columns together."""
