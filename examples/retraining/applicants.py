"""The world: applicants for credit by the hour, whose incomes and habits change at a known moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np

from driftline.simulation.encoding import feature_columns
from driftline.simulation.population import draw
from driftline.simulation.scenario import Scenario

HOUR_MS: Final = 3_600_000
START_MS: Final = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * 1_000
PER_HOUR: Final = 1_200
MEAN_DELAY_MS: Final = 10 * 60_000
"""Between a decision and what became of it."""
DRIFT_HOUR: Final = 4
"""From this hour on, incomes are a third higher, and high debt is no risk any more."""
SEED: Final = 11


class Applicant(NamedTuple):
    """One applicant, and what became of the credit."""

    id: str
    time_ms: int
    features: dict[str, Any]
    label: int
    """1 for a default."""
    label_ms: int


def applicants(hour: int) -> list[Applicant]:
    """Return the applicants of an hour after the start, in the order of time; hours before it are negative."""
    rng = np.random.default_rng([SEED, hour + 1_000])
    begin_ms = START_MS + hour * HOUR_MS
    times = np.sort(rng.integers(begin_ms, begin_ms + HOUR_MS, PER_HOUR))
    drift_ms = START_MS + DRIFT_HOUR * HOUR_MS
    world = Scenario(
        start_ms=START_MS - 1_000 * HOUR_MS,
        duration_ms=2_000 * HOUR_MS,
        rate=1.0,
        drift=("income-shift", "concept"),
        drift_at_ms=drift_ms,
    )
    drawn = draw(rng, world, times)
    delays = np.rint(rng.exponential(MEAN_DELAY_MS, PER_HOUR)).astype(np.int64)
    columns = feature_columns(drawn)
    rows = zip(times.tolist(), drawn.label.tolist(), (times + delays).tolist(), strict=True)
    return [
        Applicant(
            f"{hour:+03d}-{number:04d}",
            time_ms,
            {name: column[number] for name, column in columns.items()},
            label,
            due_ms,
        )
        for number, (time_ms, label, due_ms) in enumerate(rows)
    ]
