"""Millions of predictions that wait in one worker: memory, disk, restoring, and what the join costs beside sketching.

In turns: predictions are read until all of them wait; further ones are read beside labels of random ones that wait; a
worker without labels reads those further ones, after all others; a worker with an empty disk restores all that waits.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.late_labels import topics
from benchmarks.late_labels.edges import DAY
from benchmarks.late_labels.features import features
from benchmarks.late_labels.ids import partitions
from benchmarks.late_labels.resources import Sampler, Use
from benchmarks.late_labels.scenario import Input, Scenario
from benchmarks.late_labels.traffic import BINARY, START_MS, Records, Traffic, model_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.workers import WorkerProcess

N_PARTITIONS: Final = 4
SPAN_MS: Final = 30 * DAY
"""Over which the waiting predictions were made."""
LABELS_PER_S: Final = 1_000
"""Of event time, while labels come: as many predictions, so a flush of a second meets few panes."""
WIDE: Final = features(15, 5)
"""As many as the predictions have whose rate `make bench` measures."""
COUNTED_FROM: Final = 0.1
"""Rates are those from this share of the records on: without the start of the process and the group."""
SECTIONS: Final[dict[str, dict[str, object]]] = {
    "time": {"pane": "10m", "lateness": "1m", "idle_timeout": "1d"},
    "windows": {"verdict": ["1d"], "display": "1h", "hop": "10m", "performance": "1h"},
}
_RESTORED: Final = re.compile(r'^\{.*"message": "pending restored".*$', re.MULTILINE)
DEADLINE_S: Final = 1_800.0


class Phase(NamedTuple):
    """One phase of the benchmark.

    Attributes
    ----------
    name : str
    n : int
        Predictions, or entries restored.
    per_second : float
    use : Use
    """

    name: str
    n: int
    per_second: float
    use: Use


def waiting(n: int, m: int, seed: int = 1) -> tuple[Traffic, Traffic]:
    """Return ``n`` predictions without labels; and ``m`` further ones, beside labels of ``m`` of the first."""
    rng = np.random.default_rng([seed, n, m])
    times = START_MS + np.linspace(0, SPAN_MS, n).astype(np.int64)
    later = START_MS + SPAN_MS + np.arange(m) * 1_000 // LABELS_PER_S
    model = rng.integers(0, 2, n + m)
    score, happens, predicted, actual = model_rows(rng, n + m)
    value, truth = np.where(model == BINARY, score, predicted), np.where(model == BINARY, happens, actual)
    place = np.concatenate(
        [partitions(part, N_PARTITIONS) for part in np.array_split(np.arange(n + m), 1 + n // 500_000)]
    )
    labelled = rng.choice(n, m, replace=False)
    none = Records(*(np.zeros(0, dtype=np.int64),) * 3, np.zeros(0))
    first = Records(times, times, np.arange(n), value[:n])
    more = Records(later, later, n + np.arange(m), value[n:])
    labels = Records(later, later, labelled, truth[labelled])

    def traffic(predictions: Records, labels: Records) -> Traffic:
        return Traffic(predictions, labels, model, place, truth, {}, N_PARTITIONS)

    return traffic(first, none), traffic(more, labels)


def measure(bootstrap: str, n: int, m: int, folder: Path) -> Iterator[Phase]:
    """Yield the phases as they end."""
    first, second = waiting(n, m)
    given = Input(bootstrap, f"late-{uuid.uuid4().hex[:8]}", N_PARTITIONS)
    given.create()
    topics.write(bootstrap, first, given.topics, WIDE)
    joining = Scenario(given, f"{given.name}-joined", folder, sections=SECTIONS, features=WIDE)
    with joining.running():
        yield from _read("fill", joining, "sketch-0", 0, n, n)
        topics.write(bootstrap, second, given.topics, WIDE)
        yield from _read("join", joining, "sketch-0", n, n + 2 * m, m)
    alone = Scenario(given, f"{given.name}-alone", folder, sections=SECTIONS, features=WIDE, labels=False)
    with alone.running():
        yield from _read("sketch alone", alone, "sketch-0", n, n + m, m)
    shutil.rmtree(joining.state_of("sketch-0"), ignore_errors=True)
    with joining.running():
        yield from _restore(joining, "sketch-1", n + m)


def _read(name: str, scenario: Scenario, worker: str, start: int, end: int, n: int) -> Iterator[Phase]:
    """Yield the phase in which a worker commits the records between two counts, of which ``n`` are predictions."""
    counted_from = start + int(COUNTED_FROM * (end - start))
    process = scenario.start(worker)
    with Sampler(process.process.pid, scenario.state_of(worker)) as sampler:
        began = scenario.await_committed(counted_from, DEADLINE_S)
        already = scenario.committed()
        ended = scenario.await_committed(end, DEADLINE_S)
        share = (end - already) / (end - start)
        yield Phase(name, n, n * share / (ended - began), sampler.take())
        process.stop()


def _restore(scenario: Scenario, worker: str, n: int) -> Iterator[Phase]:
    """Yield the phase in which a worker with an empty disk restores ``n`` entries."""
    process = scenario.start(worker)
    with Sampler(process.process.pid, scenario.state_of(worker)) as sampler:
        end = time.monotonic() + DEADLINE_S
        while len(restored := _restored(process)) < N_PARTITIONS:
            scenario.expect_running()
            assert time.monotonic() < end, f"nothing restored in {DEADLINE_S:g} s\n{process.log()[-3000:]}"
            time.sleep(0.2)
        yield Phase("restore", n, n / sum(float(line["seconds"]) for line in restored), sampler.take())
        process.stop()


def _restored(process: WorkerProcess) -> list[dict[str, float]]:
    return [json.loads(line) for line in _RESTORED.findall(process.log())]


def table(phases: list[Phase]) -> list[str]:
    """Return the phases as the rows of a table, and the ratio of the join's cost to that of sketching."""
    mega = 1e6
    rows = [
        "| phase | predictions | per second | RSS at most | of it anonymous | store on disk |",
        "| ----- | ----------: | ---------: | ----------: | --------------: | ------------: |",
    ]
    rows += [
        f"| {p.name} | {p.n:,} | {p.per_second:,.0f} | {p.use.rss / mega:,.0f} MB | {p.use.anonymous / mega:,.0f} MB "
        f"| {p.use.disk / mega:,.0f} MB |"
        for p in phases
    ]
    rates = {phase.name: phase.per_second for phase in phases}
    if {"join", "sketch alone"} <= rates.keys():
        ratio = rates["sketch alone"] / rates["join"]
        rows += ["", f"A prediction with its label costs {ratio:.2f} times as much as sketching it without labels."]
    return rows
