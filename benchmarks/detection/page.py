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
from benchmarks.detection.power_table import StreamTable, power_table, rates_table, standing_table, variants_table

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE: Final = Path(__file__).parents[2] / "docs" / "detection.md"
LEVELS_SAY: Final = (
    "Per test: the number of p-values at or below its significance level, with 95 % limits of their expected number. "
    "The last columns divide the number at or below a less strict level by the number expected."
)
STANDING_SAYS: Final = (
    "By restricted mean delay. *First*: driftline's is the least. *Close*: at most 10 % above the least, which is "
    "given. **no**: more than that. *None finds it*: the least is above nine tenths of the followed time. "
    "In the months not tuned on, † driftline opened more alerts than the best of the other methods, ‡ the first method "
    "opened more than driftline."
)
VARIANTS_SAY: Final = (
    "Restricted mean delay in hours at one false alarm a month: driftline / without gates / windows only "
    "(`checks.sequential: false`)."
)
MARKS: Final = {
    "budget": ("<!-- false alarms: written by `make bench-detection` -->", "<!-- end of the false alarms -->"),
    "power": ("<!-- power: written by `make bench-detection` -->", "<!-- end of the power -->"),
}
"""Between which each part of the tables stands."""


def tables(folder: Path, n_models: int, n_months: int = power.N_MONTHS, n_runs: int = power.N_RUNS) -> dict[str, str]:
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
    parts = []
    for study, describe in ((power.COLUMNS, _columns), (power.ERRORS, _errors)):
        kept = power.Kept(folder, study, n_months, n_runs)
        if kept.changes:
            parts.append(describe(kept))
    if parts:
        found["power"] = "\n\n".join([f"{_machine()}.", *parts])
    return found


def _columns(kept: power.Kept) -> str:
    tuned = _tables(kept, tuned=True)
    parts = [
        _runs(kept),
        "### Where driftline stands, all methods at one false alarm a month",
        STANDING_SAYS,
        standing_table(tuned),
        "### What each method is tuned to",
        rates_table(kept),
        *_delays(kept, tuned),
        "### What gates and e-detectors are worth",
        VARIANTS_SAY,
        variants_table(tuned),
    ]
    return "\n\n".join(parts)


def _errors(kept: power.Kept) -> str:
    tuned = _tables(kept, tuned=True)
    parts = ["### Falls of accuracy", _runs(kept), standing_table(tuned), rates_table(kept), *_delays(kept, tuned)]
    return "\n\n".join(parts)


def _tables(kept: power.Kept, *, tuned: bool) -> dict[str, StreamTable]:
    tables = {stream: StreamTable.of(kept, stream, tuned=tuned) for stream in kept.study.streams}
    return {stream: table for stream, table in tables.items() if table.delays}


def _delays(kept: power.Kept, tuned: dict[str, StreamTable]) -> list[str]:
    untuned, parts = _tables(kept, tuned=False), []
    for stream, table in tuned.items():
        title = f"### Accuracy, {stream}" if kept.study.prefix else f"### {stream.capitalize()}"
        parts += [f"{title}: one false alarm a month", power_table(table, tuned=True)]
        parts += [f"{title}: defaults", power_table(untuned[stream], tuned=False)]
    return parts


def _runs(kept: power.Kept) -> str:
    runs = Counter(each.stream for each in kept.changes if each.scenario == kept.changes[0].scenario)
    streams: dict[tuple[int, ...], list[str]] = {}
    for stream in kept.study.streams:
        streams.setdefault((*map(len, kept.months(stream)), runs[stream]), []).append(stream)
    told = (
        f"{'each stream' if len(streams) == 1 else ', '.join(names)} {tuning} months to tune on, {others} others to "
        f"count false alarms on, and {changes} runs of each change"
        for (tuning, others, changes), names in streams.items()
    )
    return f"On {'; on '.join(told)}."


def _machine() -> str:
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as cpus:
        name = next((line.split(":")[1].strip() for line in cpus if line.startswith("model name")), name)
    packages = ("numpy", "scipy", "river", "msgspec")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"Run of {time.strftime('%Y-%m-%d', time.gmtime())} on {name}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, {versions}"
    )


def _origin(outcomes: Sequence[budget.Outcome], folder: Path) -> str:
    counts = Counter(each.stream for each in outcomes)
    models = ", ".join(f"{counts[stream]} {stream}" for stream in budget.BUDGET_STREAMS if counts[stream])
    hours = sum(each.seconds for each in outcomes) / 3_600
    revision = folder / "revision"
    at = f", revision {revision.read_text(encoding='utf-8').strip()}" if revision.exists() else ""
    return (
        f"{_machine()}{at}. Models without change: {models}; seeds from 1 on in each stream; "
        f"{hours:.1f} hours of processor time."
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
