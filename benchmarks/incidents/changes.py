"""What changes in the thirteen scenarios, as functions of columns; nothing here knows what driftline looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.incidents.population import (
    CHANNELS,
    CODED,
    COUNTRIES,
    COUNTRY_SHARES,
    DAY_MS,
    OF_ORDER,
    draw,
)

if TYPE_CHECKING:
    from benchmarks.incidents.population import Column, Rows
    from benchmarks.incidents.scenario import Bools, Floats

NOON_MS: Final = 1_772_409_600_000 + DAY_MS // 2
STUCK_AT: Final = 7.5
NEW_COUNTRY: Final = COUNTRIES.index("PL")
NEW_COUNTRY_SHARE: Final = 0.12
OTHER_MIX: Final = (0.20, 0.52, 0.10, 0.08, 0.06, 0.04, 0.0)
"""Of countries after the mix has changed."""
AGED_AFTER_H: Final = 240.0
AGED: Final = 0.05
"""Fraction of labels that ten days of ageing turn."""
GROWTH: Final = 0.12
"""By which the incomes of customers grow in these ten days."""


def join_broken(rows: Rows, gone: Bools, _hours: Floats, _rng: np.random.Generator) -> Rows:
    """Return rows for which the join found nothing: twenty features are null."""
    columns = [name for name in rows if name not in (*OF_ORDER, "score", "label")]
    return rows | {name: missing(name, rows[name], gone) for name in columns}


def frozen(rows: Rows, gone: Bools, _hours: Floats, _rng: np.random.Generator) -> Rows:
    """Return rows with one temperature for all."""
    return rows | {"temperature": np.where(gone, STUCK_AT, rows["temperature"])}


def cents(rows: Rows, gone: Bools, _hours: Floats, _rng: np.random.Generator) -> Rows:
    """Return rows with amounts in cents."""
    return rows | {"amount": np.where(gone, np.round(100 * rows["amount"]), rows["amount"])}


def new_country(rows: Rows, gone: Bools, _hours: Floats, rng: np.random.Generator) -> Rows:
    """Return rows of which some are of a country that was never there."""
    chosen = gone & (rng.random(gone.size) < NEW_COUNTRY_SHARE)
    return rows | {"country": np.where(chosen, NEW_COUNTRY, rows["country"])}


def bots(rows: Rows, gone: Bools, _hours: Floats, rng: np.random.Generator) -> Rows:
    """Return rows of which those chosen are a bot's: the web shop of one country, one cheap thing, a second's visit."""
    n = gone.size
    made: dict[str, Any] = {
        "country": COUNTRIES.index("NL"),
        "channel": CHANNELS.index("web"),
        "device": 1,
        "n_items": 1,
        "amount": np.round(9.9 + 0.2 * rng.random(n), 2),
        "session_s": np.round(1 + rng.random(n), 1),
        "pages": 1,
        "tenure_days": np.round(rng.random(n), 1),
        "orders_year": 0,
        "returns_year": 0,
    }
    return rows | {name: np.where(gone, value, rows[name]) for name, value in made.items()}


def other_mix(rows: Rows, gone: Bools, _hours: Floats, rng: np.random.Generator) -> Rows:
    """Return rows with more of one country and fewer of the others, each of whose customers are as before."""
    n = gone.size
    keep = np.minimum(1.0, np.array(OTHER_MIX) / np.maximum(COUNTRY_SHARES, 1e-9))[rows["country"]]
    moved = gone & (rng.random(n) >= keep)
    to = COUNTRIES.index("FR")
    like = _redrawn(rng, moved, to)
    return {name: np.where(moved, like[name], column) for name, column in rows.items()}


def _redrawn(rng: np.random.Generator, moved: Bools, country: int) -> Rows:
    """Return customers of one country for the rows that move; of the others whatever."""
    n = moved.size
    size = max(1_000, 6 * int(moved.sum()))
    pool = draw(rng, NOON_MS + rng.integers(0, DAY_MS, size), np.zeros(size))
    chosen = np.flatnonzero(pool["country"] == country)
    places = chosen[rng.integers(0, chosen.size, n)]
    return {name: column[places] for name, column in pool.items()}


def ageing_world(rows: Rows, gone: Bools, hours: Floats, _rng: np.random.Generator) -> Rows:
    """Return rows whose customers earn more, from day to day."""
    grown = 1 + GROWTH * np.clip(hours / AGED_AFTER_H, 0, 1) * gone
    return rows | {"income": np.round(rows["income"] * grown)}


def ageing(hours: Floats) -> Floats:
    """Return the chance that a label is turned: a little more from day to day."""
    return AGED * np.clip(hours / AGED_AFTER_H, 0, 1)


def concept(hours: Floats) -> Floats:
    """Return the chance that a label is turned once the concept has drifted."""
    return np.where(hours > 0, 0.2, 0.0)


def other_schema(features: dict[str, object]) -> dict[str, object]:
    """Return features as the producer with the wrong schema writes them: one renamed, one a text."""
    changed = {name: value for name, value in features.items() if name != "discount"}
    return changed | {"discount_ratio": features["discount"], "weight_kg": f"{features['weight_kg']} kg"}


def missing(name: str, column: Column, gone: Bools) -> Column:
    """Return a column without the values of some rows."""
    return np.where(gone, -1, column) if name in CODED else np.where(gone, np.nan, column.astype(np.float64))
