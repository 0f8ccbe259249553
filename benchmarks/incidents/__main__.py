"""Twelve incidents and a seasonal peak through driftline's own workers: pages, causes, onsets and delays.

Usage: ``KAFKA_BOOTSTRAP=HOST:PORT python -m benchmarks.incidents [NUMBER ...] [--backtest] [--write] [--folder PATH]``,
or ``make bench-incidents``. With ``--backtest`` both stages run in this process, without a broker; numbers choose
scenarios. ``--write`` writes the table and the alerts into docs/alerts.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.incidents import in_process, page, workers
from benchmarks.incidents.judge import results
from benchmarks.incidents.scenarios import SCENARIOS, STEADY
from benchmarks.incidents.splits import splits_in

if TYPE_CHECKING:
    from benchmarks.incidents.scenario import Scenario


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="scenarios; all by default")
    parser.add_argument("--backtest", action="store_true", help="both stages in this process, without a broker")
    parser.add_argument("--write", action="store_true", help="write docs/alerts.md")
    parser.add_argument("--folder", type=Path, help="for logs and state; a temporary one without it")
    options = parser.parse_args()
    chosen = [each for each in SCENARIOS if not options.numbers or each.number in options.numbers]
    chosen.append(STEADY)
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP")
    if options.backtest:
        said = _backtest(chosen)
    elif bootstrap:
        said = _on_kafka(bootstrap, chosen, options.folder or Path(tempfile.mkdtemp(prefix="incidents-")))
    else:
        parser.exit(2, "Expected the address of a Kafka in KAFKA_BOOTSTRAP, got none; the Makefile starts one\n")
    found, splits = results(chosen, said.alerts), splits_in(said.events)
    lines = [page.origin(said.seconds, said.n_records, in_process=options.backtest), ""]
    lines += [*page.table(found), "", *page.foot(found, splits)]
    print(*lines, sep="\n", flush=True)
    shown = page.alerts(found)
    print("", *shown, sep="\n", flush=True)
    if options.write:
        page.write([*lines, "", *shown])
    return 0 if splits.worst <= page.SUM_LIMIT else 1


def _backtest(chosen: list[Scenario]) -> workers.Said:
    started = time.monotonic()
    outputs = [each for each in in_process.run(chosen) if each.value is not None]
    alerts = [each.value for each in outputs if each.channel == "alerts" and each.value is not None]
    events = [each.value for each in outputs if each.channel == "events" and each.value is not None]
    return workers.Said(alerts, events, time.monotonic() - started, 0)


def _on_kafka(bootstrap: str, chosen: list[Scenario], folder: Path) -> workers.Said:
    name = f"incidents-{uuid.uuid4().hex[:8]}"
    print(f"logs in {folder}", file=sys.stderr, flush=True)
    return workers.run(bootstrap, chosen, name, folder)


if __name__ == "__main__":
    sys.exit(main())
