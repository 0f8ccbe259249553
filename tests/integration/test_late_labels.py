"""Labels up to three months late, on a real broker: every window's last revision is what scikit-learn says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.late_labels import edges, rules, traffic
from benchmarks.late_labels.exact import prepare, run, unexpected
from benchmarks.late_labels.scenario import REVISIONS, Scenario
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from pathlib import Path

N = 60_000


def test_the_traffic_is_worth_joining() -> None:
    made = traffic.make(N)
    found = rules.truth(made)
    rules.check_edges(made, found)
    counts = found.counts
    assert counts.predictions == N + 1 + made.n_partitions, "one id is used again after the horizon"
    assert counts.duplicates == pytest.approx(0.01 * N, rel=0.1)
    assert counts.orphaned > 0.018 * N, "orphans, labels past the horizon and labels too early"
    assert counts.never == pytest.approx(0.06 * N, rel=0.1)
    assert counts.corrected > 0.014 * N
    assert counts.retracted > 0.004 * N
    assert counts.repeated > 0.009 * N
    late = made.labels.arrival_ms - made.labels.time_ms > traffic.LATENESS_MS
    assert 0.01 < late.mean() < 0.03
    taken_back = np.isnan(made.labels.value).mean()
    assert 0.003 < taken_back < 0.01
    assert set(made.edges.values()) == set(edges.EDGE_CASES)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_last_revisions_are_what_scikit_learn_says(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    prepared = prepare(real_broker, N)
    outcome = run(prepared, Scenario(prepared.given, topic_prefix, tmp_path), deadline_s=patient(120))
    assert not outcome.comparison.misfits, "\n".join(outcome.comparison.misfits[:20])
    assert outcome.stream == prepared.counts.stream
    assert outcome.became is not None
    assert unexpected(prepared.counts, outcome.became) == {}
    assert outcome.comparison.windows_with["accuracy"] == outcome.comparison.windows_with["mae"] == 25
    for window, events in outcome.events.performance.items():
        if window in prepared.windows:
            assert [event["revision"] for event in events] == list(range(REVISIONS))
            coverage = [event["coverage"] for event in events]
            assert coverage[0] < coverage[-1], "labels go on coming"
