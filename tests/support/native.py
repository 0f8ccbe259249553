"""Whether tests run with the native library."""

from __future__ import annotations

import pytest

from driftline.native.library import VARIABLE, library

BOTH = ("native", "portable")


def require_native() -> None:
    """Skip where the native library is not built; fail where ``DRIFTLINE_NATIVE`` requires it."""
    if library() is None:
        pytest.skip("the native library is not built: python native/build.py")


def run_as(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test run with the native library, or without it: one of ``BOTH``."""
    if way == "native":
        require_native()
    else:
        monkeypatch.setenv(VARIABLE, "off")
