"""The models' events: nine numbers and three categories, and the reference that all models share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Rows = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]

HOUR_MS: Final = 3_600_000
WEEK_MS: Final = 168 * HOUR_MS
WEEKS: Final = 4
"""Of the reference."""
EVENTS_AN_HOUR: Final = 1_000
"""Of the reference."""
SEASONAL: Final = ("session_s", "temperature")
"""Numbers whose mean moves with the hour of the day, by up to half a standard deviation."""
NUMBERS: Final = (
    *("amount", "age", "income", "orders_year", "distance_km", "discount", "rating"),
    *SEASONAL,
)
CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "country": ("DE", "FR", "IT", "ES", "NL", "PL", "AT"),
    "channel": ("web", "app", "store"),
    "payment": ("card", "invoice", "wallet", "transfer"),
}
_SHARES: Final = {
    "country": (0.3, 0.2, 0.15, 0.13, 0.1, 0.07, 0.05),
    "channel": (0.55, 0.35, 0.1),
    "payment": (0.5, 0.25, 0.15, 0.1),
}


def draw(rng: np.random.Generator, times_ms: Ints) -> dict[str, Any]:
    """Return the features of events by name; categories as codes."""
    n = times_ms.size
    swing = np.sin(2 * np.pi * times_ms / (24 * HOUR_MS))
    return {
        "amount": np.exp(3.7 + 0.6 * rng.normal(size=n)),
        "age": np.floor(18 + 60 * rng.beta(2.0, 3.0, n)),
        "income": rng.normal(42_000, 9_000, n),
        "orders_year": rng.poisson(6.0, n).astype(np.float64),
        "distance_km": rng.gamma(2.0, 60.0, n),
        "discount": rng.beta(1.5, 6.0, n),
        "rating": np.clip(rng.normal(3.6, 0.7, n), 1.0, 5.0),
        "session_s": np.exp(5.0 + 0.25 * swing + 0.5 * rng.normal(size=n)),
        "temperature": 9.0 + 3.0 * swing + 6.0 * rng.normal(size=n),
        **{name: rng.choice(len(shares), n, p=shares) for name, shares in _SHARES.items()},
    }


def scores(rows: Rows) -> Floats:
    """Return the model's score of events, as it makes it of its features."""
    logit = (
        -0.5
        + 0.8 * (np.log(np.maximum(rows["amount"], 1.0)) - 3.7)
        + 0.02 * (rows["age"] - 42)
        - 2e-5 * (rows["income"] - 42_000)
        + 2.0 * (rows["discount"] - 0.2)
        + 0.2 * (rows["country"] == 0)
        - 0.3 * (rows["channel"] == 1)
    )
    result: Floats = np.round(1 / (1 + np.exp(-logit)), 6)
    return result


def documents(rows: Rows) -> list[dict[str, object]]:
    """Return the features of each event as they are sent."""
    listed: dict[str, list[object]] = {name: np.round(rows[name], 4).tolist() for name in NUMBERS}
    listed |= {name: [words[code] for code in rows[name].tolist()] for name, words in CATEGORIES.items()}
    return [dict(zip(listed, values, strict=True)) for values in zip(*listed.values(), strict=True)]


def reference(now_ms: int, pane_ms: int, *, per_hour: int = EVENTS_AN_HOUR) -> Profile:
    """Return the profile of the four weeks before some time, evenly drawn, with the events' times."""
    rng = np.random.default_rng(11)
    end_ms = now_ms - now_ms % HOUR_MS
    times = np.sort(rng.integers(end_ms - WEEKS * WEEK_MS, end_ms, WEEKS * 168 * per_hour))
    rows = draw(rng, times)
    score = scores(rows)
    features: dict[str, Any] = {name: np.round(rows[name], 4) for name in NUMBERS}
    features |= {name: [words[code] for code in rows[name].tolist()] for name, words in CATEGORIES.items()}
    prediction = (score >= 0.5).astype(np.int64).tolist()
    table = ReferenceTable(times.size, features, prediction=prediction, score=score.tolist(), times_ms=times)
    return build_profile(
        ModelKey("reference", "1"), table, ModelSettings(), 0, "training", in_time=TimeOptions(pane_ms)
    )


def profiles(made: Profile, models: Sequence[str]) -> list[Profile]:
    """Return the same reference for each model."""
    return [replace(made, key=ModelKey(model, "1")) for model in models]


def deviations(*, n: int = 200_000) -> dict[str, float]:
    """Return the standard deviation of each number over a whole day: shifts are measured in it."""
    rng = np.random.default_rng(12)
    rows = draw(rng, rng.integers(0, 24 * HOUR_MS, n))
    return {name: float(np.std(rows[name])) for name in NUMBERS}
