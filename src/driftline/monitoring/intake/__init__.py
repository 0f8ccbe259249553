"""The input topics as such: what of them is refused, and whether labels meet predictions at all."""
