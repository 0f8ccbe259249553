"""Clients, topics, partitions and reading to the end."""
