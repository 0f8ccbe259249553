"""Estimates before labels beside NannyML's, on its own synthetic data."""
