"""Joins: performance windows and their revisions, cohorts of labels, label streams, segments."""
