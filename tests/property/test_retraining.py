"""Requests and proposals are a function of the events: flushes, workers and crashes cannot be seen in them."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from driftline.events.model_key import ModelKey
from tests.support.examples import examples
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.monitoring import Traffic, generate, records_of, schedule, small_settings, training_profile
from tests.support.retraining import EAGER_PROPOSALS, EAGER_RETRAINING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.output_record import OutputRecord

pytestmark = pytest.mark.slow
STEADY, CHANGING = ModelKey("steady", "1"), ModelKey("changing", "")
EXAMPLES = examples(4, suppress_health_check=[HealthCheck.too_slow])
SETTINGS = small_settings(
    defaults=small_settings().defaults.replace(retraining=EAGER_RETRAINING, proposals=EAGER_PROPOSALS)
)
SEEDS = st.integers(0, 2**32 - 1)


@cache
def traffic() -> Traffic:
    made = generate(1, [STEADY, CHANGING], n_predictions=1_000)
    made.published = [training_profile(STEADY, 0, labelled=True), training_profile(CHANGING, 0, seed=1)]
    for profile in made.published:
        made.knows(profile)
    return made


@cache
def expected() -> frozenset[OutputRecord]:
    slices = [(partition, 0, len(items)) for partition, items in enumerate(traffic().partitions)]
    return frozenset(run(records_of(traffic(), slices, 1), SETTINGS, traffic().published).outputs)


def of_type(outputs: Iterable[OutputRecord], name: str) -> list[dict[str, Any]]:
    found = [record for record in outputs if dict(record.headers).get("ce_type") == f"io.driftline.{name}.v1".encode()]
    return [json.loads(record.value) for record in found if record.value is not None]


def test_the_traffic_leads_to_requests_waits_and_proposals() -> None:
    requests = of_type(expected(), "retrain_requested")
    assert {request["model"] for request in requests} == {"steady", "changing"}
    assert len({(request["model"], request["incident"]) for request in requests}) == len(requests)
    waits = {each["waiting_for"] for each in of_type(expected(), "retraining_waiting")}
    assert {"time", "labels"} <= waits
    assert {each["kind"] for each in of_type(expected(), "proposal")} >= {"recalibration"}


@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((8, 60, 400)), n_workers=st.integers(1, 3))
def test_flushes_and_workers_cannot_be_seen(seed: int, largest: int, n_workers: int) -> None:
    records = schedule(traffic(), random.Random(seed), largest=largest, n_workers=n_workers)
    assert run(records, SETTINGS, traffic().published).outputs == expected()


@EXAMPLES
@given(seed=SEEDS, n_crashes=st.integers(1, 4))
def test_crashes_cannot_be_seen(seed: int, n_crashes: int) -> None:
    rng = random.Random(seed)
    records = schedule(traffic(), rng)
    assert run_with_crashes(records, SETTINGS, traffic().published, rng, n_crashes).outputs == expected()
