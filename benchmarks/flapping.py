"""How often alerts open while drift stays around its gate, by ``alerts.close_below``.

Usage: ``python -m benchmarks.flapping [--months N]``; the table of docs/budget.md, half an hour for 10.

One numeric column of 20,000 reference events, hourly windows of 30 days, the real check and the real alerts. The mean
moves so that the population stability index of the population is at the gate of 0.1, or wanders between 0.08 and 0.12.
A last stream drifts for a day and is over: it shows how much later its alert resolves.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from scipy import optimize, special

from driftline.alerts import ModelAlerts
from driftline.checks.columns.window_check import examine_window
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.config.model import ModelSettings
from driftline.events.cloudevents import epoch_ms
from driftline.monitoring.alerting import settled
from driftline.profiles.building.table import ReferenceTable
from tests.support.windows import HOUR, PANE_MS, budget_of, profile_of, window_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.alert import AlertEvent

HOURS: Final = 720
GROUPS: Final = 20
FRACTIONS: Final = (1.0, 0.8, 0.65, 0.5)
EVENTS: Final = (1_000, 10_000)
DRIFT_HOURS: Final = 24


def index_of(shift: float) -> float:
    """Return the population stability index of a normal column whose mean has moved by so many standard deviations."""
    edges = special.ndtri(np.arange(1, GROUPS) / GROUPS)
    shares = np.diff(special.ndtr(edges - shift), prepend=0.0, append=1.0)
    return float(((shares - 1 / GROUPS) * np.log(shares * GROUPS)).sum())


def shift_of(index: float) -> float:
    """Return the shift of the mean that makes an index."""
    return float(optimize.brentq(lambda shift: index_of(shift) - index, 0.0, 3.0)) if index else 0.0


def streams() -> dict[str, np.ndarray]:
    """Return the index of the population in each hour, by stream."""
    hours = np.arange(HOURS)
    drifted = np.where((hours >= DRIFT_HOURS) & (hours < 2 * DRIFT_HOURS), 0.3, 0.0)
    return {
        "at the gate": np.full(HOURS, 0.1),
        "0.08 to 0.12 and back each day": 0.1 + 0.02 * np.sin(2 * np.pi * hours / 24),
        "0.08 to 0.12 and back in 10 days": 0.1 + 0.02 * np.sin(2 * np.pi * hours / 240),
        "0.3 for a day, then over": drifted,
    }


def month(indices: np.ndarray, n: int, fractions: Iterable[float], seed: int) -> dict[float, list[AlertEvent]]:
    """Return the alerts' records of a month by fraction, all of the same events."""
    rng = np.random.default_rng([20_260_301, n, seed])
    profile = profile_of(ReferenceTable(n=20_000, features={"x": rng.normal(0, 1, 20_000)}))
    shifts = {index: shift_of(index) for index in np.unique(indices)}
    budgets = {}
    for fraction in fractions:
        settings = ModelSettings()
        windows = msgspec.structs.replace(settings.windows, verdict=(Duration(HOUR),))
        alerts = msgspec.structs.replace(settings.alerts, close_below=fraction)
        budgets[fraction] = budget_of(settings.replace(windows=windows, alerts=alerts))
    states = dict.fromkeys(budgets, ModelAlerts())
    records: dict[float, list[AlertEvent]] = {fraction: [] for fraction in budgets}
    views = {fraction: ReferenceView(profile, budget.settings, PANE_MS) for fraction, budget in budgets.items()}
    for hour, index in enumerate(indices):
        table = ReferenceTable(n=n, features={"x": rng.normal(shifts[index], 1, n)})
        window = window_of(profile, table)
        window = msgspec.structs.replace(window, start_ms=hour * HOUR, end_ms=(hour + 1) * HOUR)
        for fraction, budget in budgets.items():
            verdict = examine_window(views[fraction], window, budget)
            done = settled(verdict, states[fraction], budget)
            states[fraction] = done.alerts
            records[fraction] += done.changed
    return records


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=10)
    months = parser.parse_args().months
    print(f"alerts that notify in 30 days, mean of {months} months; in brackets hours until the last is resolved")
    print(f"{'':<34} {'events':>7} " + " ".join(f"{fraction:>12}" for fraction in FRACTIONS))
    for name, indices in streams().items():
        for n in EVENTS:
            notified = dict.fromkeys(FRACTIONS, 0)
            ends: dict[float, list[float]] = {fraction: [] for fraction in FRACTIONS}
            for seed in range(months):
                for fraction, records in month(indices, n, FRACTIONS, seed).items():
                    notified[fraction] += sum(record.notify for record in records)
                    resolved = [record for record in records if record.state == "resolved"]
                    ends[fraction] += [epoch_ms(each.updated_at) / HOUR - 2 * DRIFT_HOURS for each in resolved[-1:]]
            cells = []
            for fraction in FRACTIONS:
                shown = f"{notified[fraction] / months:.2f}"
                if name.endswith("over"):
                    shown += f" ({np.mean(ends[fraction]):.1f})"
                cells.append(f"{shown:>12}")
            print(f"{name:<34} {n:>7} {' '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
