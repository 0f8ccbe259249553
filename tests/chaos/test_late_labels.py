"""kill -9 again and again while labels come late, and a partition that moves to an empty disk: the same results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.late_labels.exact import prepare, run
from benchmarks.late_labels.harm import Harm, moments
from benchmarks.late_labels.scenario import Scenario
from tests.support.chaos import seeds
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from pathlib import Path

SMALL_FLUSHES = {"batch": 500, "flush_interval": "100ms", "flush_events": 1_000}


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", seeds(1))
def test_killed_workers_change_no_last_revision(real_broker: str, topic_prefix: str, tmp_path: Path, seed: int) -> None:
    prepared = prepare(real_broker, 30_000)
    harm = Harm(moments(seed, 6), patient(60))
    scenario = Scenario(prepared.given, topic_prefix, tmp_path, SMALL_FLUSHES)
    outcome = run(prepared, scenario, harm, deadline_s=patient(150))
    print("\n".join(harm.done))  # noqa: T201  # the figures of a run by hand
    assert len(harm.done) == 6
    assert outcome.stream == prepared.counts.stream
    assert not outcome.comparison.misfits, "\n".join(outcome.comparison.misfits[:20])
