"""Labels up to three months late on a real Kafka: what comes of them, whatever is killed, and what they cost.

Usage: ``KAFKA_BOOTSTRAP=HOST:PORT python -m benchmarks.late_labels [exact|killed|pending|all] [--predictions N]
[--pending N] [--kills N] [--folder PATH]``, or ``make bench-late-labels``. ``exact`` and ``killed`` read the same
topics, and must say the same, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.late_labels import pending
from benchmarks.late_labels.exact import Outcome, Prepared, prepare, report, run
from benchmarks.late_labels.harm import Harm, moments
from benchmarks.late_labels.scenario import Scenario

DEADLINE_S: Final = 300.0
"""Without any progress."""
PARTS: Final = ("all", "exact", "killed", "pending")


def exact(prepared: Prepared, folder: Path) -> Outcome:
    outcome = run(prepared, Scenario(prepared.given, f"{prepared.given.name}-exact", folder), deadline_s=DEADLINE_S)
    print(*report(prepared, outcome), "", sep="\n", flush=True)
    return outcome


def killed(prepared: Prepared, folder: Path, n_kills: int, undisturbed: Outcome | None) -> Outcome:
    harm = Harm(moments(1, n_kills, greatest_pause_s=2.0), DEADLINE_S)
    scenario = Scenario(prepared.given, f"{prepared.given.name}-killed", folder)
    outcome = run(prepared, scenario, harm, DEADLINE_S)
    print(*report(prepared, outcome), "", *harm.done, "", sep="\n", flush=True)
    if undisturbed is not None:
        same = same_events(undisturbed, outcome)
        print(f"The {len(outcome.events.by_id):,} events are {'' if same else 'NOT '}those of the run without a kill.")
        assert same
    return outcome


def same_events(first: Outcome, second: Outcome) -> bool:
    """Return whether two runs under different prefixes said the same; only ``ce_source`` names the prefix."""
    return first.events.by_id == second.events.by_id


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, default="all")
    parser.add_argument("--predictions", type=int, default=5_000_000, help="of `exact` and `killed`")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pending", type=int, default=10_000_000, help="predictions that wait in one worker")
    parser.add_argument("--joined", type=int, default=1_000_000, help="labels that then come")
    parser.add_argument("--folder", type=Path, help="for logs and state; a temporary one without it")
    options = parser.parse_args()
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP")
    if not bootstrap:
        parser.exit(2, "Expected the address of a Kafka in KAFKA_BOOTSTRAP, got none; the Makefile starts one\n")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="late-labels-"))
    print(f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, {os.cpu_count()} cores; logs in {folder}", flush=True)
    wrong = 0
    if options.part != "pending":
        prepared = prepare(bootstrap, options.predictions)
        undisturbed = exact(prepared, folder) if options.part != "killed" else None
        harmed = killed(prepared, folder, options.kills, undisturbed) if options.part != "exact" else None
        wrong = sum(len(each.comparison.misfits) for each in (undisturbed, harmed) if each is not None)
    if options.part in {"all", "pending"}:
        phases = []
        for phase in pending.measure(bootstrap, options.pending, options.joined, folder):
            phases.append(phase)
            print(phase, file=sys.stderr, flush=True)
        print(*pending.table(phases), sep="\n", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
