"""What the report says of topics that are in order, or nearly."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.load import load_settings
from driftline.config.settings import JoinSettings, Settings
from driftline.inspection.configuration import as_yaml
from driftline.inspection.examination import report_of
from tests.support.topic_samples import Examined, sample, time_ms
from tests.unit.inspection.test_layouts import AGES, N, labels, own

OWN = [own(n) for n in range(N)]


def said(found: Examined) -> str:
    return "\n".join(
        f"{line.level}: {line.text} | {line.advice}" for section in found.report.sections for line in section.lines
    )


def test_a_map_of_probabilities() -> None:
    records = [{**own(n), "prediction": "abc"[n % 3], "score": {"a": 0.2, "b": 0.3, "c": 0.5}} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert found.fields == {}
    assert "ok: score: a probability for each of 3 classes (a, b, c)" in said(found)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "1e999", 10**400])
def test_a_few_times_that_are_no_numbers_are_no_obstacle(odd: object) -> None:
    records = [{**own(n), "ts": odd if n % 40 == 7 else time_ms(n)} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert found.fields == {}


def test_a_list_of_probabilities_of_unknown_classes() -> None:
    records = [{**own(n), "prediction": "ab"[n % 2], "score": [0.2, 0.3, 0.5]} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert any("give them as `order`" in note for note in found.notes)
    assert any("100 % of the scores are no probabilities" in each for each in found.problems)


def test_a_score_of_an_unknown_scale() -> None:
    records = [{**own(n), "score": 2_000 + AGES[n] * 31} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert any("its scale: no probability, percent or log-odds" in note for note in found.notes)
    assert any("of the scores are no probabilities, such as " in each for each in found.problems)


def test_a_regression() -> None:
    records = [{**own(n), "prediction": 1.5 * AGES[n], "score": None} for n in range(N)]
    outcomes = [{**label, "label": 1.25 * AGES[n]} for n, label in enumerate(labels())]
    found = Examined(sample("predictions", records), sample("labels", outcomes))
    assert found.report.usable
    assert "prediction: numbers from" in said(found)
    assert "a regression" in said(found)
    texts = [{**label, "label": f"grade {AGES[n]}"} for n, label in enumerate(labels())]
    numbers = Examined(sample("predictions", records), sample("labels", texts))
    assert not numbers.report.usable


def test_labels_whose_only_field_beside_the_id_is_the_label() -> None:
    outcomes = [{"prediction_id": f"p-{n}", "paid_back": n % 3 > 0} for n in range(N)]
    found = Examined(sample("predictions", OWN), sample("labels", outcomes))
    assert found.label_fields == {"label": "/paid_back"}
    assert found.report.usable


def test_labels_without_a_label() -> None:
    outcomes = [{"prediction_id": f"p-{n}", "note_a": "x", "note_b": "y"} for n in range(N)]
    found = Examined(sample("predictions", OWN), sample("labels", outcomes))
    assert any("labels: no field was found that is the label" in each for each in found.problems)
    assert any("no record has a label" in each for each in found.problems)


def test_predictions_without_an_id() -> None:
    records = [{"model": "m", "ts": time_ms(n), "features": {"a": 1}, "prediction": n % 2} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert any("no field, key or header was found that each record has of its own" in each for each in found.problems)


def test_ids_that_differ_in_capital_letters() -> None:
    found = Examined(sample("predictions", OWN), sample("labels", labels(of="P-{}x")))
    assert any("no id is in both topics" in each for each in found.problems)
    upper = Examined(
        sample("predictions", [{**own(n), "prediction_id": f"a{n}bc"} for n in range(N)]),
        sample("labels", labels(of="A{}BC")),
    )
    assert any("they differ in capital letters" in each for each in upper.problems)


def test_a_topic_that_holds_enough_to_learn_from() -> None:
    found = Examined(sample("predictions", OWN)._replace(n_records=30_000))
    assert "the topic holds as many" in said(found)


def test_a_slow_topic_should_have_a_reference_published() -> None:
    hourly = [time_ms(3_600 * n) for n in range(N)]
    found = Examined(sample("predictions", [{**own(n), "ts": hourly[n]} for n in range(N)], stamps_ms=hourly))
    assert any("Publish a reference to begin at once" in note for note in found.notes)
    settings = Settings(predictions=PredictionInput("scores"))
    off = replace(settings.defaults, bootstrap=replace(settings.defaults.bootstrap, enabled=False))
    waiting = Examined(sample("predictions", OWN), settings=replace(settings, defaults=off))
    assert any("loan 3 waits for a reference" in note for note in waiting.notes)


def test_a_few_refused_records_are_worth_a_note() -> None:
    records: list[Any] = [*OWN, b"", {"model": "loan"}]
    found = Examined(sample("predictions", records))
    assert found.report.usable
    assert any("2 of 302 would be refused (under 1 %)" in note for note in found.notes)
    assert any("1 refused as empty_record" in note for note in found.notes)


def test_topics_that_are_always_repartitioned() -> None:
    settings = Settings(
        predictions=PredictionInput("scores"), labels=LabelInput("outcomes"), join=JoinSettings(repartition=True)
    )
    found = Examined(sample("predictions", OWN), sample("labels", labels()), settings)
    assert "both topics are repartitioned by id, as `join.repartition` says" in said(found)


def test_a_whole_configuration_is_written_back() -> None:
    values: dict[str, Any] = {
        "kafka": {"brokers": "a:1", "security": {"protocol": "SASL_SSL", "username_env": "U", "password_env": "P"}},
        "schema_registry": {"url": "http://r:8081", "timeout": "2s"},
        "predictions": {"topic": "p", "fields": {"score": {"pointer": "/s", "scale": [300, 850], "higher": "safer"}}},
        "labels": {"topic": "l", "fields": {"prediction_id": {"join": ["/a", {"key": ""}]}}},
        "defaults": {"windows": {"verdict": ["2h"]}, "labels": {"horizon": "10d"}},
        "models": {"loan": {"task": "binary", "segments": {"country": ["DE"]}}},
    }
    settings = load_settings(None, {}, values)
    text = as_yaml(settings, {"predictions.fields.score": "a scale\nof two lines"})
    assert load_settings(None, {}, yaml.safe_load(text)) == settings
    assert "# a scale\\nof two lines" in text
    assert len(text.splitlines()) < 35


def test_old_records_are_said_only_where_the_present_is_known() -> None:
    found = Examined(sample("predictions", OWN)).found
    assert "old" not in str(report_of(found).sections[1])
    assert "the newest record is 30 days old" in str(report_of(found, now_ms=time_ms(N) + 30 * 86_400_000))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_handful_of_records_is_enough(n: int) -> None:
    found = Examined(sample("predictions", OWN[:n]), sample("labels", labels()[:n]))
    assert found.report.usable, found.problems
    assert found.n_events() == n


def test_latency_and_errors_are_found_by_their_names() -> None:
    records: list[dict[str, Any]] = [
        {**own(n), "latency_s": 0.02 + n / 10_000, "failure_reason": "timeout" if n % 10 == 0 else None}
        for n in range(N)
    ]
    found = Examined(sample("predictions", records))
    assert found.fields == {"latency_ms": {"pointer": "/latency_s", "unit": "s"}, "error": "/failure_reason"}
    assert "ok: latency: 0.02 to " in said(found)
    assert "10 % of the predictions failed (timeout)" in said(found)


def test_latency_and_errors_where_they_stand_by_default_need_no_mapping() -> None:
    records: list[dict[str, Any]] = [
        {**own(n), "latency_ms": 12.5, "error": "OOM" if n % 4 == 0 else None} for n in range(N)
    ]
    for n in range(0, N, 4):
        records[n] |= {"prediction": None, "score": None}
    found = Examined(sample("predictions", records))
    assert found.fields == {}
    assert "25 % of the predictions failed (OOM)" in said(found)
    assert "have no usable prediction" not in said(found), "a failed prediction has none"


def test_a_duration_among_the_features_stays_one() -> None:
    flat = [{**{k: v for k, v in own(n).items() if k != "features"}, "duration": n % 50, "amount": n} for n in range(N)]
    assert "latency_ms" not in Examined(sample("predictions", flat)).fields
    records = [{**own(n), "features": {"latency": n, "x": 1}, "took": n % 9} for n in range(N)]
    found = Examined(sample("predictions", records))
    assert found.fields == {"latency_ms": "/took"}
    assert any("the unit of the latency" in note for note in found.notes)
