"""Profiles on the references topic and in files."""
