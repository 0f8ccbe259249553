"""Show events of a backtest, or of the output topics written to a file, as short tables.

    python -m examples.late_labels.show performance events.ndjson --day 2026-02-01
    python -m examples.late_labels.show estimate events.ndjson --from 2026-02-10 --to 2026-02-16 --age 0

It uses none of driftline's code: an event is a line of JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

DAY_MS = 86_400_000
Row = tuple[str, ...]
Event = dict[str, Any]


def share(value: float | None) -> str:
    """Return a fraction in percent."""
    return "–" if value is None else f"{value:.1%}"


def span(ends: list[float] | tuple[float, float] | None) -> str:
    """Return an interval of fractions in percent."""
    return "–" if ends is None else f"{ends[0]:.1%} – {ends[1]:.1%}"


def age(ms: int) -> str:
    """Return an age in days, or in hours below one."""
    return f"{ms / DAY_MS:.0f} d" if ms >= DAY_MS or ms == 0 else f"{ms / 3_600_000:.3g} h"


def performance(event: Event, metric: str) -> Row:
    """Return the performance of a day's predictions from the labels of an age."""
    corrected = event["corrected"] or {"status": "–", "metrics": {}, "standard_errors": {}, "bounds": {}}
    value, error = corrected["metrics"].get(metric), corrected["standard_errors"].get(metric)
    mended = corrected["status"] if value is None else f"{share(value)} ± {share(error)}"
    final = ", final" if event["final"] else ""
    counted = (share(event["coverage"]), share(event["metrics"][metric]), span(event["intervals"].get(metric)))
    return (day(event), age(event["age_ms"]) + final, *counted, mended, span(corrected["bounds"].get(metric)))


def estimate(event: Event, metric: str) -> Row:
    """Return the estimate of a day's performance beside the realised value."""
    expected, again = event["metrics"][metric], (event["refitted"] or {}).get(metric)
    realised, record = (event["realised"] or {}).get(metric), event["record"].get(metric)
    trust = "–" if record is None else f"{record['within']:.0%} of {record['n_windows']}"
    band = span((expected["lower"], expected["upper"]))
    known = (share(event["coverage"]), share(realised), "–" if again is None else share(again["value"]), trust)
    return (day(event), age(event["age_ms"]), share(expected["value"]), band, *known)


def arrival(event: Event, _metric: str) -> Row:
    """Return the labelled fraction of a day's predictions at an age, beside that of earlier days."""
    test = event["test"]
    usual = "–" if test is None else f"{share(test['share'])} of {test['n_cohorts']} days"
    curve = ", ".join(f"{age(each['age_ms'])} {each['share']:.0%}" for each in event["curve"] if asked(each["age_ms"]))
    return (day(event), age(event["age_ms"]), share(event["share"]), usual, event["status"], curve)


def asked(age_ms: int) -> bool:
    """Return whether a point of the curve is shown."""
    return age_ms in {3_600_000, DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS}


def stream(event: Event, _metric: str) -> Row:
    """Return how many labels of a day joined and how many are orphans."""
    return (day(event), f"{event['n_joined']:,}", f"{event['n_orphans']:,}", share(event["orphan_share"]))


def alert(event: Event, _metric: str) -> Row:
    """Return the state of an alert."""
    return (event["told"][:10], event["state"], event["severity"], event["title"], event["since"][:10])


def day(event: Event) -> str:
    """Return the day of an event's window."""
    return str(event["window"]["start"][:10])


TABLES = {
    "performance": (performance, ("day", "age", "labelled", "{}", "95 %", "corrected", "bounds")),
    "estimate": (estimate, ("day", "age", "estimate", "band", "labelled", "realised", "refitted", "in the band")),
    "label_arrival": (arrival, ("day", "age", "labelled", "baseline", "status", "curve")),
    "label_stream": (stream, ("day", "joined", "orphans", "rate")),
    "alert": (alert, ("reported", "state", "severity", "what", "since")),
}


def main() -> None:
    """Read the events, choose some and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("kind", choices=TABLES)
    parser.add_argument("events", type=Path)
    parser.add_argument("--metric", default="accuracy")
    parser.add_argument("--day", help="of the predictions")
    parser.add_argument("--from", dest="first", default="", help="day")
    parser.add_argument("--to", dest="last", default="9", help="day, inclusive")
    parser.add_argument("--age", type=int, help="in days")
    options = parser.parse_args()
    first, last = (options.day, options.day) if options.day else (options.first, options.last)
    row_of, head = TABLES[options.kind]
    rows: list[Row] = [tuple(name.format(options.metric) for name in head)]
    for line in options.events.read_text().splitlines():
        event = json.loads(line)
        if event.get("type") != f"io.driftline.{options.kind}.v1":
            continue
        data = {**event["data"], "told": event["time"]}
        if first <= day(data) <= last and options.age in {None, data.get("age_ms", 0) // DAY_MS}:
            rows.append(row_of(data, options.metric))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
