"""Orders of a shop, and a model that says which of them will be returned: 25 features, the score, and the truth.

Five features come with the order, twenty from a join with what is known of the customer and the delivery. They depend
on each other and on the hour, as such features do: dear baskets are heavy, old customers have many orders, nights are
for the app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Column = NDArray[Any]
    Floats = NDArray[np.float64]
    Rows = dict[str, Column]

COUNTRIES: Final = ("DE", "FR", "NL", "AT", "BE", "IT", "PL")
COUNTRY_SHARES: Final = (0.34, 0.24, 0.15, 0.11, 0.09, 0.07, 0.0)
"""The last is new in one of the scenarios."""
CHANNELS: Final = ("web", "app", "store", "partner")
CHANNEL_SHARES: Final = (0.46, 0.34, 0.14, 0.06)
DEVICES: Final = ("phone", "desktop", "tablet")
CATEGORIES: Final = ("clothes", "shoes", "books", "garden", "toys", "kitchen")
CARRIERS: Final = ("red", "green", "blue")
PAYMENTS: Final = ("card", "invoice", "wallet", "debit")
LOYALTY: Final = ("none", "silver", "gold")
OF_ORDER: Final = ("amount", "n_items", "country", "channel", "device")
"""Features that come with the order; all others are joined to it."""
CODED: Final = {
    "country": COUNTRIES,
    "channel": CHANNELS,
    "device": DEVICES,
    "category": CATEGORIES,
    "carrier": CARRIERS,
    "payment": PAYMENTS,
    "loyalty": LOYALTY,
}
"""The names that codes of a column stand for; -1 is a missing one."""
DAY_MS: Final = 86_400_000
_COUNTRY_RISK: Final = np.array([0.0, 0.9, -0.6, 0.2, -0.3, 0.5, 0.1])
_COUNTRY_NOISE: Final = np.array([1.6, 1.0, 1.5, 1.4, 1.3, 1.2, 1.2])
"""How much of the truth the model sees; the score is exact for each country, decisions are not equally easy."""
_DISTANCES: Final = np.array([1.0, 1.3, 0.8, 1.1, 0.7, 1.5, 1.6])
_CATEGORY_RISK: Final = np.array([0.9, 1.2, -1.4, -0.4, -0.6, -0.2])
_PAYMENT_RISK: Final = np.array([0.0, 0.8, -0.2, -0.3])


def phase(times_ms: NDArray[np.int64]) -> Floats:
    """Return how far a time is from the quiet of the night, in [0, 1]; greatest at 15:00 UTC."""
    result: Floats = (1 + np.cos(2 * np.pi * (times_ms / DAY_MS - 15 / 24))) / 2
    return result


def draw(rng: np.random.Generator, times_ms: NDArray[np.int64], season: Floats) -> Rows:
    """Return one order for each time, with its score and its label.

    Parameters
    ----------
    season : ndarray of float64, shape (n,)
        How much of a weekend's sale there is, in [0, 1]: baskets are larger then, and more of them come by the app.
    """
    n = times_ms.size
    day = phase(times_ms)
    country = pick(rng, COUNTRY_SHARES, n)
    channel = pick(rng, CHANNEL_SHARES, n)
    app = rng.random(n) < 0.12 * (1 - day) + 0.45 * season
    channel = np.where(app, CHANNELS.index("app"), channel)
    wealth, habit = rng.normal(size=n), rng.normal(size=n)
    n_items = 1 + rng.poisson(1.4 + 1.2 * season, n)
    amount = np.round(np.exp(3.2 + 0.35 * wealth + 0.45 * rng.normal(size=n)) * n_items**0.8, 2)
    age = np.round(np.clip(41 + 12 * habit + 4 * rng.normal(size=n), 18, 90))
    tenure = np.round(rng.exponential(400, n) * (1 + 0.2 * np.clip(habit, -2, 2)), 1)
    orders = rng.poisson(1.2 + 2.4 * np.minimum(tenure, 900) / 400, n)
    session = np.round(np.exp(5.2 + 0.7 * rng.normal(size=n) + 0.2 * wealth), 1)
    rows: Rows = {
        "amount": amount,
        "n_items": n_items,
        "country": country,
        "channel": channel,
        "device": np.where(app, 0, pick(rng, (0.5, 0.4, 0.1), n)),
        "customer_age": age,
        "tenure_days": tenure,
        "orders_year": orders,
        "returns_year": rng.binomial(orders, 0.25),
        "mean_amount": np.round(amount * np.exp(0.4 * rng.normal(size=n)), 2),
        "income": np.round(38_000 * np.exp(0.3 * wealth + 0.15 * rng.normal(size=n)), 0),
        "session_s": session,
        "pages": 1 + rng.poisson(session / 40, n),
        "days_since_last": np.round(rng.exponential(35, n), 1),
        "distance_km": np.round(rng.gamma(2.0, 60.0, n) * _DISTANCES[country], 1),
        "delivery_days": 1 + rng.poisson(1.8, n),
        "weight_kg": np.round(0.3 * n_items * np.exp(0.5 * rng.normal(size=n)), 2),
        "stock": np.round(rng.gamma(3.0, 40.0, n)),
        "discount": np.round(rng.beta(1.5, 6.0, n), 3),
        "temperature": np.round(6 + 5 * day + 3 * rng.normal(size=n), 1),
        "rating": np.round(np.clip(rng.normal(4.0, 0.6, n), 1, 5), 1),
        "category": pick(rng, (0.3, 0.2, 0.18, 0.1, 0.12, 0.1), n),
        "carrier": pick(rng, (0.5, 0.3, 0.2), n),
        "payment": pick(rng, (0.4, 0.3, 0.2, 0.1), n),
        "loyalty": pick(rng, (0.6, 0.3, 0.1), n),
    }
    return rows | outcome(rng, rows)


def outcome(rng: np.random.Generator, rows: Rows) -> Rows:
    """Return the model's score of orders and what becomes of them; before a concept drifts the score is right."""
    logit = risk(rows)
    score = np.round(1 / (1 + np.exp(-logit)), 6)
    return {"score": score, "label": (rng.random(score.size) < score).astype(np.int64)}


def risk(rows: Rows) -> Floats:
    """Return the logit that the model sees; a value that is missing counts as the usual one."""
    logit = (
        -0.9
        + 0.9 * (np.log(_known(rows["amount"], 35.0)) - 3.7)
        + 0.35 * (_known(rows["returns_year"], 0.8) - 0.8)
        + 2.5 * (_known(rows["discount"], 0.2) - 0.2)
        + 0.25 * (_known(rows["delivery_days"], 2.8) - 2.8)
        + _coded(_COUNTRY_RISK, rows["country"])
        + _coded(_CATEGORY_RISK, rows["category"])
        + _coded(_PAYMENT_RISK, rows["payment"])
    )
    result: Floats = 2.2 * logit * np.where(rows["country"] < 0, 1.0, _COUNTRY_NOISE[rows["country"]])
    return result


def pick(rng: np.random.Generator, shares: Sequence[float], n: int) -> NDArray[np.int64]:
    """Return n codes drawn with these shares."""
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")


def _known(column: Column, usual: float) -> Floats:
    values = column.astype(np.float64)
    return np.where(np.isnan(values), usual, values)


def _coded(weights: Floats, codes: Column) -> Floats:
    return np.where(codes < 0, 0.0, weights[codes])
