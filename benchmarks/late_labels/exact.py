"""The whole of it: traffic on a broker, workers that read it, and what they say beside what must be said."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.late_labels import metrics, rules, topics, traffic
from benchmarks.late_labels.results import Comparison, Events, compare, label_stream, lines
from benchmarks.late_labels.scenario import DAY, WINDOW_MS, Input, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.late_labels.metrics import Expected
    from benchmarks.late_labels.results import Window

N_PARTITIONS: Final = 4
POLL_S: Final = 0.2


class Prepared(NamedTuple):
    """Traffic on a broker, and what must come of it.

    Attributes
    ----------
    given : Input
    counts : rules.Counts
    windows : dict of Window to Expected
    """

    given: Input
    counts: rules.Counts
    windows: dict[Window, Expected]


class Outcome(NamedTuple):
    """What came of it.

    Attributes
    ----------
    comparison : Comparison
    stream : tuple of (int, int, int)
        Predictions, labels with a value that joined one, and orphans, as the committed flush records count them.
    became : dict of str to int or None
        Labels and predictions by what became of them, as the sketch workers count them; None where some were killed.
    events : Events
    seconds : float
        From the start of the workers to the commit of the last input record.
    settled : float
        From the start of the workers to the last revision of the last window.
    """

    comparison: Comparison
    stream: tuple[int, int, int]
    became: dict[str, int] | None
    events: Events
    seconds: float
    settled: float


def prepare(bootstrap: str, n: int, seed: int = 1) -> Prepared:
    """Write the traffic of ``n`` predictions to topics of its own, and work out what must come of it."""
    made = traffic.make(n, N_PARTITIONS, seed)
    truth = rules.truth(made)
    rules.check_edges(made, truth)
    expected = metrics.windows(made, truth, WINDOW_MS, traffic.START_MS + traffic.SPAN_MS + DAY)
    given = Input(bootstrap, f"late-{uuid.uuid4().hex[:8]}", N_PARTITIONS)
    given.create()
    n_records = topics.write(bootstrap, made, given.topics)
    return Prepared(given._replace(n_records=n_records), truth.counts, expected)


def run(
    prepared: Prepared,
    scenario: Scenario,
    harm: Callable[[Scenario, Prepared], None] | None = None,
    deadline_s: float = 120,
) -> Outcome:
    """Let two sketch workers and a detect worker read all of it, and harm them meanwhile."""
    events, started = Events(scenario), time.monotonic()
    with scenario.running():
        for name in ("sketch-0", "sketch-1", "detect-0"):
            scenario.start(name)
        if harm is not None:
            harm(scenario, prepared)
        committed = scenario.await_committed(prepared.given.n_records, deadline_s)
        end, n_events = 0.0, -1
        while len(events.final) < len(prepared.windows):
            events.read()
            scenario.expect_running()
            if len(events.by_id) > n_events:
                n_events, end = len(events.by_id), time.monotonic() + deadline_s
            assert time.monotonic() < end, f"{len(events.final)} of {len(prepared.windows)} windows\n{scenario.logs()}"
            time.sleep(POLL_S)
        settled = time.monotonic()
        became = scenario.became() if harm is None else None
        scenario.stop_all()
    events.read()
    stream = label_stream(scenario)
    comparison = compare(prepared.windows, events.final)
    return Outcome(comparison, stream, became, events, committed - started, settled - started)


def report(prepared: Prepared, outcome: Outcome) -> list[str]:
    """Return what was found, as lines of a page."""
    counts, comparison = prepared.counts, outcome.comparison
    per_second = prepared.given.n_records / outcome.seconds
    records = f"{prepared.given.n_records:,} records: " + ", ".join(
        f"{n:,} {name}" for name, n in counts._asdict().items()
    )
    run = (
        f"Read in {outcome.seconds:,.1f} s ({per_second:,.0f} records a second, start of the processes included), last "
        f"revision after {outcome.settled:,.1f} s; {comparison.n_windows} windows, {len(outcome.events.by_id):,} "
        f"events, {outcome.events.n_repeated} repetitions, all byte for byte."
    )
    n_predictions, n_values, n_orphans = outcome.stream
    counted = (
        f"Counted by driftline: {n_predictions:,} predictions, {n_values:,} labels that gave one a value, "
        f"{n_orphans:,} orphans; {'exact' if outcome.stream == counts.stream else f'EXPECTED {counts.stream}'}."
    )
    if outcome.became is not None:
        exact = unexpected(counts, outcome.became)
        counted += f" By the workers' own figures: {exact or 'every outcome exact'}."
    differences = f"{len(comparison.misfits)} differences from scikit-learn."
    return [records, run, counted, differences, *comparison.misfits[:20], "", *lines(comparison)]


def unexpected(counts: rules.Counts, became: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return what the workers count otherwise than it is: (expected, counted) by outcome."""
    return {
        name: (getattr(counts, name), became.get(name, 0))
        for name in ("joined", "corrected", "retracted", "repeated", "duplicates", "orphaned")
        if getattr(counts, name) != became.get(name, 0)
    }
