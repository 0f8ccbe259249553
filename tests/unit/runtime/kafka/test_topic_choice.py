"""Which topics of a broker the configuration means."""

from __future__ import annotations

import pytest

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.settings import JoinSettings, Settings
from driftline.errors import BrokerError
from driftline.runtime.kafka.topic_check import _source_differences
from driftline.runtime.kafka.topic_choice import read_topics, resolved, topic_pairs
from driftline.runtime.kafka.topics import Sources

PRESENT = ["scores-us", "scores-eu", "scores-eu.dlq", "outcomes", "scores-labels", "__offsets", "p.scores", "p.events"]


def settings(predictions: str | tuple[str, ...], labels: str | tuple[str, ...] | None = "outcomes") -> Settings:
    given = None if labels is None else LabelInput(labels)
    return Settings(kafka=KafkaSettings(prefix="p"), predictions=PredictionInput(predictions), labels=given)


def test_a_pattern_matches_from_the_beginning_of_a_name_and_stands_for_topics_by_name() -> None:
    found = resolved(settings("^scores-.{2}$"), PRESENT)
    assert found.predictions.topics == ("scores-eu", "scores-us")
    assert resolved(settings("^scores-.{2}"), PRESENT).predictions.topics == (
        "scores-eu",
        "scores-eu.dlq",
        "scores-labels",
        "scores-us",
    ), "not to its end, unless the pattern says so"
    assert found.labels == LabelInput("outcomes"), "names stay as they are"


def test_names_stand_before_what_patterns_match_and_each_topic_once() -> None:
    found = resolved(settings(("scores-us", "^scores-", "missing")), PRESENT)
    assert found.predictions.topics == ("scores-us", "missing", "scores-eu", "scores-eu.dlq", "scores-labels")


def test_own_and_internal_topics_and_those_of_the_other_input_match_nothing() -> None:
    found = resolved(settings("^.", ("scores-labels", "outcomes")), PRESENT)
    assert found.predictions.topics == ("p.scores", "scores-eu", "scores-eu.dlq", "scores-us")


def test_a_topic_that_matches_both_patterns_is_refused() -> None:
    with pytest.raises(BrokerError) as caught:
        resolved(settings("^scores-", "^scores-l"), PRESENT)
    assert "got `scores-labels`, which matches `^scores-` and `^scores-l`" in str(caught.value)


def test_topics_of_both_kinds_are_the_same_ones_and_are_read_once() -> None:
    found = resolved(settings("^scores-.{2}$", "^scores-.{2}$"), PRESENT)
    assert found.shares_topic
    assert read_topics(found) == {"predictions": ("scores-eu", "scores-us")}
    assert topic_pairs(found) == []


def test_what_is_joined_in_place_is_paired_by_position() -> None:
    in_place = JoinSettings(repartition=False)
    given = Settings(predictions=PredictionInput(("a", "b")), labels=LabelInput(("y", "x")), join=in_place)
    assert topic_pairs(given) == [("a", "y"), ("b", "x")]
    assert topic_pairs(settings(("a", "b"), ("y", "x"))) == []
    shared = Settings(predictions=PredictionInput(("a", "b")), labels=LabelInput(("a", "b")), join=in_place)
    assert topic_pairs(shared) == [("a", "a"), ("b", "b")]


def test_differences_name_the_pair_and_the_pattern_without_a_topic() -> None:
    partitions = {"a": 2, "b": 3, "y": 2, "x": 4, "^c-": None}
    (missing, uneven) = _source_differences(Sources(partitions, pairs=(("a", "y"), ("b", "x"))))
    assert str(missing) == (
        "Expected topics that match, got none - at `^c-` (existence). Create one, or mend the pattern"
    )
    assert str(uneven).startswith("Expected 3 partitions, as `b` has, got 4 - at `x` (partitions).")
