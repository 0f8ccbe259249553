"""The tables of power, in Markdown: every method tuned to the same rates of false alarms, and untuned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.detection.chunked import EVIDENTLY_DEFAULT, NANNYML_DEFAULT
from benchmarks.detection.intervals import limits_of_count, limits_of_mean, limits_of_share
from benchmarks.detection.power import FOLLOWED_HOURS, HOUR_MS, MONTH_DAYS, SCORED, grid, openings, quiet_ms
from benchmarks.detection.scenarios import POWER_STREAMS, SCENARIOS
from benchmarks.detection.sequential import ADWIN_DEFAULT, PAGE_HINKLEY_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.detection.power import Change, Month

RATES: Final = (0.3, 1.0, 3.0)
"""False alarms a month."""
METHODS: Final = (*SCORED[:3], "ADWIN", "Page-Hinkley", *SCORED[3:])
NATIVE: Final = {
    "driftline": 0.0,
    "driftline, no gates": 0.0,
    "driftline, windows": 0.0,
    "ADWIN": ADWIN_DEFAULT,
    "Page-Hinkley": PAGE_HINKLEY_DEFAULT,
    "NannyML rule": NANNYML_DEFAULT,
    "Evidently rule": EVIDENTLY_DEFAULT,
}
"""Defaults: of driftline a budget of one page a month, whose logarithm is 0."""
LOOSEST: Final = {"driftline": -6.0, "driftline, no gates": -6.0, "driftline, windows": -6.0}
"""Budgets are not raised past e⁶ pages a month: a level of 10⁻² a test."""


class Tuned(NamedTuple):
    """A method with its one number.

    Attributes
    ----------
    method : str
    rate : float or None
        What it is tuned to; None for the defaults.
    parameter : float
    """

    method: str
    rate: float | None
    parameter: float

    @property
    def shown(self) -> str:
        """The number, as its method calls it."""
        if self.method.startswith("driftline"):
            return f"budget {math.exp(-self.parameter):.3g}"
        name = {"ADWIN": "δ", "Page-Hinkley": "threshold", "NannyML rule": "deviations", "Evidently rule": "times"}
        return f"{name[self.method]} {self.parameter:.3g}"


def split(months: Sequence[Month], stream: str) -> tuple[list[Month], list[Month]]:
    """Return the months to tune on, two thirds, and those to count false alarms on."""
    mine = sorted((each for each in months if each.stream == stream), key=lambda each: each.seed)
    cut = -(-2 * len(mine) // 3)
    return mine[:cut], mine[cut:]


def alarms(found: Month | Change, method: str, parameter: float) -> list[int]:
    """Return the times at which a method with its number alarms."""
    if method in SCORED:
        return [at for at, score in found.scores[method] if score >= parameter]
    return found.alarms.get(f"{method}/{parameter:g}", [])


def rate_of(months: Sequence[Month], method: str, parameter: float) -> float:
    """Return the pages a month."""
    return sum(openings(alarms(each, method, parameter), quiet_ms(method)) for each in months) / max(len(months), 1)


def alarmed(months: Sequence[Month], method: str, parameter: float) -> float:
    """Return the share of hours with an alarm."""
    hours = sum(len({at // HOUR_MS for at in alarms(each, method, parameter)}) for each in months)
    return hours / (max(len(months), 1) * MONTH_DAYS * 24)


def tuned(months: Sequence[Month], stream: str, method: str, rate: float) -> Tuned:
    """Return the loosest number, from the strictest on, that stays at or below a rate of false alarms.

    Far too loose numbers open few alerts as well, as these never resolve; hence from the strictest on.
    """
    if method in SCORED:
        highest = sorted({score for each in months for _, score in each.scores[method]}, reverse=True)
        strict = [score for score in highest if score >= LOOSEST.get(method, -math.inf)]
        best = (strict[0] if strict else LOOSEST.get(method, 0.0)) + 1e-6
        for score in strict:
            if rate_of(months, method, score) > rate:
                break
            best = score
        else:
            best = LOOSEST.get(method, best)
        return Tuned(method, rate, best)
    parameters = [number for name, number in grid(stream) if name == method]
    strictest_first = sorted(parameters, reverse=method == "Page-Hinkley")
    scale = np.log
    best, before = strictest_first[0], None
    for parameter in strictest_first:
        here = rate_of(months, method, parameter)
        if here > rate:
            if before is not None:
                # Between two numbers of the grid: rates are taken for powers of them.
                low, high = math.log(max(before[1], 0.05)), math.log(here)
                part = (math.log(rate) - low) / (high - low) if high > low else 0.0
                ends = float(scale(before[0])), float(scale(parameter))
                best = float(np.exp(ends[0] + min(max(part, 0.0), 1.0) * (ends[1] - ends[0])))
            break
        best, before = parameter, (parameter, here)
    return Tuned(method, rate, float(f"{best:g}"))


def tunings(months: Sequence[Month], stream: str) -> list[Tuned]:
    """Return every method at every rate, then as it comes."""
    held, _ = split(months, stream)
    at_rates = [tuned(held, stream, method, rate) for method in METHODS for rate in RATES]
    return [*at_rates, *(Tuned(method, None, NATIVE[method]) for method in METHODS)]


def settings(months: Sequence[Month]) -> dict[str, list[tuple[str, float]]]:
    """Return the settings of event-wise detectors that the changes are run with, by stream."""
    return {
        stream: sorted({(each.method, each.parameter) for each in tunings(months, stream) if each.method not in SCORED})
        for stream in POWER_STREAMS
    }


def rates_table(months: Sequence[Month], extra: Sequence[Month]) -> str:
    """Return what each method was tuned to, and its false alarms on months that it was not tuned on.

    Parameters
    ----------
    months : sequence of Month
    extra : sequence of Month
        The months to count on, with the alarms of the settings that were tuned.
    """
    lines = [
        "| stream | method | tuned to | parameter | false alarms a month, other months | hours with an alarm |",
        "|---|---|---|---|---|---|",
    ]
    for stream in POWER_STREAMS:
        _, others = split(months, stream)
        known = {each.seed: each for each in extra if each.stream == stream}
        for each in tunings(months, stream):
            held = others if each.method in SCORED else [known[other.seed] for other in others if other.seed in known]
            count = round(rate_of(held, each.method, each.parameter) * len(held))
            low, high = limits_of_count(count)
            n = max(len(held), 1)
            lines.append(
                f"| {stream} | {each.method} | {'default' if each.rate is None else f'{each.rate:g}'} | {each.shown} | "
                f"{count / n:.2f} ({low / n:.2f} to {high / n:.2f}) | "
                f"{100 * alarmed(held, each.method, each.parameter):.1f} % |"
            )
    return "\n".join(lines)


def power_table(months: Sequence[Month], changes: Sequence[Change], stream: str, rate: float | None) -> str:
    """Return share found and restricted mean delay of every method, of one stream and rate; a rate's best is bold.

    Within :data:`~benchmarks.detection.power.FOLLOWED_HOURS` of the onset.
    """
    methods = [each for each in tunings(months, stream) if each.rate == rate]
    lines = ["| change | " + " | ".join(each.method for each in methods) + " |", "|---" * (len(methods) + 1) + "|"]
    for scenario in SCENARIOS:
        mine = [each for each in changes if each.stream == stream and each.scenario == scenario.name]
        if not mine:
            continue
        delays = [[_delay(each, tuning) for each in mine] for tuning in methods]
        means = [float(np.mean(of)) for of in delays]
        best = min(means) + 1e-9 if rate is not None else -1.0  # untuned, some alarm without end
        cells = [_cell(of, best=mean <= best) for of, mean in zip(delays, means, strict=True)]
        lines.append(f"| {scenario.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _delay(change: Change, tuning: Tuned) -> float:
    found = alarms(change, tuning.method, tuning.parameter)
    return min(min(found) / HOUR_MS, FOLLOWED_HOURS) if found else FOLLOWED_HOURS


def _cell(delays: Sequence[float], *, best: bool) -> str:
    n, found = len(delays), sum(delay < FOLLOWED_HOURS for delay in delays)
    share, mean = limits_of_share(found, n), limits_of_mean(delays)
    mark = "**" if best else ""
    return (
        f"{mark}{100 * found / n:.0f} %{mark} ({100 * share[0]:.0f} to {100 * share[1]:.0f}), "
        f"{mark}{np.mean(delays):.1f} h{mark} (±{(mean[1] - mean[0]) / 2:.1f})"
    )
