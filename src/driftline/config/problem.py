"""What is wrong between settings, in the form that the loader reports."""

from __future__ import annotations

from driftline.errors import describe

Problem = tuple[str, str, tuple[str, ...]]
"""A message, the path it is about, and the paths of all settings that it depends on."""


def one(expected: str, got: object, path: str, *also: str) -> Problem:
    """Return the problem of one setting, which depends on the settings at ``also`` too."""
    return describe(expected, got, path), path, (path, *also)
