"""Files have no topics: which one they stand for, and when that has to be said."""

from __future__ import annotations

import pytest

from driftline.config.field_places import First, FromTopic, Joined
from driftline.config.input_settings import LabelInput, PredictionFields, PredictionInput
from driftline.config.settings import Settings
from driftline.errors import ConfigurationError
from driftline.runtime.files.file_topics import with_file_topics


def test_files_stand_for_the_first_topics_that_are_named() -> None:
    several = Settings(predictions=PredictionInput(("^a-", "b", "c")), labels=LabelInput("^truth"))
    found = with_file_topics(several)
    assert found.labels is not None
    assert (found.predictions.topic, found.labels.topic) == ("b", "labels")
    one = Settings(predictions=PredictionInput("b"), labels=LabelInput("x"))
    assert with_file_topics(one) == one


def test_the_same_topics_are_the_same_file() -> None:
    found = with_file_topics(Settings(predictions=PredictionInput("^a"), labels=LabelInput("^a")))
    assert found.shares_topic
    assert not found.has_several_topics


@pytest.mark.parametrize(
    "fields",
    [
        PredictionFields(model=FromTopic(topic=True)),
        PredictionFields(model_version=First(first=("/v", FromTopic(topic="-(.*)")))),
        PredictionFields(prediction_id=Joined(join=("/id", FromTopic(topic=True)))),
        PredictionFields(segments={"region": FromTopic(topic="-(.*)")}),
    ],
)
def test_a_field_from_the_name_of_the_topic_needs_one_topic(fields: PredictionFields) -> None:
    with pytest.raises(ConfigurationError, match=r"is scores-eu, scores-us\. Say which.*DRIFTLINE_PREDICTIONS__TOPIC"):
        with_file_topics(Settings(predictions=PredictionInput(("scores-eu", "scores-us"), fields=fields)))
    one = Settings(predictions=PredictionInput("scores-eu", fields=fields))
    assert with_file_topics(one) == one
