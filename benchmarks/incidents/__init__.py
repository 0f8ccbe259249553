"""Twelve incidents and a seasonal peak, each a stream of events with a known onset, through driftline's own workers."""
