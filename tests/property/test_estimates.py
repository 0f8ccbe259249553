"""Estimates follow from the events alone: neither batches nor flushes, workers or crashes can be seen in them."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from driftline.events.model_key import ModelKey
from driftline.sketches.estimates import BINARY, EventEstimates, count_estimates, loss_layout, unpack_estimates
from driftline.sketches.sparse import merge_estimates
from tests.support.examples import examples
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.monitoring import START_MS, Traffic, generate, records_of, schedule, small_settings, training_profile

if TYPE_CHECKING:
    from driftline.events.output_record import OutputRecord
    from driftline.sketches.estimates import EstimateLayout
    from driftline.sketches.packed import PackedEstimates

STEADY, CHANGING = ModelKey("steady", "1"), ModelKey("changing", "")
SEEDS = st.integers(0, 2**32 - 1)
EXAMPLES = examples(10, suppress_health_check=[HealthCheck.too_slow])
SETTINGS = small_settings()


@cache
def traffic() -> Traffic:
    """One model with an estimator, and one whose estimator is followed by another in the middle of a window."""
    made = generate(3, [STEADY, CHANGING], n_predictions=1_800)
    made.published = [
        training_profile(STEADY, 0, n=800, labelled=True),
        training_profile(CHANGING, 0, seed=1, n=800, labelled=True),
        training_profile(CHANGING, START_MS + 295_000, seed=2, n=700, labelled=True),
    ]
    for profile in made.published:
        assert profile.estimator is not None
        made.knows(profile)
    return made


@cache
def expected() -> frozenset[OutputRecord]:
    slices = [(partition, 0, len(items)) for partition, items in enumerate(traffic().partitions)]
    return frozenset(run(records_of(traffic(), slices, 1), SETTINGS, traffic().published).outputs)


def estimates(outputs: frozenset[OutputRecord], model: str) -> list[dict[str, object]]:
    found = []
    for record in outputs:
        if dict(record.headers).get("ce_type") == b"io.driftline.estimate.v1":
            event = json.loads(record.value or b"")
            if event["model"] == model:
                found.append(event)
    return sorted(found, key=lambda event: (event["window"]["start"], event["revision"]))


def test_estimates_come_before_labels_and_stay_beside_them() -> None:
    found = estimates(expected(), "steady")
    first = [event for event in found if event["revision"] == 0]
    assert len(first) >= 10
    assert all(event["realised"] is None and event["coverage"] is None and not event["record"] for event in first)
    for start in {event["window"]["start"] for event in found}:  # type: ignore[index]  # a JSON object
        of_window = [event for event in found if event["window"]["start"] == start]  # type: ignore[index]  # the same
        assert len({json.dumps(event["metrics"]) for event in of_window}) == 1
        assert sum(bool(event["matured"]) for event in of_window) == 1
        assert of_window[-1]["final"]


def test_a_change_of_what_is_predicted_shows_in_the_record_and_not_in_the_estimate() -> None:
    """Half way labels begin to disagree with predictions whose scores are as they were."""
    found = [event for event in estimates(expected(), "steady") if event["matured"]]
    early, late = found[3]["record"]["accuracy"], found[-1]["record"]["accuracy"]  # type: ignore[index]  # JSON
    assert early["within"] == 1.0
    assert late["n_windows"] == len(found)
    assert late["within"] <= 0.6
    assert late["mean_error"] < -0.25
    estimated = [event["metrics"]["accuracy"]["value"] for event in found]  # type: ignore[index]  # JSON
    assert max(estimated) - min(estimated) < 0.01
    refitted = found[-1]["refitted"]["accuracy"]["value"]  # type: ignore[index]  # JSON
    realised = found[-1]["realised"]["accuracy"]  # type: ignore[index]  # JSON
    assert realised < refitted < estimated[-1] - 0.05


@pytest.mark.slow
@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((8, 60, 400)), n_workers=st.integers(1, 3))
def test_flushes_and_workers_cannot_be_seen(seed: int, largest: int, n_workers: int) -> None:
    records = schedule(traffic(), random.Random(seed), largest=largest, n_workers=n_workers)
    assert run(records, SETTINGS, traffic().published).outputs == expected()


@pytest.mark.slow
@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((15, 60, 200)), n_crashes=st.integers(1, 4))
def test_crashes_cannot_be_seen(seed: int, largest: int, n_crashes: int) -> None:
    rng = random.Random(seed)
    records = schedule(traffic(), rng, largest=largest)
    assert run_with_crashes(records, SETTINGS, traffic().published, rng, n_crashes).outputs == expected()


def merged(layout: EstimateLayout, parts: list[EventEstimates], slots: list[np.ndarray]) -> dict[int, PackedEstimates]:
    total: dict[int, PackedEstimates] = {}
    for part, mine in zip(parts, slots, strict=True):
        for slot, packed in count_estimates(layout, part, mine):
            total[slot] = merge_estimates(total.get(slot), packed)
    return total


@given(seed=SEEDS, n=st.integers(1, 60), cut=st.integers(0, 60), regression=st.booleans())
def test_parts_add_up_to_the_whole(seed: int, n: int, cut: int, regression: bool) -> None:  # noqa: FBT001  # drawn
    rng = np.random.default_rng(seed)
    layout = loss_layout(2) if regression else BINARY
    rows = rng.integers(-1, layout.n_rows, n)
    values = rng.random((layout.n_values, n))
    cells = rng.integers(0, layout.n_cells // layout.n_values, (layout.n_values, n))
    cells += (layout.n_cells // layout.n_values * np.arange(layout.n_values))[:, None]
    slots = rng.integers(0, 3, n)
    order = rng.permutation(n)
    parts = [
        EventEstimates(rows[chosen], values[:, chosen], cells[:, chosen])
        for chosen in (order[:cut], order[cut:])
        if len(chosen)
    ]
    halves = [slots[chosen] for chosen in (order[:cut], order[cut:]) if len(chosen)]
    whole = merged(layout, [EventEstimates(rows, values, cells)], [slots])
    assert merged(layout, parts, halves) == whole
    for slot, packed in whole.items():
        totals = unpack_estimates(layout, packed)
        held = (slots == slot) & (rows >= 0)
        assert totals.counts.sum() == held.sum() * layout.n_values
        assert totals.n_left_out == ((slots == slot) & (rows < 0)).sum()
        for row in range(layout.n_rows):
            mine = values[:, held & (rows == row)]
            assert totals.sums[row, :, 0] / 2**24 == pytest.approx(mine.sum(axis=1), abs=n * 2.0**-24)
            assert totals.sums[row, :, 1] / 2**24 == pytest.approx((mine**2).sum(axis=1), abs=n * 2.0**-24)
