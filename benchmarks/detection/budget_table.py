"""The table of the budget, in Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from benchmarks.detection.budget import BUDGET_STREAMS, LEVELS, N_COUNTED
from benchmarks.detection.intervals import limits_of_count, upper_limit
from benchmarks.detection.traffic import DAY_MS
from driftline.checks.contract.check import tests_of
from driftline.checks.quality.whole import ALTERNATIVES
from driftline.config.model import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.detection.budget import Outcome

SETTINGS: Final = ModelSettings()
"""Checks as simulated models have them."""
MOST: Final = 1.2
"""Pages a model that the upper limit may reach."""
FAMILIES: Final = {
    "distribution": "distribution of a column",
    "quality": "quality of a column",
    "whole": "quality of the window as a whole",
    "multivariate": "correlations",
}
SIZES: Final = {3_600_000: "1 h", DAY_MS: "1 d"}


def pages_table(outcomes: Sequence[Outcome]) -> str:
    """Return false alarms per model, with the limit that must not be exceeded."""
    lines = [
        "| stream | models | false alarms | per model | 95 % upper limit | at most 1.2 | models with any | by cause |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stream in [*BUDGET_STREAMS, "all"]:
        mine = [each for each in outcomes if stream in {each.stream, "all"}]
        if not mine:
            continue
        counts = [sum(each.pages.values()) for each in mine]
        causes: Counter[str] = Counter()
        for each in mine:
            causes.update(each.pages)
        limit = upper_limit(counts)
        told = ", ".join(f"{cause} {n}" for cause, n in sorted(causes.items())) or "-"
        lines.append(
            f"| {stream} | {len(mine)} | {sum(counts)} | {sum(counts) / len(mine):.3f} | {limit:.3f} | "
            f"{'yes' if limit <= MOST else '**no**'} | {sum(count > 0 for count in counts)} | {told} |"
        )
    return "\n".join(lines)


def levels_table(outcomes: Sequence[Outcome]) -> str:
    """Return p-values beside their significance levels, of the models of which they were counted."""
    columns = " | ".join(f"p ≤ {level:g}" for level in LEVELS)
    lines = [
        f"| stream | window | test | tests per model | sum of the levels | p ≤ level | {columns} |",
        "|---" * (6 + len(LEVELS)) + "|",
    ]
    for stream in BUDGET_STREAMS:
        mine = [each for each in outcomes if each.stream == stream and each.seed <= N_COUNTED]
        for size, name in SIZES.items():
            for family, words in FAMILIES.items():
                lines += _level_lines(stream, (size, name), (family, words), mine)
    return "\n".join(lines)


def _level_lines(stream: str, size: tuple[int, str], family: tuple[str, str], mine: Sequence[Outcome]) -> list[str]:
    if not mine:
        return []
    of_window = {"distribution": mine[0].n_columns, "quality": mine[0].n_columns}.get(family[0], 1)
    n_tests = sum(each.n_windows[size[0]] for each in mine) * of_window
    nothing = [0] * (1 + len(LEVELS))
    counts = [sum(each.small.get(f"{size[0]}/{family[0]}", nothing)[i] for each in mine) for i in range(len(nothing))]
    expected = n_tests * mine[0].levels[size[0]] * (ALTERNATIVES if family[0] == "whole" else 1)
    ratios = [_ratio(count, n_tests * level) for count, level in zip(counts[1:], LEVELS, strict=True)]
    cells = [stream, size[1], family[1], f"{n_tests // len(mine):,}", f"{expected:.2f}", _count(counts[0]), *ratios]
    return [f"| {' | '.join(cells)} |"]


def _ratio(count: int, expected: float) -> str:
    """Return a count over what the level allows, where that is enough to say anything."""
    return f"{count / expected:.2f}" if expected >= 5 else f"{count} of {expected:.1f}"


def _count(count: int) -> str:
    low, high = limits_of_count(count)
    return f"{count} ({low:.1f} to {high:.1f})"


def found_table(outcomes: Sequence[Outcome]) -> str:
    """Return findings within the budget, by check, beside the sum of all levels."""
    lines = ["| stream | sum of all levels | p ≤ level | findings: p ≤ level and effect ≥ gate | by check |"]
    lines.append("|---|---|---|---|---|")
    for stream in BUDGET_STREAMS:
        mine = [each for each in outcomes if each.stream == stream]
        if not mine:
            continue
        checks: Counter[str] = Counter()
        for each in mine:
            checks.update(each.found)
        small = sum(counts[0] for each in mine for counts in each.small.values())
        spent = sum(
            n * each.levels[size] * (tests_of("column", SETTINGS) * each.n_columns + tests_of("window", SETTINGS))
            for each in mine
            for size, n in each.n_windows.items()
        )
        told = ", ".join(f"`{check}` {n}" for check, n in sorted(checks.items())) or "-"
        lines.append(f"| {stream} | {spent:.1f} | {_count(small)} | {sum(checks.values())} | {told} |")
    return "\n".join(lines)
