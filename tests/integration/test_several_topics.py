"""Traffic spread over several topics, on a real broker: the same events and alerts as of one topic of each kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command import driftline
from tests.support.expected import Output, expected, records_by_kind
from tests.support.real_broker import wait_until
from tests.support.routed import expected as expected_routed
from tests.support.routed import scattered, whatever_the_settings
from tests.support.spread import DEADLINE_S, SpreadStream, reencoded
from tests.support.traffic import DRIFT_MS, LATENESS_MS, START_MS, traffic
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.workers import WorkerProcess, Workers

pytestmark = pytest.mark.slow


def test_topics_that_are_joined_in_place_by_two_workers_one_of_which_is_killed(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    records = {kind: traffic().by_partition(each) for kind, each in records_by_kind().items()}
    stream = SpreadStream(
        real_broker, topic_prefix, tmp_path, records, repartition=False, directory=str(tmp_path / "pending")
    )
    stream.create()
    stream.write(until_ms=DRIFT_MS)
    with workers_of(stream.config, tmp_path / "logs") as workers:
        workers.start("detect", "detect")
        killed = workers.start("sketch", "one")
        workers.start("sketch", "two")
        wait_until(lambda: stream.n_committed() > 0, DEADLINE_S, workers.logs)
        killed.kill()
        stream.write(from_ms=DRIFT_MS)
        workers.start("sketch", "one")
        stream.settle(workers, reencoded(expected()))


def test_topics_by_a_pattern_whose_labels_are_repartitioned(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topics: dict[str, str | list[str]] = {"predictions": f"^{topic_prefix}-predictions-"}
    stream = SpreadStream(real_broker, topic_prefix, tmp_path, scattered(), topics, repartition="auto")
    stream.create()
    stream.write()
    with workers_of(stream.config, tmp_path / "logs") as workers:
        workers.start("detect", "detect")
        both = workers.start("sketch", "one"), workers.start("sketch", "two")
        wait_until(lambda: figures_name(stream.names["predictions"], both), DEADLINE_S, "figures of each topic")
        settled(stream, workers, expected_routed())
        assert all("a label may be of a prediction in any of several topics" in each.log() for each in both)
    span = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-05T00:00:00Z")
    replayed = driftline("replay", "--config", stream.config, *span, "--check")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert re.match(r"no difference: [1-9]\d* alerts", replayed.stdout)


def test_a_topic_that_comes_later_is_counted_once_and_whole(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topics: dict[str, str | list[str]] = {"predictions": f"^{topic_prefix}-predictions-"}
    stream = SpreadStream(real_broker, topic_prefix, tmp_path, scattered(), topics, repartition="auto")
    late = stream.names["predictions"][2]
    stream.create([late])
    stream.write(until_ms=START_MS + LATENESS_MS, only=[0, 1])
    with workers_of(stream.config, tmp_path / "logs") as workers:
        workers.start("detect", "detect")
        one, two = workers.start("sketch", "one"), workers.start("sketch", "two")
        wait_until(lambda: stream.n_committed() > 0, DEADLINE_S, workers.logs)
        stream.create_inputs([late])
        wait_until(
            lambda: all(f"new: {late}" in worker.log() for worker in (one, two)), DEADLINE_S, "both to start again"
        )
        stream.write(until_ms=START_MS + LATENESS_MS, only=[2, 3, 4])
        stream.write(from_ms=START_MS + LATENESS_MS)
        settled(stream, workers, expected_routed())


def figures_name(topics: list[str], workers: Iterable[WorkerProcess]) -> bool:
    """Return whether the records read of each topic are counted under its name."""
    lines = [line for worker in workers for line in worker.metrics().splitlines() if "input_records_total{" in line]
    return all(any(f'topic="{name}"' in line for line in lines) for name in topics)


def settled(stream: SpreadStream, workers: Workers, wanted: frozenset[Output]) -> None:
    """Wait until the outputs are those wanted, whatever hash their settings have."""
    wanted = whatever_the_settings(reencoded(wanted))

    def outputs() -> frozenset[Output]:
        return whatever_the_settings(stream.outputs())

    def difference() -> str:
        found = outputs()
        shown = [sorted(found - wanted, key=repr)[:2], sorted(wanted - found, key=repr)[:2]]
        return f"{len(wanted - found)} missing, {len(found - wanted)} too much\n{shown}\n{workers.logs()}"

    wait_until(lambda: wanted <= outputs(), DEADLINE_S, difference)
    for worker in workers.started:
        if worker.is_running():
            worker.stop()
    assert outputs() == wanted, difference()
