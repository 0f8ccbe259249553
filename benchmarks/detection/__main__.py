"""False alarms of unchanged models, and detection delays: writes the tables in docs/detection.md.

Usage: ``python -m benchmarks.detection [budget|power|check|write] [--models 200] [--first 1] [--quick]
[--out build/detection]``, or ``make bench-detection``. Results are kept a model a line, so a run that was ended goes on
where it stopped; remove the folder to start anew. ``--quick`` prints a small table and writes no page.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.detection import budget, page, power

PARTS = ("all", "budget", "power", "check", "write")
QUICK_STREAMS = ("independent", "bursty")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, default="all")
    parser.add_argument("--models", type=int, default=200, help="unchanged models of each stream")
    parser.add_argument("--first", type=int, default=1, help="first of these models, if others were run elsewhere")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/detection"), help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="a small version, which writes no page")
    options = parser.parse_args()
    streams = QUICK_STREAMS if options.quick else budget.BUDGET_STREAMS
    folder, n_models = options.out, 1 if options.quick else options.models
    n_months, n_runs = (2, 2) if options.quick else (power.N_MONTHS, power.N_RUNS)
    if options.quick and options.out == parser.get_default("out"):
        folder = Path("build/detection-quick")
    if options.part == "check":
        return check(streams, 1 if options.quick else 8)
    if options.part in {"all", "power"}:
        power.run(folder, n_months, n_runs, options.processes)
    if options.part in {"all", "budget"}:
        budget.run(folder, range(options.first, n_models + 1), options.processes, streams)
    parts = page.tables(folder, n_models, n_months, n_runs)
    if options.quick:
        print("\n\n".join(parts.values()))
    else:
        page.write(parts)
        print(f"{page.PAGE} written", file=sys.stderr)
    return 0


def check(streams: tuple[str, ...], n_days: int) -> int:
    """Compare the two ways to run a model; return the exit code."""
    failed = 0
    for seed, stream in enumerate(streams, start=1):
        compared, differs = budget.compare(stream, seed, n_days)
        print(f"{stream}, {n_days} days: {compared} p-values up to 0.01, {len(differs)} differ", flush=True)
        failed += bool(differs)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
