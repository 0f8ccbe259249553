"""The native library: what driftline does for each record, for whole batches at once. Everything works without it."""
