"""Killing workers at seeded moments of a run, and taking one's disk away."""

from __future__ import annotations

import random
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmarks.late_labels.exact import Prepared
    from benchmarks.late_labels.scenario import Scenario

POLL_S = 0.02


class Moment(NamedTuple):
    """When a worker is killed.

    Attributes
    ----------
    share : float
        Of the input records that have been committed.
    pause_s : float
        After that share was seen: so that a kill meets whatever the worker does between two commits.
    victim : str
    moves : bool
        Whether its partitions go on at a worker of another name, which has an empty disk.
    """

    share: float
    pause_s: float
    victim: str
    moves: bool


def moments(seed: int, n: int, greatest_pause_s: float = 0.5) -> list[Moment]:
    """Return ``n`` moments, in their order: two of three kill a sketch worker, the third the detect worker."""
    rng = random.Random(seed)
    shares = sorted(rng.uniform(0.03, 0.95) for _ in range(n))
    victims = ["detect-0" if i % 3 == 2 else f"sketch-{i % 2}" for i in range(n)]
    rng.shuffle(victims)
    victims[n // 2] = "sketch-0"
    return [
        Moment(s, rng.uniform(0, greatest_pause_s), v, i == n // 2)
        for i, (s, v) in enumerate(zip(shares, victims, strict=True))
    ]


class Harm:
    """Kills workers at moments; half-way one sketch worker's partitions move to a machine without its disk.

    Parameters
    ----------
    plan : list of Moment
    deadline_s : float
        For each moment to come.
    """

    def __init__(self, plan: list[Moment], deadline_s: float = 60) -> None:
        self._plan = plan
        self._deadline_s = deadline_s
        self.done: list[str] = []

    def __call__(self, scenario: Scenario, prepared: Prepared) -> None:
        """Harm the workers of a run; returns when all moments are past."""
        names = {"sketch-0": "sketch-0", "sketch-1": "sketch-1", "detect-0": "detect-0"}
        for moment in self._plan:
            n = int(moment.share * prepared.given.n_records)
            scenario.await_committed(n, self._deadline_s)
            time.sleep(moment.pause_s)
            name = names[moment.victim]
            scenario.worker(name).kill()
            at = scenario.committed()
            assert at < prepared.given.n_records, "killed in the middle"
            if moment.moves:
                shutil.rmtree(scenario.state_of(name), ignore_errors=True)
                names[moment.victim] = "sketch-2"
            scenario.start(names[moment.victim])
            self.done.append(f"{name} at {at:,} of {prepared.given.n_records:,}")
