"""Checks that need labels: performance, estimates of it, and when labels arrive."""
