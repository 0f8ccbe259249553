"""State: named tables, what changed since the last checkpoint, and the entries of a checkpoint."""
