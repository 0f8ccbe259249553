"""Layouts that producers write: the doctor proposes a mapping under which every record is accepted."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from driftline.config.settings import Settings
from tests.support.topic_samples import Examined, sample, time_ms

N = 300
_random = random.Random(7)
AGES = [_random.randint(18, 90) for _ in range(N)]
SCORES = [round(_random.random(), 4) for _ in range(N)]


def row(number: int) -> dict[str, Any]:
    return {"age": AGES[number], "country": ("DE", "FR", "IT")[number % 3], "income": 1000.5 + AGES[number % 17]}


def own(number: int) -> dict[str, Any]:
    return {
        "prediction_id": f"p-{number}",
        "model": "loan",
        "model_version": "3",
        "ts": time_ms(number),
        "features": row(number),
        "prediction": int(SCORES[number] > 0.5),
        "score": SCORES[number],
    }


def labels(name: str = "prediction_id", label: str = "label", of: str = "p-{}") -> list[dict[str, Any]]:
    return [
        {name: of.format(number), label: number % 4 // 2, "ts": time_ms(number) + 60_000} for number in range(0, N, 2)
    ]


def accepted(found: Examined, n: int = N) -> Examined:
    assert not found.problems
    assert found.n_events() == n
    assert found.report.usable
    found.configuration  # noqa: B018  # checks that it loads
    return found


def test_driftlines_own_layout_needs_no_mapping() -> None:
    found = accepted(Examined(sample("predictions", [own(n) for n in range(N)]), sample("labels", labels())))
    assert found.configuration == {"predictions": {"topic": "scores"}, "labels": {"topic": "outcomes"}}
    assert found.n_events("labels") == N / 2
    assert any("150 ids of the samples are in both topics" in line.text for line in found.report.sections[3].lines)


def test_a_flat_row_with_names_of_its_own() -> None:
    records = [
        {
            "requestId": f"r-{n}",
            "scoredAt": time_ms(n) // 1000,
            "modelName": "loan",
            "modelVersion": 3,
            **row(n),
            "decision": "yes" if SCORES[n] > 0.5 else "no",
            "probability": SCORES[n],
        }
        for n in range(N)
    ]
    outcomes = [{"request": f"r-{n}", "outcome": "yes", "at": time_ms(n + 5)} for n in range(N)]
    found = accepted(Examined(sample("predictions", records), sample("labels", outcomes)))
    assert found.fields == {
        "prediction_id": "/requestId",
        "model": "/modelName",
        "model_version": "/modelVersion",
        "ts": {"pointer": "/scoredAt", "unit": "s"},
        "features": "",
        "prediction": "/decision",
        "score": "/probability",
    }
    assert found.label_fields == {"prediction_id": "/request", "label": "/outcome", "ts": "/at"}
    text = str(found.report)
    assert "2 numeric (age, income)" in text
    assert "1 categorical (country)" in text


def test_rows_in_envelopes_of_database_changes() -> None:
    records: list[object] = []
    for n in range(N):
        after = {"id": n + 1000, "created_at": time_ms(n) * 1000, **row(n), "prediction": "good", "score": SCORES[n]}
        envelope = {"before": None, "after": after, "source": {"ts_ms": time_ms(n), "table": "scores"}, "op": "c"}
        records.append({"schema": {"type": "struct"}, "payload": envelope})
        if n % 10 == 0:
            records.append({"schema": {"type": "struct"}, "payload": {"before": after, "after": None, "op": "d"}})
    found = accepted(Examined(sample("predictions", records)))
    assert found.configuration["predictions"]["where"] == {"equals": ["c", "r", "u"], "field": "/payload/op"}
    assert found.fields["prediction_id"] == "/payload/after/id"
    assert found.fields["features"] == "/payload/after"
    assert found.fields["ts"] == {"pointer": "/payload/after/created_at", "unit": "us"}
    assert "30 records are of another kind and are skipped" in str(found.report)


def test_features_within_objects_are_named_by_their_path() -> None:
    records = [{**own(n), "features": {"user": row(n), "basket": {"items": n % 9}}} for n in range(N)]
    found = accepted(Examined(sample("predictions", records)))
    assert "user.age" in str(found.report)
    assert "basket.items" in str(found.report)


def test_scores_as_lists_of_both_and_of_three_classes() -> None:
    both = [{**own(n), "score": [1 - SCORES[n], SCORES[n]]} for n in range(N)]
    assert accepted(Examined(sample("predictions", both))).fields == {}
    third = [{**own(n), "prediction": "abc"[n % 3], "score": [0.2, 0.3, 0.5]} for n in range(N)]
    found = accepted(Examined(sample("predictions", third)))
    assert found.fields == {"score": {"pointer": "/score", "order": ["a", "b", "c"]}}
    assert any("order a, b, c" in note for note in found.notes)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([round(100 * score, 1) for score in SCORES], "percent"),
        ([10 * score - 5 for score in SCORES], "margin"),
        ([300 + int(550 * score) for score in SCORES], [300.0, 850.0]),
    ],
)
def test_scores_on_other_scales(scores: list[float], expected: object) -> None:
    found = accepted(Examined(sample("predictions", [{**own(n), "score": score} for n, score in enumerate(scores)])))
    assert found.fields["score"]["scale"] == expected
    assert any("please check" in note for note in found.notes)


def test_a_batch_of_kserve_v1() -> None:
    records = [
        {
            "id": f"b-{n}",
            "time": time_ms(n),
            "data": {"instances": [[AGES[n], 1.5, 2], [3, 4.5, 5]], "predictions": ["good", "bad"]},
        }
        for n in range(N)
    ]
    outcomes = [{"ref": f"b-{n}#{row}", "truth": "good", "ts": time_ms(n)} for n in range(N) for row in (0, 1)]
    found = accepted(Examined(sample("predictions", records), sample("labels", outcomes)), 2 * N)
    assert found.fields["rows"] == "/data/instances"
    assert found.fields["prediction"] == "/data/predictions/*"
    assert found.fields["features"] == {"pointer": "row:", "names": ["feature_0", "feature_1", "feature_2"]}
    assert any("names of the features" in note for note in found.notes)
    assert found.label_fields == {"prediction_id": "/ref", "label": "/truth"}


def test_rows_of_objects_with_predictions_inside() -> None:
    records = [
        {"at": time_ms(n), "rows": [{"id": f"{n}-{k}", **row(n), "score": SCORES[n]} for k in (0, 1)]} for n in range(N)
    ]
    found = accepted(Examined(sample("predictions", records)), 2 * N)
    assert found.fields["rows"] == "/rows"
    assert (found.fields["prediction_id"], found.fields["score"]) == ("row:/id", "row:/score")
    assert found.fields["features"] == "row:"


def test_probabilities_named_predictions_are_scores_where_labels_are_of_two_classes() -> None:
    records = [{**own(n), "prediction": SCORES[n], "score": None} for n in range(N)]
    found = accepted(Examined(sample("predictions", records), sample("labels", labels())))
    assert found.fields["score"] == "/prediction"


def test_numbers_in_text() -> None:
    records = [
        {**own(n), "ts": str(time_ms(n)), "score": str(SCORES[n]), "features": {"income": str(AGES[n])}}
        for n in range(N)
    ]
    found = accepted(Examined(sample("predictions", records)))
    assert any("income: numbers written as text" in note for note in found.notes)


def test_the_key_as_the_id() -> None:
    keys = [f"k-{n}" for n in range(N)]
    records = [{key: value for key, value in own(n).items() if key != "prediction_id"} for n in range(N)]
    outcomes = sample("labels", [{"label": n % 2} for n in range(N)], keys=keys)
    found = accepted(Examined(sample("predictions", records, keys=keys), outcomes))
    assert found.fields == {"prediction_id": {"key": ""}}
    assert found.label_fields == {"prediction_id": {"key": ""}}
    assert found.n_events("labels") == N


def test_a_header_as_the_id() -> None:
    headers = [{"correlation-id": f"c-{n}", "tenant": "a"} for n in range(N)]
    records = [{key: value for key, value in own(n).items() if key != "prediction_id"} for n in range(N)]
    assert accepted(Examined(sample("predictions", records, headers=headers))).fields == {
        "prediction_id": {"header": "correlation-id"}
    }


def test_cloud_events_with_everything_in_their_data() -> None:
    records = [
        {
            "specversion": "1.0",
            "id": f"e-{n}",
            "source": "/models/loan",
            "type": "inference",
            "time": dt.datetime.fromtimestamp(time_ms(n) / 1000, dt.UTC).isoformat(),
            "data": {"features": row(n), "output": "good", "score": SCORES[n]},
        }
        for n in range(N)
    ]
    found = accepted(Examined(sample("predictions", records)))
    assert found.fields["prediction_id"] == "/id"
    assert found.fields["features"] == "/data/features"
    assert (found.fields["ts"], found.fields["prediction"]) == ("/time", "/data/output")


def test_labels_keyed_by_another_name_correct_the_guess_of_the_id() -> None:
    records = [{**own(n), "request_id": f"x-{n}", "prediction_id": f"p-{n}", "txn": f"t-{n}"} for n in range(N)]
    found = accepted(Examined(sample("predictions", records), sample("labels", labels("transaction", of="t-{}"))))
    assert found.fields["prediction_id"] == "/txn"
    assert found.label_fields["prediction_id"] == "/transaction"


def test_a_record_without_a_model_is_named_after_the_topic() -> None:
    records = [{key: value for key, value in own(n).items() if not key.startswith("model")} for n in range(N)]
    found = accepted(Examined(sample("predictions", records)))
    assert found.fields == {"model": {"value": "scores"}}
    assert any("the model's name" in note for note in found.notes)


def test_a_configured_mapping_is_kept_while_it_fits() -> None:
    records = [{**own(n), "other_id": f"o-{n}"} for n in range(N)]
    settings = Settings()
    settings = type(settings)(predictions=type(settings.predictions)(topic="scores"))
    found = accepted(Examined(sample("predictions", records), settings=settings))
    assert "the configured mapping is used" in str(found.report)


def test_a_configured_mapping_that_refuses_most_records_is_shown_beside_a_better_one() -> None:
    records = [{"id": f"r-{n}", "ts": time_ms(n), "inputs": row(n), "prediction": "a"} for n in range(N)]
    found = Examined(sample("predictions", records), settings=Settings())
    assert any("the configured mapping would refuse 100 % of the records" in each for each in found.problems)
    assert found.fields["prediction_id"] == "/id"
    assert found.n_events() == N


def test_when_the_first_checks_come() -> None:
    found = Examined(sample("predictions", [own(n) for n in range(N)]))
    assert "about 3,612 events an hour" in str(found.report)
    assert "24,096 events are learnt first, 6.7 h at this rate" in str(found.report)


def test_a_batch_of_one_row_whose_labels_name_the_record() -> None:
    records = [
        {
            "id": f"b-{n}",
            "time": time_ms(n),
            "data": {"names": ["age", "rooms"], "ndarray": [[AGES[n], 1.5]], "predictions": [n % 2], "scores": [0.25]},
        }
        for n in range(N)
    ]
    outcomes = [{"ref": f"b-{n}", "truth": 1, "ts": time_ms(n)} for n in range(N)]
    found = accepted(Examined(sample("predictions", records), sample("labels", outcomes)))
    assert found.fields == {
        "prediction_id": "/id",
        "model": {"value": "scores"},
        "ts": "/time",
        "features": {"pointer": "/data/ndarray/0", "names": ["age", "rooms"]},
        "prediction": "/data/predictions/0",
        "score": "/data/scores/0",
    }


def test_text_that_an_endpoint_captured() -> None:
    records = [
        {
            "captureData": {
                "endpointInput": {"data": f"{AGES[n]},0.5,web", "encoding": "CSV"},
                "endpointOutput": {"data": str(SCORES[n]), "encoding": "CSV"},
            },
            "eventMetadata": {"eventId": f"e-{n}", "inferenceTime": f"2026-03-01T12:{n // 60:02}:{n % 60:02}Z"},
            "eventVersion": "0",
        }
        for n in range(N)
    ]
    found = accepted(Examined(sample("predictions", records)))
    assert found.fields["features"]["text"] == "csv"
    assert found.fields["score"] == "/captureData/endpointOutput/data"
    assert found.fields["prediction_id"] == "/eventMetadata/eventId"
    assert "model_version" not in found.fields


def test_labels_and_predictions_in_one_topic() -> None:
    records: list[object] = []
    for n in range(N):
        records += [{"type": "scored", **own(n)}, {"type": "labelled", "prediction_id": f"p-{n}", "label": n % 2}]
    found = accepted(Examined(sample("predictions", records)))
    assert found.configuration["predictions"]["where"] == {"field": "/type", "equals": "scored"}
    assert found.configuration["labels"]["topic"] == "scores"
    assert found.configuration["labels"]["where"] == {"field": "/type", "equals": "labelled"}
    assert found.n_events("labels") == N
    assert any("holds predictions and labels" in note for note in found.notes)


def test_labels_in_the_records_of_their_predictions() -> None:
    records: list[object] = []
    for n in range(N):
        records += [own(n), {**own(n), "actual": n % 2, "decided_at": time_ms(n + 60)}] if n % 2 else [own(n)]
    found = Examined(sample("predictions", records))
    assert found.configuration["labels"] == {
        "topic": "scores",
        "fields": {"label": "/actual", "ts": "/decided_at"},
        "where": {"field": "/actual"},
    }
    assert found.n_events("labels") == N / 2
    assert any("true outcome" in note for note in found.notes)


def test_labels_in_flat_records_are_no_features() -> None:
    records = [
        {"id": f"p-{n}", "ts": time_ms(n), **row(n), "prediction": n % 2, "actual": n % 2 if n % 3 else None}
        for n in range(N)
    ]
    found = Examined(sample("predictions", records))
    assert found.configuration["defaults"] == {"columns": {"actual": {"kind": "ignore"}}}
    assert found.configuration["labels"]["where"] == {"field": "/actual"}
