"""Topics with a fault: the doctor names it."""

from __future__ import annotations

import datetime as dt
import gzip
import json

import pytest
from msgspec.structs import replace

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.settings import JoinSettings, Settings
from driftline.inspection.examination import report_of
from driftline.inspection.sample import TopicSample
from tests.support.topic_samples import Examined, by_key, sample, time_ms
from tests.unit.inspection.test_layouts import SCORES, N, labels, own, row

OWN = [own(n) for n in range(N)]


def named(found: Examined, *words: str) -> None:
    """Check that a problem says all of these words, and that the report is not that of a usable topic."""
    assert any(all(word in each for word in words) for each in found.problems), found.problems
    assert not found.report.usable


def test_seconds_taken_as_milliseconds_under_a_configured_mapping() -> None:
    records = [{**own(n), "ts": time_ms(n) // 1000} for n in range(N)]
    found = Examined(sample("predictions", records), settings=Settings())
    named(found, "the configured mapping would refuse 100 %")
    assert found.fields == {"ts": {"pointer": "/ts", "unit": "s"}}
    assert found.n_events() == N


def test_avro_without_a_registry() -> None:
    found = Examined(sample("predictions", [bytes([0, 0, 0, 0, 7, 2, 8]) + b"p-%d" % n for n in range(N)]))
    named(found, "300 of 300 would be refused (100 %)")
    named(found, "a record of Confluent's Schema Registry", "schema id 7")


def test_values_that_the_producer_compressed() -> None:
    found = Examined(sample("predictions", [gzip.compress(json.dumps(record).encode()) for record in OWN]))
    named(found, "compressed with gzip", "compression.type")


def test_a_registry_that_does_not_answer() -> None:
    empty = TopicSample("predictions", "scores", [], 900, 1, trouble="the schema registry http://r cannot be asked: no")
    named(Examined(empty), "the schema registry http://r cannot be asked")


def test_labels_of_other_classes() -> None:
    outcomes = [{**label, "label": ("paid", "default")[n % 2]} for n, label in enumerate(labels())]
    found = Examined(sample("predictions", OWN), sample("labels", outcomes))
    named(found, "predictions (0, 1) and labels (default, paid) share no class", "classes")


def test_which_label_may_stand_for_which_class_is_read_from_the_ids_they_share() -> None:
    records = [{**own(n), "prediction": ("low", "high")[n % 2]} for n in range(N)]
    outcomes = [
        {"prediction_id": f"p-{n}", "label": "paid" if n % 2 == 0 or n % 7 == 0 else "default", "ts": time_ms(n)}
        for n in range(N)
    ]
    found = Examined(sample("predictions", records), sample("labels", outcomes))
    named(found, "share no class", '`defaults: {classes: {"default": "high", "paid": "low"}}`')


def test_spellings_of_a_class_agree() -> None:
    outcomes = [{**label, "label": ("True", "false")[n % 2]} for n, label in enumerate(labels())]
    assert Examined(sample("predictions", OWN), sample("labels", outcomes)).report.usable


def test_ids_with_a_prefix_in_one_topic() -> None:
    records = [{**own(n), "prediction_id": 1_000_017 + n} for n in range(N)]
    outcomes = [{**label, "prediction_id": f"A-{1_000_017 + n}"} for n, label in enumerate(labels())]
    found = Examined(sample("predictions", records), sample("labels", outcomes))
    assert found.fields["prediction_id"] == {"join": [{"value": "A-"}, "/prediction_id"], "with": ""}
    assert any("'A-' before the id" in note for note in found.notes)
    assert "150 ids of the samples are in both topics" in str(found.report)
    settings = Settings(predictions=PredictionInput("scores"), labels=LabelInput("outcomes"))
    kept = Examined(sample("predictions", records), sample("labels", outcomes), settings)
    named(kept, "no id is in both topics", "those of the labels begin with 'A-'")


def test_ids_that_do_not_overlap_at_the_same_time() -> None:
    found = Examined(sample("predictions", OWN), sample("labels", labels(of="other-{}x")))
    named(found, "no id is in both topics", "though both are of the same time")


def test_ids_of_another_time_prove_nothing() -> None:
    later = [{**label, "ts": label["ts"] + 10**9} for label in labels(of="other-{}x")]
    found = Examined(sample("predictions", OWN), sample("labels", later, stamps_ms=[each["ts"] for each in later]))
    assert found.report.usable
    assert any("no proof" in note for note in found.notes)


def test_the_confidence_as_the_score() -> None:
    records = [{**own(n), "score": max(SCORES[n], 1 - SCORES[n])} for n in range(N)]
    named(Examined(sample("predictions", records)), "no score is below 0.5", "confidence in the predicted class")


def test_scores_that_are_no_probabilities_under_a_configured_mapping() -> None:
    records = [{**own(n), "score": 100 * SCORES[n]} for n in range(N)]
    named(Examined(sample("predictions", records), settings=Settings()), "of the scores are no probabilities")


def test_partitions_in_turn() -> None:
    keys = [f"p-{n}" for n in range(N)]
    turns = sample("predictions", OWN, keys=keys, partition=lambda number: number % 3, n_partitions=3)
    names = [str(label["prediction_id"]) for label in labels()]
    hashed = sample("labels", labels(), keys=names, partition=by_key(names, 3), n_partitions=3)
    found = Examined(turns, hashed)
    assert any(
        "repartitions both by id" in note and "neither murmur2 nor CRC-32 at `scores`" in note for note in found.notes
    )
    settings = Settings(
        predictions=PredictionInput("scores"), labels=LabelInput("outcomes"), join=JoinSettings(repartition=False)
    )
    named(
        Examined(turns, hashed, settings),
        "labels would not meet their predictions",
        "neither murmur2 nor CRC-32 at `scores`",
    )


def test_partitions_that_agree() -> None:
    keys, names = [f"p-{n}" for n in range(N)], [str(label["prediction_id"]) for label in labels()]
    found = Examined(
        sample("predictions", OWN, keys=keys, partition=by_key(keys, 3), n_partitions=3),
        sample("labels", labels(), keys=names, partition=by_key(names, 3), n_partitions=3),
    )
    assert "labels are joined in place" in str(found.report)


def test_topics_of_different_numbers_of_partitions() -> None:
    labelled = sample("labels", labels(), n_partitions=2)
    found = Examined(sample("predictions", OWN), labelled)
    assert any("`scores` has 1 partition and `outcomes` has 2" in note for note in found.notes)


def test_no_times_at_all() -> None:
    records = [{key: value for key, value in own(n).items() if key != "ts"} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert any("no field holds a time: Kafka's timestamps serve" in note for note in found.notes)
    assert found.report.usable
    unstamped = Examined(sample("predictions", records, stamps_ms=[-1] * N))
    named(unstamped, "missing_field", "Kafka timestamp")


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S"])
def test_dates_with_the_day_or_the_month_first(form: str) -> None:
    records = [{**own(n), "ts": dt.datetime.fromtimestamp(time_ms(n) / 1000, dt.UTC).strftime(form)} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert found.fields == {"ts": {"pointer": "/ts", "format": form}}
    assert found.n_events() == N
    named(Examined(sample("predictions", records), settings=Settings()), "the configured mapping would refuse 100 %")


def test_dates_that_may_be_read_in_two_ways() -> None:
    records = [{**own(n), "ts": "04/03/2026 10:00:00"} for n in range(N)]
    found = Examined(sample("predictions", records, stamps_ms=[-1] * N))
    assert any("`%m/%d/%Y %H:%M:%S` fits as well" in note for note in found.notes)
    named(found, "all events have the same time")


def test_duplicate_ids() -> None:
    records = [{**own(n), "prediction_id": f"p-{n // 3}"} for n in range(N)]
    named(Examined(sample("predictions", records)), "67 % of the ids come more than once", "p-0 (3 times)")


def test_everything_has_the_same_id() -> None:
    records = [{**own(n), "prediction_id": "constant"} for n in range(N)]
    named(Examined(sample("predictions", records)), "all events have the same id, 'constant'")


def test_an_empty_topic() -> None:
    named(Examined(TopicSample("predictions", "scores", [], 0, 3)), "the topic is empty")


def test_labels_that_are_older_than_their_predictions() -> None:
    early = [{**label, "ts": label["ts"] - 7_200_000} for label in labels()]
    found = Examined(sample("predictions", OWN), sample("labels", early))
    named(found, "100 % of the labels are older than their predictions", "2 h at the median")


def test_labels_beyond_the_horizon() -> None:
    late = [{**label, "ts": label["ts"] + 45 * 86_400_000} for label in labels()]
    found = Examined(sample("predictions", OWN), sample("labels", late, stamps_ms=[each["ts"] for each in late]))
    named(found, "come later than `labels.horizon` (30d)", "the last after 45 days")


def test_events_that_come_late() -> None:
    records = [{**own(n), "ts": time_ms(n) - (600_000 if n % 3 == 0 else 0)} for n in range(N)]
    named(Examined(sample("predictions", records)), "33 % of the events looked at come more than `time.lateness` (1m)")


def test_events_that_came_late_once_are_a_note() -> None:
    records = [{**own(n), "ts": time_ms(n) - (600_000 if 0 < n < N // 4 else 0)} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert not found.problems
    assert any("all of them among the oldest" in each for each in found.notes), found.notes


def test_tensors_of_the_open_inference_protocol() -> None:
    tensor = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1.0, 2.0]}
    records = [{"id": f"r-{n}", "inputs": [tensor], "outputs": [tensor]} for n in range(N)]
    named(Examined(sample("predictions", records)), "/inputs holds tensors of the Open Inference Protocol", "preset")


def test_neither_a_prediction_nor_a_score() -> None:
    records = [{"prediction_id": f"p-{n}", "ts": time_ms(n), "features": row(n)} for n in range(N)]
    named(Examined(sample("predictions", records)), "neither a prediction nor a score was found")


def test_a_topic_whose_producer_stopped() -> None:
    found = Examined(sample("predictions", OWN)).found
    report = report_of(found, now_ms=time_ms(N) + 30 * 86_400_000)
    assert "the newest record is 30 days old" in str(report)


def test_predictions_that_kafka_deletes_before_their_labels_come() -> None:
    late = [{**label, "ts": label["ts"] + 5 * 86_400_000} for label in labels()]
    predictions = sample("predictions", OWN)._replace(retention_ms=86_400_000)
    found = Examined(predictions, sample("labels", late, stamps_ms=[each["ts"] for each in late]))
    assert any("Kafka keeps predictions for 24 h" in note for note in found.notes)


def test_versions_that_are_all_different() -> None:
    records = [{**own(n), "model_version": f"run-{n}"} for n in range(N)]
    settings = replace(Settings(), predictions=PredictionInput("scores"))
    named(Examined(sample("predictions", records), settings=settings), "300 versions of the model loan")


def test_columns_of_one_value_may_be_the_model() -> None:
    records = [{**own(n), "features": {**row(n), "scorer": {"name": "gbm", "build": 12}}} for n in range(N)]
    report = str(Examined(sample("predictions", records)).report)
    assert "scorer.name, scorer.build: the same value in all events of the sample" in report


def test_scores_without_predictions_say_what_counts_as_positive() -> None:
    records = [
        {name: value for name, value in own(n).items() if name != "prediction"} | {"score": 0.2} for n in range(N)
    ]
    report = str(Examined(sample("predictions", records)).report)
    assert "no prediction: performance takes scores from 0.5 on as positive, 0 % of these" in report


def test_columns_that_say_nothing_about_drift_are_left_out() -> None:
    records = [
        {**own(n), "features": {**row(n), "counter": n, "born": "1990-01-02", "e": [0.1, 0.2], "v": [n / 7] * 8}}
        for n in range(N)
    ]
    found = Examined(sample("predictions", records))
    assert found.configuration["defaults"] == {"columns": {"counter": {"kind": "ignore"}, "born": {"kind": "ignore"}}}
    assert any("e: lists that are not taken for embeddings" in note for note in found.notes)
    assert "1 embedding (v)" in str(found.report)
    kept = Examined(sample("predictions", records), settings=Settings())
    assert kept.configuration.get("defaults") is None
    assert any("counter: a new value in nearly every event" in note for note in kept.notes)
    assert any("born: dates" in note for note in kept.notes)
