"""How many examples a property is tried with."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import settings

LEAST: Final = 3
OF_THE_FULL_PROFILE: Final = 100


def examples(n: int, **more: Any) -> settings:  # noqa: ANN401  # any setting of Hypothesis
    """Ask for ``n`` examples, and for fewer in proportion where the profile has fewer than the full one."""
    wanted = n * settings().max_examples // OF_THE_FULL_PROFILE
    return settings(max_examples=max(LEAST, wanted), **more)
