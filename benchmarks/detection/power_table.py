"""The tables of power, in Markdown: every method tuned to the same rate of false alarms, and as it comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.detection.intervals import limits_of_count
from benchmarks.detection.methods import HOUR_MS, OWN
from benchmarks.detection.months import alarmed, rate_of
from benchmarks.detection.survival import Survival
from benchmarks.detection.tuning import defaults, tunings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.detection.changes import Change
    from benchmarks.detection.months import Month
    from benchmarks.detection.power import Kept, Study
    from benchmarks.detection.survival import Estimate
    from benchmarks.detection.tuning import Tuned

CLOSE: Final = 1.1
"""Times the least mean delay up to which a method counts as close to the first."""
HOPELESS: Final = 0.9
"""Part of the followed time from which on the least mean delay means that no method finds the change."""


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


def delays(changes: Sequence[Change], followed_hours: int, tuning: Tuned) -> Delays:
    """Return the delays of one method on the runs of one change."""
    until = float(followed_hours)
    hours = [each.delay_ms(tuning.method, tuning.parameter) / HOUR_MS for each in changes]
    found = [each <= until for each in hours]
    survival = Survival([min(each, until) for each in hours], found)
    return Delays(len(hours), sum(found), survival.median(), survival.restricted_mean(until))


class StreamTable(NamedTuple):
    """The delays on one stream, by change and method, and how often each method raises a false alarm.

    Attributes
    ----------
    study : Study
    delays : dict of str to dict of str to Delays
        Without methods that could not be tuned.
    rates : dict of str to float
        A month, of other months than those tuned on.
    """

    study: Study
    delays: dict[str, dict[str, Delays]]
    rates: dict[str, float]

    @classmethod
    def of(cls, kept: Kept, stream: str, *, tuned: bool) -> StreamTable:
        """Return the delays of a stream, tuned or untuned."""
        held, others = kept.months(stream)
        every = tunings(held, kept.study.methods) if tuned else defaults(kept.study.methods)
        methods = [each for each in every if each.reached]
        found = {}
        for name, hours in kept.study.rows.items():
            mine = [each for each in kept.changes if each.stream == stream and each.scenario == name]
            if mine:
                found[name] = {each.method: delays(mine, hours, each) for each in methods}
        return cls(kept.study, found, {each.method: rate_of(others, each.method, each.parameter) for each in methods})

    def first(self, change: str) -> str:
        """Return the method with the least mean delay of those that are shown."""
        held = self.delays[change]
        return min((name for name in self.study.shown if name in held), key=lambda name: held[name].mean.value)

    def standing(self, change: str) -> str:
        """Return where driftline stands on a change, in words.

        With a dagger where it has more false alarms than the best of the others, and a double one where a faster method
        has more than driftline.
        """
        held, first = self.delays[change], self.first(change)
        least, own = held[first].mean.value, held[OWN[0]].mean.value
        if least > HOPELESS * self.study.rows[change]:
            return "none finds it"
        others = (name for name in self.study.shown if name in held and name != OWN[0])
        rival = min(others, key=lambda name: held[name].mean.value)
        more = " †" if self.rates[OWN[0]] > self.rates[rival] else ""
        if own <= least:
            return f"first{more}"
        more = more or (" ‡" if self.rates[first] > self.rates[OWN[0]] else "")
        times = f"{_number(own)} h, {first} {_number(least)} h"
        return f"close: {times}{more}" if own <= CLOSE * least else f"**no**: {times}{more}"


def rates_table(kept: Kept) -> str:
    """Return what each method is tuned to, and its false alarms on months that it was not tuned on."""
    lines = [
        "| stream | method | tuned to | false alarms a month | default | false alarms a month | hours with an alarm |",
        "|---|---|---|---|---|---|---|",
    ]
    methods = kept.study.methods
    for stream in kept.study.streams:
        held, others = kept.months(stream)
        for tuned, default in zip(tunings(held, methods), defaults(methods), strict=True):
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
        f"| {name} | " + " | ".join(table.standing(name) for table in tables.values()) + " |"
        for name in rows_of(tables)
    ]
    return "\n".join(lines)


def variants_table(tables: dict[str, StreamTable]) -> str:
    """Return the mean delay of driftline, without gates, and of its windows alone."""
    lines = ["| change | " + " | ".join(tables) + " |", "|---" * (len(tables) + 1) + "|"]
    for change in rows_of(tables):
        rows = (table.delays[change] for table in tables.values())
        cells = (" / ".join(_number(row[name].mean.value) for name in OWN) for row in rows)
        lines.append(f"| {change} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def rows_of(tables: dict[str, StreamTable]) -> list[str]:
    """Return the changes of all tables, in their order."""
    return list(next(iter(tables.values())).delays)


def power_table(table: StreamTable, *, tuned: bool) -> str:
    """Return fraction found, median and restricted mean delay of every method; the least mean of a row is bold."""
    methods = table.study.shown
    lines = ["| change | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    for change, row in table.delays.items():
        cells = []
        for method in methods:
            shown = row[method].shown if method in row else "-"
            cells.append(f"**{shown}**" if tuned and method == table.first(change) else shown)
        lines.append(f"| {change} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _hours(value: float, low: float, high: float) -> str:
    return f"{_number(value)} ({_number(low)} to {_number(high)})"


def _number(hours: float) -> str:
    if math.isinf(hours):
        return "-"
    return f"{hours:.2f}" if hours < 1 else f"{hours:.1f}"
