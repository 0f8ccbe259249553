"""Lists of topics and patterns in the configuration: what they mean, and what cannot be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.load import load_settings
from driftline.config.settings import Settings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = {"field": "/type", "equals": "label"}


def load(predictions: object, labels: object = None, **more: Mapping[str, object]) -> Settings:
    given: dict[str, object] = {"predictions": {"topic": predictions}, **dict(more)}
    if labels is not None:
        given["labels"] = labels if isinstance(labels, dict) else {"topic": labels}
    return load_settings(None, {}, given)


def test_a_topic_several_and_a_pattern() -> None:
    one = load("scores", "truth")
    assert (one.predictions.topics, one.has_several_topics) == (("scores",), False)
    several = load(["scores-us", "scores-eu", "^scores-a"], "truth")
    assert several.predictions.topics == ("scores-us", "scores-eu", "^scores-a"), "in their order"
    assert several.predictions.shown == "scores-us, scores-eu, ^scores-a"
    assert several.has_several_topics
    assert load("scores", "^truth-").has_several_topics
    assert not load(["scores"], ["truth"]).has_several_topics


def test_the_environment_names_several() -> None:
    settings = load_settings(None, {"DRIFTLINE_PREDICTIONS__TOPIC": "[a, b]"}, {})
    assert settings.predictions.topics == ("a", "b")


def test_the_same_topics_hold_both() -> None:
    both = load(["a", "b"], {"topic": ["a", "b"], "where": WHERE})
    assert both.shares_topic
    assert Settings(predictions=PredictionInput("a"), labels=LabelInput(("a",))).shares_topic
    assert load("^a-", {"topic": "^a-", "where": WHERE}).shares_topic
    assert not load(["a", "b"], ["x", "y"]).shares_topic


@pytest.mark.parametrize(
    ("predictions", "labels", "more", "message"),
    [
        (["a", "a"], None, {}, "Expected each topic once, got 'a' - at `$.predictions.topic`"),
        ([], None, {}, "Expected at least one topic, got [] - at `$.predictions.topic`"),
        (["a", "b c"], None, {}, "got 'b c' - at `$.predictions.topic[1]`"),
        (["a", 3], None, {}, "Expected a string, got 3 - at `$.predictions.topic[1]`"),
        ("^scores-(", None, {}, "Expected a regular expression behind `^` (missing ), unterminated subpattern at"),
        (["a", "driftline.panes"], None, {}, "Expected an input topic, not one that driftline writes"),
        (["a", "b"], ["x", "b"], {}, "topics of labels alone, or the very topics of the predictions with `where`"),
        (["a", "b"], ["a", "b"], {}, "or `where` to tell labels, got 'a, b' - at `$.labels.topic`"),
        (["a", "b"], "x", {"join": {"repartition": False}}, "Expected as many topics as for predictions (2), as"),
        ("^a", "^x", {"join": {"repartition": False}}, "Expected names of topics, as `join.repartition` is off"),
    ],
)
def test_what_cannot_be_meant(
    predictions: object, labels: object, more: Mapping[str, Mapping[str, object]], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(predictions, labels, **more)
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)


def test_in_place_topics_are_pairs() -> None:
    settings = load(["a", "b"], ["x", "y"], join={"repartition": False})
    assert settings.labels is not None
    assert settings.labels.topics == ("x", "y")
