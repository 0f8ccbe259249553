"""Profiles: the sketches of a model's reference data, with the grid that every later sketch uses."""
