"""Which models are there when, and when which feature of each is shifted: drawn before the first event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.time_to_alert.population import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

WARM_UP: Final = (6.0, 9.0)
"""Panes without a change: uniform in this range, so that changes begin anywhere in a pane."""
WATCHED: Final = 4.5
"""A model goes on for so many panes after its change; an alert that is not there by then is missing."""


class Life(NamedTuple):
    """One model; times are seconds from the start of the run."""

    model: str
    feature: str
    """The one that is shifted, by one standard deviation."""
    up: bool
    start_s: float
    onset_s: float
    end_s: float


def schedule(rng: np.random.Generator, n_models: int, at_once: int, pane_s: float) -> list[Life]:
    """Return the lives of models, of which ``at_once`` are there at any time, each after another's end."""
    mean_s = (sum(WARM_UP) / 2 + WATCHED) * pane_s
    free_s = [place * mean_s / at_once for place in range(at_once)]
    lives = []
    for number in range(n_models):
        place = int(np.argmin(free_s))
        start_s = free_s[place]
        onset_s = start_s + float(rng.uniform(*WARM_UP)) * pane_s
        free_s[place] = onset_s + WATCHED * pane_s
        feature = NUMBERS[number % len(NUMBERS)]
        lives.append(Life(f"orders-{number:03d}", feature, bool(rng.random() < 0.5), start_s, onset_s, free_s[place]))
    return lives


def ends_s(lives: Sequence[Life]) -> float:
    """Return when the last model ends."""
    return max(life.end_s for life in lives)
