from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.errors import ParameterError
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder, PredictionEvent
from driftline.runtime.demo.simulation import STEP_MS, _pieces
from driftline.runtime.kafka.partitioning import partition_of
from driftline.simulation.keys import partitions_of
from driftline.simulation.population import NEW_REGION
from driftline.simulation.scenario import DRIFT_KINDS, DriftKind, Scenario
from driftline.simulation.traffic import CHUNK, before, reference_columns, reference_events, slices

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_772_366_400_000
HALF = START + 300_000
BASE = Scenario(start_ms=START, duration_ms=600_000, rate=50.0, label_delay_ms=20_000)


def scenario(**changes: object) -> Scenario:
    return msgspec.structs.replace(BASE, **changes)


@cache
def predictions(of: Scenario) -> list[PredictionEvent]:
    decode = msgspec.json.Decoder(PredictionEvent).decode
    return [decode(value) for part in slices(of) for value in part.predictions.values]


@cache
def times(of: Scenario) -> np.ndarray:
    return np.concatenate([part.predictions.times_ms for part in slices(of)])


def everything(of: Scenario) -> list[bytes]:
    return [value for part in slices(of, all_labels=True) for value in (*part.predictions.values, *part.labels.values)]


def accuracy(of: Scenario, chosen: Callable[[int], bool]) -> float:
    labels: dict[str, int] = {}
    predicted: dict[str, int] = {}
    for part in slices(of, all_labels=True):
        labels.update({event["prediction_id"]: event["label"] for event in map(json.loads, part.labels.values)})
        for moment, value in zip(part.predictions.times_ms.tolist(), part.predictions.values, strict=True):
            if chosen(moment):
                event = json.loads(value)
                predicted[event["prediction_id"]] = event["prediction"]
    return sum(labels[name] == value for name, value in predicted.items()) / len(predicted)


def test_equal_scenarios_give_equal_bytes_and_other_seeds_others() -> None:
    assert everything(BASE) == everything(BASE)
    assert not set(everything(BASE)) & set(everything(scenario(seed=43)))


def test_events_are_as_many_as_asked_for_in_order_and_inside_the_scenario() -> None:
    for of in (BASE, scenario(seasonal=True, duration_ms=172_800_000, rate=0.3), scenario(duration_ms=1, rate=9_000.0)):
        found = times(of)
        assert found.size == of.n_events
        assert (np.diff(found) >= 0).all()
        assert of.start_ms <= found[0]
        assert found[-1] < of.end_ms


def test_events_are_what_the_decoders_read() -> None:
    decode_prediction, decode_label = PredictionDecoder(PredictionFields()), LabelDecoder(LabelFields())
    for part in slices(BASE, all_labels=True):
        for moment, name, value in zip(*part.predictions, strict=True):
            event = decode_prediction(value)
            assert (event.ts_ms, event.prediction_id, event.model, event.version) == (moment, name, "credit-risk", "3")
            assert event.prediction == (1 if event.score >= 0.5 else 0)  # type: ignore[operator]  # always a number
        for moment, name, value in zip(*part.labels, strict=True):
            label = decode_label(value)
            assert (label.ts_ms, label.prediction_id) == (moment, name)


def test_every_prediction_has_one_label_at_or_after_it_in_order() -> None:
    made: dict[str, int] = {}
    due: dict[str, int] = {}
    last = START
    for part in slices(BASE, all_labels=True):
        assert (part.start_ms == last) or not made
        last = part.end_ms
        made.update(zip(part.predictions.ids, part.predictions.times_ms.tolist(), strict=True))
        due.update(zip(part.labels.ids, part.labels.times_ms.tolist(), strict=True))
        assert (part.labels.times_ms < part.end_ms).all()
    assert made.keys() == due.keys()
    assert len(made) == BASE.n_events
    order = list(due.values())
    assert order == sorted(order)
    delays = np.array([due[name] - moment for name, moment in made.items()])
    assert delays.min() >= 0
    assert delays.mean() == pytest.approx(20_000, rel=0.05)


def test_labels_due_after_the_end_are_left_out_unless_asked_for() -> None:
    sent = [value for part in slices(BASE) for value in part.labels.values]
    whole = [value for part in slices(BASE, all_labels=True) for value in part.labels.values]
    assert 0 < len(sent) < len(whole) == BASE.n_events
    assert whole[: len(sent)] == sent


def test_scores_are_calibrated() -> None:
    columns = reference_columns(scenario(rate=1_000.0), 60_000)
    score, label = np.array(columns["score"]), np.array(columns["label"])
    for low in np.arange(0.0, 1.0, 0.2):
        inside = (score >= low) & (score < low + 0.2)
        error = 4 * np.sqrt(0.25 / inside.sum())
        assert label[inside].mean() == pytest.approx(score[inside].mean(), abs=error)
    assert 0.15 < label.mean() < 0.45


def means(events: list[PredictionEvent]) -> dict[str, float]:
    features = [event.features for event in events]
    incomes = [f["income"] for f in features if f["income"] is not None]
    return {
        "income": float(np.median(np.array(incomes, dtype=float))),
        NEW_REGION: sum(f["region"] == NEW_REGION for f in features) / len(features),
        "missing": sum(f["tenure_months"] is None for f in features) / len(features),
    }


@pytest.mark.parametrize("kind", DRIFT_KINDS)
def test_drift_begins_at_its_moment_and_changes_only_what_it_says(kind: DriftKind) -> None:
    drifted = scenario(drift=(kind,), drift_at_ms=HALF)
    split = int(np.searchsorted(times(BASE), HALF))
    with_drift, without = predictions(drifted), predictions(BASE)
    assert with_drift[:split] == without[:split]
    after, normal = means(with_drift[split:]), means(without[split:])
    assert after["income"] / normal["income"] == pytest.approx(1.35 if kind == "income-shift" else 1.0, abs=0.001)
    assert after[NEW_REGION] == pytest.approx(0.15 if kind == "new-category" else 0.0, abs=0.01)
    assert after["missing"] == pytest.approx(0.11 if kind == "missing" else 0.01, abs=0.01)
    if kind == "concept":
        assert with_drift == without


def test_a_drift_of_concept_lowers_accuracy_and_can_end() -> None:
    drifted = scenario(drift=("concept",), drift_at_ms=START + 200_000, drift_until_ms=START + 400_000, rate=100.0)
    first = accuracy(drifted, lambda t: t < START + 200_000)
    second = accuracy(drifted, lambda t: START + 200_000 <= t < START + 400_000)
    third = accuracy(drifted, lambda t: t >= START + 400_000)
    assert first > 0.75
    assert second < first - 0.15
    assert third == pytest.approx(first, abs=0.03)


def test_traffic_swings_over_the_day_where_asked_for() -> None:
    of = scenario(start_ms=START - START % 86_400_000, duration_ms=86_400_000, rate=1.0, seasonal=True)
    by_hour = np.bincount((times(of) - of.start_ms) // 3_600_000, minlength=24)
    assert by_hour.argmax() in {14, 15}
    assert by_hour.max() / by_hour.min() == pytest.approx(1.6 / 0.4, rel=0.1)


def test_ids_are_unique_and_keys_are_partitioned_as_java_does_it() -> None:
    ids = [name for part in slices(scenario(rate=200.0)) for name in part.predictions.ids]
    assert len(set(ids)) == len(ids) > 10 * CHUNK
    for n in (1, 3, 12):
        found = partitions_of(ids[:2_000], n).tolist()
        assert found == [partition_of(name.encode(), n) for name in ids[:2_000]]
        assert np.bincount(partitions_of(ids, n), minlength=n).min() > 0.9 * len(ids) / n


def test_reference_rows_come_from_before_and_are_not_drifted() -> None:
    of = scenario(drift=DRIFT_KINDS)
    events = [json.loads(line) for line in reference_events(of, 5_000)]
    columns = reference_columns(of, 5_000)
    assert len(events) == 5_000
    assert before(of, 5_000).end_ms == of.start_ms
    assert [event["label"] for event in events] == columns["label"]
    assert [event["features"]["income"] for event in events] == columns["income"]
    assert NEW_REGION not in columns["region"]
    assert not {event["prediction_id"] for event in events} & {e.prediction_id for e in predictions(of)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration_ms": 0}, "a duration above zero"),
        ({"rate": 0.0}, "a rate above zero"),
        ({"rate": float("nan")}, "a rate above zero"),
        ({"seed": -1}, "a seed of at least 0"),
        ({"label_delay_ms": -1}, "a delay of at least 0"),
        ({"missing_ratio": 1.0}, r"a share in \[0, 1\)"),
        ({"drift": ("tides",)}, "one of income-shift, new-category, missing, concept"),
        ({"drift": ("missing",), "drift_at_ms": HALF, "drift_until_ms": HALF}, "an end of the drift after"),
    ],
)
def test_what_cannot_be_simulated_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=f"Expected {message}"):
        scenario(**changes)


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 20.0, 1e6])
def test_pieces_lose_nothing_and_are_no_longer_than_a_step(speed: float) -> None:
    for part in slices(scenario(rate=2.0), all_labels=True):
        pieces = list(_pieces(part, speed))
        assert [value for piece in pieces for value in piece.predictions.values] == part.predictions.values
        assert [value for piece in pieces for value in piece.labels.values] == part.labels.values
        starts = [piece.start_ms for piece in pieces]
        assert starts == sorted(starts)
        for piece in pieces if len(pieces) > 1 else []:
            times_ms = np.concatenate([piece.predictions.times_ms, piece.labels.times_ms])
            assert (times_ms >= piece.start_ms).all()
            assert (times_ms < piece.start_ms + max(1.0, STEP_MS * speed)).all()


def test_operations_are_written_beside_the_same_features() -> None:
    plain, told = predictions(BASE), predictions(scenario(operations=True))
    assert [event.features for event in plain] == [event.features for event in told]
    assert all(event.latency_ms is None and event.error is None for event in plain)
    assert 15 < np.median([event.latency_ms for event in told]) < 25
    failed = [event for event in told if event.error is not None]
    assert 0 < len(failed) < 0.01 * len(told)
    assert all(event.prediction is None and event.score is None for event in failed)
    made = [event for event in zip(plain, told, strict=True) if event[1].error is None]
    assert all((one.prediction, one.score) == (other.prediction, other.score) for one, other in made)


def test_a_model_can_fail_slow_down_and_fall_silent() -> None:
    def halves(of: Scenario) -> tuple[list[PredictionEvent], list[PredictionEvent]]:
        events, moments = predictions(of), times(of)
        first = int(np.searchsorted(moments, HALF))
        return events[:first], events[first:]

    before_, after = halves(scenario(drift=("failures",), drift_at_ms=HALF))
    assert sum(event.error is not None for event in before_) < 0.01 * len(before_)
    assert 0.05 < sum(event.error is not None for event in after) / len(after) < 0.11
    before_, after = halves(scenario(drift=("slowness",), drift_at_ms=HALF))
    ratio = np.median([e.latency_ms for e in after]) / np.median([e.latency_ms for e in before_])
    assert 2.2 < ratio < 2.8
    silent = scenario(drift=("silence",), drift_at_ms=HALF, drift_until_ms=HALF + 100_000)
    moments = times(silent)
    assert not ((moments >= HALF) & (moments < HALF + 100_000)).any()
    assert (moments >= HALF + 100_000).any()


def test_failed_predictions_and_silence_get_no_labels() -> None:
    of = scenario(drift=("failures", "silence"), drift_at_ms=HALF)
    decided = {event.prediction_id for event in predictions(of) if event.error is None}
    labelled = {id_ for part in slices(of, all_labels=True) for id_ in part.labels.ids}
    assert labelled == decided
