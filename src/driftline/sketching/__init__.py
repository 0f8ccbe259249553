"""The sketch stage: batches of records in, one flush of pane deltas, join changelog and dead letters out."""
