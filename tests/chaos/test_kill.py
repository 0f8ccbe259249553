"""kill -9 in the middle of a run: the same events and alerts as without, and nothing counted twice."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.support.chaos import SMALL_FLUSHES, await_input_share, expect_aborted_records, freeze, seeds
from tests.support.expected import expected, time_ms
from tests.support.stream import Input, Stream
from tests.support.traffic import CALIBRATED_MS, HOUR

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", seeds(1))
def test_killed_workers_change_nothing(real_broker: str, topic_prefix: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    wanted = expected(commands_too=True)
    given = Input(real_broker, topic_prefix)
    given.write(until_ms=CALIBRATED_MS - 3 * HOUR)
    stream = Stream(given, topic_prefix, tmp_path, SMALL_FLUSHES, commands_too=True)
    with stream.workers() as workers:
        sketch = workers.start("sketch", "sketch-0")
        detect = workers.start("detect", "detect-0")

        stream.await_outputs(workers, rng.randint(1, 50))
        detect.kill()
        found = [output for output in stream.outputs() if b"command_id" not in (output.value or b"")]
        assert max(map(time_ms, found), default=0) < CALIBRATED_MS, "killed while the tests burn in"
        given.write(from_ms=CALIBRATED_MS - 3 * HOUR)
        detect = workers.start("detect", "detect-0")

        await_input_share(stream, workers, rng.uniform(0.2, 0.4))
        freeze(stream, sketch, in_transaction=True)
        sketch.kill()
        assert stream.committed() < stream.n_input(), "killed in the middle"
        sketch = workers.start("sketch", "sketch-0")

        await_input_share(stream, workers, rng.uniform(0.5, 0.8))
        sketch.kill()
        workers.start("sketch", "another-name")

        stream.await_outputs(workers, int(rng.uniform(0.05, 0.4) * len(wanted)))
        detect.kill()
        assert not wanted <= frozenset(stream.outputs()), "killed in the middle"
        detect = workers.start("detect", "detect-0")
        stream.await_outputs(workers, int(rng.uniform(0.5, 0.9) * len(wanted)))
        detect.kill()
        workers.start("detect", "detect-0")
        stream.settle(workers, wanted)
    repeated = stream.expect(wanted)
    stream.expect_all_counted()
    expect_aborted_records(stream)
    print(f"{len(wanted)} outputs, {repeated} repetitions")  # noqa: T201  # the figure of a run by hand
