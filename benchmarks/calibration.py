"""Rejection rates of unchanged windows over the significance level: writes the table in docs/calibration.md.

Usage: ``python -m benchmarks.calibration [--quick | --finished] [--processes 2] [--results build/calibration.jsonl]``

Results are kept a cell a line, so a run that was ended goes on where it stopped; remove the file to start anew.
``--quick`` prints a small table and writes nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
from scipy import special

from benchmarks.calibration_cells import LEVELS, Cell, cells
from benchmarks.calibration_runs import SEED, Outcome, run

FAMILY_WISE = 0.01
"""Probability that any of the table's cells is wrongly said to miss its limit."""
PAGE = Path(__file__).parents[1] / "docs" / "calibration.md"
BEGIN, END = "<!-- table: written by `make bench-calibration` -->", "<!-- end of table -->"


class Kept(msgspec.Struct, frozen=True):
    """A line of the file of results."""

    key: str
    outcome: Outcome
    seconds: float


def limits(cell: Cell) -> tuple[float, float]:
    """Return what the ratio of rejections to level has to lie between."""
    if cell.stream == "independent":
        return (0.0 if cell.kind == "share" else 0.5), 1.0
    return 0.0, 1.5 if cell.panes >= 1_000 else 3.0


def effective(rejected: list[int], windows: list[int]) -> tuple[float, float]:
    """Return how many rejections of how many independent windows the counts are worth."""
    counts, sizes = np.array(rejected), np.array(windows)
    total, rate = sizes.sum(), counts.sum() / sizes.sum()
    if len(counts) < 2 or not 0 < rate < 1 or sizes.max() > 1_000:
        return float(counts.sum()), float(total)
    inflation = max(1.0, float(((counts - sizes * rate) ** 2).sum() / (total * rate * (1 - rate))))
    return float(counts.sum()) / inflation, float(total) / inflation


def miss(rejected: float, windows: float, level: float, between: tuple[float, float], alpha: float) -> str:
    """Return "above", "below" or "" for a count of rejections and the limits of its ratio."""
    low, high = between[0] * level, between[1] * level
    if rejected > 0 and special.betainc(rejected, windows - rejected + 1, high) < alpha:
        return "above"
    if low and special.betaincc(rejected + 1, max(windows - rejected, 1e-9), low) < alpha:
        return "below"
    return ""


def _one(cell: Cell) -> tuple[Cell, Outcome, float]:
    start = time.perf_counter()
    return cell, run(cell), time.perf_counter() - start


def table(outcomes: list[tuple[Cell, Outcome]]) -> str:
    """Return the table in Markdown, and what misses."""
    tested = [(c, i) for c, o in outcomes for i, level in enumerate(LEVELS) if sum(o.windows) * level >= 5]
    alpha = FAMILY_WISE / max(len(tested), 1)
    titles = {
        "known": "Independent events, known independence",
        "estimated": "Dispersion estimated from the reference's panes",
        "season_known": "Season, compared with a profile by hour",
        "share": "Fraction of missing values (2 %), dispersion estimated",
    }
    lines: list[str] = []
    missed = 0
    for kind, title in titles.items():
        rows = [(cell, outcome) for cell, outcome in outcomes if cell.kind == kind]
        if not rows:
            continue
        lines += ["", f"### {title}", ""]
        lines += [
            "| stream | n | N | panes | groups | λ̄ | λ max | windows | 5 % | 1 % | 0.1 % | 10⁻⁵ |",
            "|---" * 12 + "|",
        ]
        for cell, outcome in rows:
            shown = []
            for level, rejected in zip(LEVELS, outcome.rejected, strict=True):
                count, windows = effective(rejected, outcome.windows)
                if sum(outcome.windows) * level < 5:
                    shown.append("")
                    continue
                verdict = miss(count, windows, level, limits(cell), alpha)
                missed += bool(verdict)
                ratio = f"{sum(rejected) / sum(outcome.windows) / level:.2f}"
                shown.append(f"**{ratio}** {verdict}" if verdict else ratio)
            name = (
                cell.stream
                + {"equal": "", "half_empty": ", half of the groups empty", "bootstrap": ", bootstrap"}[cell.shape]
            )
            groups = f"{outcome.n_groups:g} of {cell.bins}" if outcome.n_groups != cell.bins else str(cell.bins)
            lines.append(
                f"| {name} | {cell.n:,} | {cell.n_reference:,} | {f'{cell.panes:,}' if cell.panes else ''} | {groups} "
                f"| {outcome.lambda_bar:.2f} | {outcome.lambda_max:.2f} | {sum(outcome.windows):,} | "
                + " | ".join(shown)
                + " |"
            )
    head = (
        f"Seed {SEED}. {len(outcomes)} cells, {len(tested)} rates compared with their limits, family-wise at "
        f"{1 - FAMILY_WISE:.0%}: {missed} missed."
    )
    return "\n".join([head, *lines])


def main() -> int:
    parser = argparse.ArgumentParser(description="Rejections of unchanged windows over the level.")
    parser.add_argument("--quick", action="store_true", help="few windows, print only (2 minutes)")
    parser.add_argument("--finished", action="store_true", help="simulate nothing: write the table of the kept results")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("build/calibration.jsonl"))
    options = parser.parse_args()
    wanted = cells(quick=options.quick)
    known: dict[str, Kept] = {}
    if options.results.exists() and not options.quick:
        known = {kept.key: kept for kept in msgspec.json.Decoder(Kept).decode_lines(options.results.read_bytes())}
    if options.finished:
        wanted = [cell for cell in wanted if cell.key in known]
    # The quickest first, so that a run that is ended early leaves few cells open.
    left = sorted((cell for cell in wanted if cell.key not in known), key=lambda cell: cell.n_windows * cell.n)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for cell, outcome, seconds in pool.imap_unordered(_one, left):
            known[cell.key] = kept = Kept(cell.key, outcome, round(seconds, 1))
            print(f"{seconds:6.1f} s  {cell.key}", file=sys.stderr, flush=True)
            if not options.quick:
                with options.results.open("ab") as file:
                    file.write(msgspec.json.encode(kept) + b"\n")
    text = table([(cell, known[cell.key].outcome) for cell in wanted])
    if options.quick:
        print(text)
        return 0
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    print(text.splitlines()[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
