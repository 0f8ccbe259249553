#!/usr/bin/env python3
"""Write docs/metrics.md from the families that driftline registers, or say with --check whether it is current."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, get_args

from written_files import ROOT, write_or_check

from driftline.events.alert import Cause
from driftline.events.dead_letter import REASONS
from driftline.events.retraining import WaitingFor
from driftline.monitoring.monitor_status import MissingReason
from driftline.native.library import ABI
from driftline.runtime.notify.figures import Figures
from driftline.runtime.operations.metric_families import MODEL
from driftline.runtime.operations.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.runtime.operations.metric_families import Family

TARGET: Final = ROOT / "docs" / "metrics.md"

HEAD: Final = """\
# Prometheus metrics

<!-- Written by scripts/metrics_reference.py from the families in driftline.runtime.operations; change those. -->

Each `driftline run` serves its metrics at `/metrics` (`telemetry.host`, `telemetry.port`). Recording rules, alerting
rules, Alertmanager routes and Grafana dashboards are in [`deploy/`](../deploy); the [runbook](runbook.md) has a section
for each alert. Beside the families below there are those of the Python client (`process_*`, `python_*`). There are no
`_created` series.

Metrics show the last state. The [events](events.md) hold every evaluation with its evidence, histograms included.

Metrics of models come from the detect workers; each model is in one of them. After a restart, distances, performance
and estimates appear with the next window. A version that has had neither predictions nor labels for its
`labels.horizon`, in event time, and has no open alert is removed from the metrics.

"""

LABELS: Final = {
    "age": "How long after its end a performance window was evaluated: one of `labels.revisions`, or the horizon.",
    "cause": "Cause of an alert: " + ", ".join(f"`{cause}`" for cause in get_args(Cause)) + ".",
    "channel": "Output topic: `events` or `alerts`.",
    "check": "Name of a check of several columns.",
    "code": f"What reads records: `native {ABI}`, with the version of the library, or `portable`.",
    "column": "Name of the column.",
    "distance": "Name of a distance, as in `checks.distances`; bias-corrected where it can be.",
    "metric": "Name of a performance metric, as in events.",
    "missing": "Why there is no proposal: " + ", ".join(f"`{reason}`" for reason in get_args(MissingReason)) + ".",
    "model": "Name of the model; empty for alerts about an input topic as such.",
    "model_version": "Version of the model; for an input topic `intake.predictions`, `intake.labels` or `labels`.",
    "name": "Name of a further number, as in `predictions.fields.operations`.",
    "outcome": "What became of a label or prediction in the join ([list](operation.md#predictions-awaiting-labels)).",
    "partition": "Partition of the topic.",
    "proposal": "Kind of a proposal: `recalibration` or `threshold`.",
    "python": "Version of Python.",
    "quantile": "`0.5`, `0.95` or `0.99`.",
    "reason": "Reason code of a dead letter: " + ", ".join(f"`{reason}`" for reason in sorted(REASONS)) + ".",
    "role": "Whether the column is a `feature`, the `prediction` or the `score`.",
    "severity": "Severity of an alert: `warning` or `critical`.",
    "sink": "Name of a sink of [`driftline notify`](notify.md).",
    "topic": "Name of the topic.",
    "topic_kind": "`predictions`, `labels`, `joins` (the pending topic), `control` or `panes`.",
    "version": "Version of driftline.",
    "waiting_for": "What a retraining policy waits for: "
    + ", ".join(f"`{waiting_for}`" for waiting_for in get_args(WaitingFor))
    + ".",
    "window": "Size of the window as a duration, such as `1h`.",
}
"""A label without a text here stops the script."""

TAIL: Final = """
## Number of series

Each model has about 30 series, with labels one more for each performance metric and age, and one for each estimated
metric. `telemetry: {detail: column}` (the default) adds, for each column and size of evaluation windows, one for each
of `checks.distances` and two more: 200 with 20 columns, two sizes and three distances. For many
models use `telemetry: {detail: model}`: `driftline_largest_distance` and `driftline_largest_unusable_ratio` still show
that a column has changed, and the events say which.

A process has metrics of at most `telemetry.max_models` models and versions. Further ones are counted in
`driftline_models_not_shown`, and the log says so once. Their events and alerts are not affected.

## Scraping

A scrape interval of 15 to 60 s is enough: metrics of models change when a window closes. `rate()` and `increase()` of
the counters need at least two scrapes within their range.
"""


def table(families: Iterable[Family]) -> str:
    """Return a table of families."""
    head = "| metric | type | labels | |\n| --- | --- | --- | --- |\n"
    rows = (
        f"| `{family.name}` | {family.kind} | {', '.join(f'`{label}`' for label in family.labels)} "
        f"| {family.documentation}. |\n"
        for family in families
    )
    return head + "".join(rows)


def reference() -> str:
    """Return the whole page."""
    families = Telemetry().families
    of_models = [family for family in families if family.labels[:2] == MODEL]
    others = [family for family in families if family not in of_models]
    of_notifier = Figures().families
    labels = sorted({label for family in (*families, *of_notifier) for label in family.labels})
    return (
        HEAD
        + "## The process, topics and partitions\n\n"
        + table(others)
        + "\nHistograms have the series `_bucket`, `_sum` and `_count`.\n\n## Models\n\n"
        + table(of_models)
        + "\n## The notifier\n\n`driftline notify` serves these on `notify.port`.\n\n"
        + table(of_notifier)
        + "\n## Labels\n\n| label | |\n| --- | --- |\n"
        + "".join(f"| `{label}` | {LABELS[label]} |\n" for label in labels)
        + TAIL
    )


def main() -> int:
    """Write the page, or check it."""
    return write_or_check(__doc__, lambda: {TARGET: reference()})


if __name__ == "__main__":
    sys.exit(main())
