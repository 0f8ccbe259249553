"""Every method tuned to one false alarm a month, on months without change: from the strict side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.detection.kswin import LATEST, difference_at, p_values
from benchmarks.detection.methods import DEFAULTS, LEAST_SCORES, OWN, SCORED
from benchmarks.detection.months import alarmed, rate_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.detection.months import Month

RATE: Final = 1.0
"""False alarms a month."""
NEAR: Final = 0.7
"""From this part of it on a setting needs no further step. driftline is tuned to this part, so that it never has more
false alarms than others in the months that they are tuned on."""
ENDLESS: Final = 0.1
"""A method that alarms in so many hours never resolves, and so opens few alerts: it counts as too loose."""
LEAST_RATE: Final = 0.04
"""What a rate of zero is taken for."""
STEPS: Final = 9
LOG_DELTAS: Final = (-math.log(0.05), 690.0)
"""Between which minus the logarithm of ADWIN's δ is searched: from loose to strict."""
THRESHOLDS: Final = {"Page-Hinkley": (20.0, 1e5), "DDM": (1.5, 200.0)}
"""The same of others."""
DIFFERENCES: Final = (8, LATEST)
"""The same of KSWIN, in values of a sample of 30; its levels are the p-values of these."""


class Tuned(NamedTuple):
    """A method with its one number.

    Attributes
    ----------
    method : str
    parameter : float
    reached : bool
        Whether its rate of false alarms is at most the one that it is tuned to.
    """

    method: str
    parameter: float
    reached: bool = True

    @property
    def shown(self) -> str:
        """The number, as its method calls it."""
        if self.method in OWN:
            return f"budget {math.exp(-self.parameter):.3g}"
        name = {
            "ADWIN": "δ",
            "Page-Hinkley": "threshold",
            "DDM": "threshold",
            "KSWIN": "α",
            "NannyML rule": "deviations",
            "Evidently rule": "times",
        }
        return f"{name[self.method]} {self.parameter:.3g}"


def tunings(months: Sequence[Month], methods: Sequence[str]) -> list[Tuned]:
    """Return methods, tuned on months."""
    return [scored(months, method) if method in SCORED else best(months, method) for method in methods]


def defaults(methods: Sequence[str]) -> list[Tuned]:
    """Return methods as they come."""
    return [Tuned(method, DEFAULTS[method]) for method in methods]


def scored(months: Sequence[Month], method: str) -> Tuned:
    """Return the loosest number, from the strictest on, that stays at or below the rate of false alarms.

    Of driftline at or below :data:`NEAR` of it. Far too loose numbers open few alerts as well, as these never resolve;
    hence from the strictest on.
    """
    assert method in SCORED
    least, most = LEAST_SCORES[method], NEAR * RATE if method in OWN else RATE
    strictest_first = sorted({score for each in months for _, score in each.scores[method]}, reverse=True)
    parameter = (strictest_first[0] if strictest_first else least) + 1e-6
    for score in strictest_first:
        if rate_of(months, method, score) > most:
            return Tuned(method, parameter)
        parameter = score
    return Tuned(method, least)


def best(months: Sequence[Month], method: str) -> Tuned:
    """Return the loosest number of an event-wise detector that was tried and stays at or below the rate."""
    tried = _tried(months, method)
    held = [(place, parameter) for place, parameter in tried if _rate(months, method, parameter) <= RATE]
    if held:
        return Tuned(method, min(held)[1])
    return Tuned(method, max(tried)[1] if tried else parameter_at(method, 1.0), reached=False)


def next_parameters(months: Sequence[Month], method: str) -> list[float]:
    """Return what an event-wise detector is to be tried with next; empty once it is tuned.

    That lies between the two settings that enclose the rate.
    """
    tried = _tried(months, method)
    if not tried:
        return [parameter_at(method, place) for place in (0.5, 1.0)]
    rates = [(place, _rate(months, method, parameter)) for place, parameter in tried]
    loose = max(((place, rate) for place, rate in rates if rate > RATE), default=(0.0, math.inf))
    strict = min(((place, rate) for place, rate in rates if rate <= RATE), default=(0.0, 0.0))
    if len(tried) > STEPS or strict[0] <= loose[0] or strict[1] >= NEAR * RATE:
        return []
    following = parameter_at(method, loose[0] + _part(loose[1], strict[1]) * (strict[0] - loose[0]))
    return [] if following in {parameter for _, parameter in tried} else [following]


def _part(loose: float, strict: float) -> float:
    """Return where between two settings with these rates to try next: as if rates fell geometrically."""
    if math.isinf(loose):
        return 0.5
    least = math.log(max(strict, LEAST_RATE))
    part = (math.log(loose) - math.log((1 + NEAR) / 2 * RATE)) / (math.log(loose) - least)
    return min(max(part, 0.1), 0.9)


def parameter_at(method: str, place: float) -> float:
    """Return a detector's number at a place between loose, 0, and strict, 1.

    Examples
    --------
    >>> parameter_at("ADWIN", 0.0), parameter_at("Page-Hinkley", 1.0), parameter_at("KSWIN", 1.0)
    (0.05, 100000.0, 1.693e-17)
    """
    if method == "KSWIN":
        difference = round(DIFFERENCES[0] + place * (DIFFERENCES[1] - DIFFERENCES[0]))
        return float(f"{1.001 * p_values()[difference]:.4g}")
    loose, strict = LOG_DELTAS if method == "ADWIN" else THRESHOLDS[method]
    number = math.exp(math.log(loose) + place * math.log(strict / loose))
    return float(f"{math.exp(-number) if method == 'ADWIN' else number:.4g}")


def _place(method: str, parameter: float) -> float:
    if method == "KSWIN":
        return (difference_at(parameter) - DIFFERENCES[0]) / (DIFFERENCES[1] - DIFFERENCES[0])
    loose, strict = LOG_DELTAS if method == "ADWIN" else THRESHOLDS[method]
    number = -math.log(parameter) if method == "ADWIN" else parameter
    return math.log(number / loose) / math.log(strict / loose)


def _tried(months: Sequence[Month], method: str) -> list[tuple[float, float]]:
    """Return place and number of each setting that all these months were run with."""
    names = set.intersection(*(set(each.alarms) for each in months)) if months else set()
    mine = (float(name.split("/")[1]) for name in names if name.split("/")[0] == method)
    return sorted((_place(method, parameter), parameter) for parameter in mine)


def _rate(months: Sequence[Month], method: str, parameter: float) -> float:
    return rate_of(months, method, parameter) if alarmed(months, method, parameter) <= ENDLESS else math.inf
