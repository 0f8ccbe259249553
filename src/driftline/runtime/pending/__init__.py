"""Predictions and labels that wait for each other: RocksDB and its changelog."""
