"""What a replay refuses before it reads."""

from __future__ import annotations

import pytest

from driftline.alerts.comparison import Span
from driftline.config.secrets import Credentials
from driftline.config.settings import PredictionInput, Settings
from driftline.errors import ConfigurationError
from driftline.runtime.replay.replay import Replay


@pytest.mark.parametrize("topic", [("a", "b"), ("^scores-",)])
def test_several_topics_are_refused_with_their_names(topic: tuple[str, ...]) -> None:
    settings = Settings(predictions=PredictionInput(topic=topic))
    with pytest.raises(ConfigurationError, match="one topic of predictions and one of labels, and these are"):
        Replay(settings, Credentials(), Span(0, 1))
