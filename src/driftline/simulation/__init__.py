"""Simulated traffic of a credit-risk model: seeded, pure, with a known drift at a known moment."""
