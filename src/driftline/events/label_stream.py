"""Label stream events: how many labels of a span of time found their prediction; of the topic, not of a model."""

from __future__ import annotations

from typing import ClassVar, Literal

from driftline.events.cloudevents import LABEL_STREAM_TYPE
from driftline.events.evidence import Count, Event, Share
from driftline.events.label_arrival import ArrivalTest  # noqa: TC001  # msgspec reads it where the schema is made


class LabelStreamEvent(Event, frozen=True, kw_only=True):
    """How many labels of a day, by default, are orphans: the prediction with their id never came.

    A label without a prediction belongs to no model: ``model`` is empty and ``model_version`` is ``labels``. ``n``
    counts joins and orphans together, each in the pane in which it was known what became of it; ``n_reference`` those
    of the earlier spans that it was held against.
    """

    TYPE: ClassVar[str] = LABEL_STREAM_TYPE

    status: Literal["calibrating", "usual", "many"]
    """``calibrating`` while there are too few earlier spans to compare with; ``many`` where there is a finding."""
    n_predictions: Count
    """Predictions of all models that came meanwhile and may get a label."""
    n_joined: Count
    """Labels that joined a prediction, corrections among them; one of several models counts for each."""
    n_orphans: Count
    """Labels that waited for their prediction as long as they may, and it did not come."""
    orphan_share: Share
    """Orphans over joins and orphans; 0 without labels."""
    test: ArrivalTest | None
    """The share held against that of earlier spans; its p-value is of a share as high as this one's, or higher."""
