"""A start without a reference says the same whoever reads the backlog, how fast, and whenever references are known."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.learning_run import EVENTS, SAMPLE, Pace, World, backlog

if TYPE_CHECKING:
    from driftline.events.output_record import OutputRecord

EXAMPLES = examples(12, suppress_health_check=[HealthCheck.too_slow])
PACES = st.builds(
    Pace,
    n_workers=st.integers(1, 3),
    largest=st.sampled_from([15, 60, 400, 10_000]),
    eager=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    trouble=st.sampled_from([0.0, 0.05]),
)


@cache
def expected(repartition: bool) -> frozenset[OutputRecord]:  # noqa: FBT001  # a setting
    """What one worker says that reads little at a time, with every reference known as soon as it is learnt."""
    return World(0, Pace(largest=20), repartition=repartition).run()


@pytest.mark.parametrize("repartition", [False, True])
def test_the_backlog_is_worth_reading(repartition: bool) -> None:  # noqa: FBT001  # a setting
    world = World(1, Pace(largest=50), repartition=repartition)
    outputs = world.run()
    kinds: Counter[tuple[str, str]] = Counter()
    counted: Counter[str] = Counter()
    for output in outputs:
        event = json.loads(output.value or b"{}")
        kind = dict(output.headers)["ce_type"].decode().split(".")[2]
        kinds[event["model"], kind] += 1
        if kind == "window" and event["window"]["kind"] == "tumbling":
            counted[event["model"]] += event["n"]
    assert {profile.key.model for profile in world.references} == {"loan", "flag", "price"}
    assert all(kinds[model, "window"] > 3 and kinds[model, "performance"] > 3 for model in ("loan", "flag", "price"))
    n_loan = sum(json.loads(v)["model"] == "loan" for s, r in backlog().items() if s.kind == "predictions" for v in r)
    assert counted["loan"] > n_loan - SAMPLE - EVENTS - 80, "but for the sample and the reference all are checked"
    for model, status in world.monitor.status().models.items():
        assert (status.n_unprofiled, status.learning) == (0, None), model


@pytest.mark.parametrize("repartition", [False, True])
@EXAMPLES
@given(seed=st.integers(0, 2**32 - 1), pace=PACES)
def test_no_layout_and_no_speed_shows(repartition: bool, seed: int, pace: Pace) -> None:  # noqa: FBT001  # a setting
    assert World(seed, pace, repartition=repartition).run() == expected(repartition)
