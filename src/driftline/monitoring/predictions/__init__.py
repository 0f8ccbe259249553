"""Predictions: open panes, windows, detectors, learning a reference, volume."""
