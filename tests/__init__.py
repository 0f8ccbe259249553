"""Tests of driftline; what they share is in `tests.support.real_broker`."""
