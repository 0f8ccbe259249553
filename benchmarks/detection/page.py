"""The tables of docs/detection.md, written from the kept results."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.detection import budget, power
from benchmarks.detection.budget_table import found_table, levels_table, pages_table
from benchmarks.detection.power_table import RATES, power_table, rates_table, split
from benchmarks.detection.scenarios import POWER_STREAMS

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE: Final = Path(__file__).parents[2] / "docs" / "detection.md"
LEVELS_SAY: Final = (
    "Per test: the number of p-values at or below its significance level, with 95 % limits of their expected number. "
    "The last columns divide the number at or below a less strict level by the number expected."
)
MARKS: Final = {
    "budget": ("<!-- false alarms: written by `make bench-detection` -->", "<!-- end of the false alarms -->"),
    "power": ("<!-- power: written by `make bench-detection` -->", "<!-- end of the power -->"),
}
"""Between which each part of the tables stands."""


def tables(folder: Path, n_models: int) -> dict[str, str]:
    """Return the tables of each part that results are kept of, with where they come from."""
    found = {}
    outcomes = [each for each in budget.kept(folder / "budget.ndjson") if each.seed <= n_models]
    if outcomes:
        parts = [
            _origin(outcomes, folder),
            "### False alarms of unchanged models",
            pages_table(outcomes),
            "### Findings compared with the sum of the significance levels",
            found_table(outcomes),
            LEVELS_SAY,
            levels_table(outcomes),
        ]
        found["budget"] = "\n\n".join(parts)
    months, extra, changes = power.kept_months(folder), power.kept_alarms(folder), power.kept_changes(folder)
    if months and changes:
        runs = Counter(each.stream for each in changes if each.scenario == changes[0].scenario)
        held = {stream: [len(part) for part in split(months, stream)] for stream in POWER_STREAMS}
        told = "; ".join(f"{s}: {held[s][0]} months for tuning, {held[s][1]} others, {runs[s]} changes" for s in held)
        parts = ["### What each method is tuned to", f"Streams: {told}.", rates_table(months, extra)]
        for stream in POWER_STREAMS:
            for rate in (*RATES, None):
                name = "untuned" if rate is None else f"{rate:g} false {'alarm' if rate == 1 else 'alarms'} a month"
                parts += [f"### Changes found: {stream}, {name}", power_table(months, changes, stream, rate)]
        found["power"] = "\n\n".join(parts)
    return found


def _origin(outcomes: Sequence[budget.Outcome], folder: Path) -> str:
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as cpus:
        name = next((line.split(":")[1].strip() for line in cpus if line.startswith("model name")), name)
    packages = ("numpy", "scipy", "river", "msgspec")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    counts = Counter(each.stream for each in outcomes)
    models = ", ".join(f"{counts[stream]} {stream}" for stream in budget.BUDGET_STREAMS if counts[stream])
    hours = sum(each.seconds for each in outcomes) / 3_600
    revision = folder / "revision"
    at = f", revision {revision.read_text(encoding='utf-8').strip()}" if revision.exists() else ""
    return (
        f"Run of {time.strftime('%Y-%m-%d', time.gmtime())} on {name}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, {versions}{at}. Models without change: {models}; seeds from 1 on in each "
        f"stream; {hours:.1f} hours of processor time."
    )


def write(parts: dict[str, str]) -> None:
    """Write the tables into the page, each part between its marks; others stay as they are."""
    text = PAGE.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = MARKS[name]
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}\n\n{part}\n\n{end}{tail}"
    PAGE.write_text(text, encoding="utf-8")
