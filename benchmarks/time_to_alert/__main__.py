"""How long after a change its alert is there: real workers, real time, by the clock.

Usage: ``KAFKA_BOOTSTRAP=HOST:PORT python -m benchmarks.time_to_alert [--models N] [--at-once N] [--rate N] [--pane 10s]
[--lateness 5s] [--write] [--folder PATH]``, or ``make bench-time-to-alert``. ``--write`` writes the tables into
docs/time-to-alert.md. With 120 models it takes 20 minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Final

from benchmarks.time_to_alert import page
from benchmarks.time_to_alert.reactions import quantile
from benchmarks.time_to_alert.run import Plan, run
from driftline.config.durations import Duration

PANES_ALLOWED: Final = 3
"""Of the goal: 99 % of alerts within so many panes, and the lateness."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=120, help="of which each has one change")
    parser.add_argument("--at-once", type=int, default=12)
    parser.add_argument("--rate", type=float, default=500.0, help="events a second of each model")
    parser.add_argument("--pane", default="10s")
    parser.add_argument("--lateness", default="5s")
    parser.add_argument("--write", action="store_true", help="write docs/time-to-alert.md")
    parser.add_argument("--folder", type=Path, help="for logs and state; a temporary one without it")
    options = parser.parse_args()
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP")
    if not bootstrap:
        parser.exit(2, "Expected the address of a Kafka in KAFKA_BOOTSTRAP, got none; the Makefile starts one\n")
    plan = Plan(options.models, options.at_once, options.rate, options.pane, options.lateness)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="time-to-alert-"))
    done = run(bootstrap, plan, f"time-to-alert-{uuid.uuid4().hex[:8]}", folder)
    section = page.lines(done)
    print(*section, sep="\n", flush=True)
    for alert in done.outcome.early:
        print(f"without a change: {alert.model}: {alert.title}", file=sys.stderr)
    for onset in done.outcome.missing:
        print(f"not alerted: {onset.life}", file=sys.stderr)
    if options.write:
        page.write(section)
    allowed_s = (PANES_ALLOWED * Duration.parse(plan.pane) + Duration.parse(plan.lateness)) / 1000
    times_s = [each.seconds for each in done.outcome.reactions]
    return 0 if not done.outcome.missing and quantile(times_s, 0.99) <= allowed_s else 1


if __name__ == "__main__":
    sys.exit(main())
