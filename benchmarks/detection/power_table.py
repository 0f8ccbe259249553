"""The tables of power, in Markdown: every method tuned to the same rate of false alarms, and as it comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.detection.intervals import limits_of_count
from benchmarks.detection.methods import HOUR_MS, OWN
from benchmarks.detection.months import alarmed, rate_of
from benchmarks.detection.scenarios import POWER_STREAMS, SCENARIOS, TWO_DAYS
from benchmarks.detection.survival import Survival
from benchmarks.detection.tuning import defaults, tunings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.detection.changes import Change
    from benchmarks.detection.months import Month
    from benchmarks.detection.power import Kept
    from benchmarks.detection.scenarios import Scenario
    from benchmarks.detection.survival import Estimate
    from benchmarks.detection.tuning import Tuned

CLOSE: Final = 1.1
"""Times the least mean delay up to which a method counts as close to the first."""
HOPELESS: Final = 0.9
"""Part of the followed time from which on the least mean delay means that no method finds the change."""
SHOWN: Final = (OWN[0], "ADWIN", "Page-Hinkley", "KSWIN", "NannyML rule", "Evidently rule")


class Delays(NamedTuple):
    """The delays of one method on one change.

    Attributes
    ----------
    n, found : int
        Runs, and those in which the change was found while it was followed.
    median, mean : Estimate
        In hours; the mean is restricted to the followed time.
    """

    n: int
    found: int
    median: Estimate
    mean: Estimate

    @property
    def shown(self) -> str:
        """Fraction found, median and restricted mean, each time with its limits."""
        share = f"{100 * self.found / self.n:.0f} %"
        return f"{share}, {_hours(*self.median)}, {_hours(*self.mean)}"


def delays(changes: Sequence[Change], scenario: Scenario, tuning: Tuned) -> Delays:
    """Return the delays of one method on the runs of one change."""
    until = float(scenario.followed_hours)
    hours = [each.delay_ms(tuning.method, tuning.parameter) / HOUR_MS for each in changes]
    found = [each <= until for each in hours]
    survival = Survival([min(each, until) for each in hours], found)
    return Delays(len(hours), sum(found), survival.median(), survival.restricted_mean(until))


class StreamTable(NamedTuple):
    """The delays on one stream, by change and method, and how often each method raises a false alarm.

    Attributes
    ----------
    delays : dict of str to dict of str to Delays
        Without methods that could not be tuned.
    rates : dict of str to float
        A month, of other months than those tuned on.
    """

    delays: dict[str, dict[str, Delays]]
    rates: dict[str, float]

    @classmethod
    def of(cls, kept: Kept, stream: str, *, tuned: bool) -> StreamTable:
        """Return the delays of a stream, tuned or untuned."""
        held, others = kept.months(stream)
        methods = [each for each in (tunings(held) if tuned else defaults()) if each.reached]
        found = {}
        for scenario in SCENARIOS:
            mine = [each for each in kept.changes if each.stream == stream and each.scenario == scenario.name]
            if mine:
                found[scenario.name] = {each.method: delays(mine, scenario, each) for each in methods}
        return cls(found, {each.method: rate_of(others, each.method, each.parameter) for each in methods})

    def first(self, change: str) -> str:
        """Return the method with the least mean delay of those that are shown."""
        shown = {name: of.mean.value for name, of in self.delays[change].items() if name in SHOWN}
        return min(shown, key=shown.__getitem__)

    def standing(self, scenario: Scenario) -> str:
        """Return where driftline stands on a change: in words, with a dagger where it has more false alarms."""
        held = self.delays[scenario.name]
        least, own = held[self.first(scenario.name)].mean.value, held[OWN[0]].mean.value
        if least > HOPELESS * scenario.followed_hours:
            return "none finds it"
        rival = min((name for name in held if name in SHOWN[1:]), key=lambda name: held[name].mean.value)
        more = " †" if self.rates[OWN[0]] > self.rates[rival] else ""
        if own <= least:
            return f"first{more}"
        times = f"{_number(own)} h, {self.first(scenario.name)} {_number(least)} h"
        return f"close: {times}{more}" if own <= CLOSE * least else f"**no**: {times}{more}"


def rates_table(kept: Kept) -> str:
    """Return what each method is tuned to, and its false alarms on months that it was not tuned on."""
    lines = [
        "| stream | method | tuned to | false alarms a month | default | false alarms a month | hours with an alarm |",
        "|---|---|---|---|---|---|---|",
    ]
    for stream in POWER_STREAMS:
        held, others = kept.months(stream)
        for tuned, default in zip(tunings(held), defaults(), strict=True):
            parameter = tuned.shown if tuned.reached else "none reaches the rate"
            hours = f"{100 * alarmed(others, default.method, default.parameter):.1f} %"
            lines.append(
                f"| {stream} | {tuned.method} | {parameter} | {_rate(others, tuned)} | {default.shown} | "
                f"{_rate(others, default)} | {hours} |"
            )
    return "\n".join(lines)


def _rate(months: Sequence[Month], tuning: Tuned) -> str:
    if not tuning.reached:
        return "-"
    n = max(len(months), 1)
    count = round(rate_of(months, tuning.method, tuning.parameter) * n)
    low, high = limits_of_count(count)
    return f"{count / n:.2f} ({low / n:.2f} to {high / n:.2f})"


def standing_table(tables: dict[str, StreamTable]) -> str:
    """Return where driftline stands on each change of each stream, all methods tuned."""
    lines = ["| change | " + " | ".join(tables) + " |", "|---" * (len(tables) + 1) + "|"]
    lines += [
        f"| {scenario.name} | " + " | ".join(table.standing(scenario) for table in tables.values()) + " |"
        for scenario in SCENARIOS
    ]
    return "\n".join(lines)


def variants_table(tables: dict[str, StreamTable]) -> str:
    """Return the mean delay of driftline, without gates, and of its windows alone."""
    lines = ["| change | " + " | ".join(tables) + " |", "|---" * (len(tables) + 1) + "|"]
    for scenario in SCENARIOS:
        rows = (table.delays[scenario.name] for table in tables.values())
        cells = (" / ".join(_number(row[name].mean.value) for name in OWN) for row in rows)
        lines.append(f"| {scenario.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def power_table(table: StreamTable, *, tuned: bool) -> str:
    """Return fraction found, median and restricted mean delay of every method; the least mean of a row is bold."""
    lines = ["| change | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    for scenario in SCENARIOS:
        row, cells = table.delays[scenario.name], []
        for method in SHOWN:
            shown = row[method].shown if method in row else "-"
            cells.append(f"**{shown}**" if tuned and method == table.first(scenario.name) else shown)
        lines.append(f"| {_followed(scenario)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _followed(scenario: Scenario) -> str:
    days = scenario.followed_hours // 24
    return scenario.name if scenario.followed_hours == TWO_DAYS else f"{scenario.name} (followed for {days} days)"


def _hours(value: float, low: float, high: float) -> str:
    return f"{_number(value)} ({_number(low)} to {_number(high)})"


def _number(hours: float) -> str:
    if math.isinf(hours):
        return "-"
    return f"{hours:.2f}" if hours < 1 else f"{hours:.1f}"
