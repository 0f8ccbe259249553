"""Samples of topics and files for ``driftline doctor``, without joining a group."""
