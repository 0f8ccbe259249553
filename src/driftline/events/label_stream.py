"""Label stream events: how many labels of a span of time joined a prediction, for the topic as a whole."""

from __future__ import annotations

from typing import ClassVar, Literal

from driftline.events.cloudevents import LABEL_STREAM_TYPE
from driftline.events.evidence import Count, Event, Share
from driftline.events.label_arrival import ArrivalTest  # noqa: TC001  # msgspec reads it where the schema is made


class LabelStreamEvent(Event, frozen=True, kw_only=True):
    """Joined and orphaned labels of a day, by default; no prediction with an orphan's id ever came.

    A label without a prediction belongs to no model: ``model`` is empty and ``model_version`` is ``labels``. ``n``
    counts joins and orphans together, each in the pane in which its outcome was known; ``n_reference`` counts those of
    the earlier spans in the comparison.
    """

    TYPE: ClassVar[str] = LABEL_STREAM_TYPE

    status: Literal["calibrating", "usual", "many"]
    """``calibrating`` while there are too few earlier spans to compare with; ``usual``: no finding; ``many``: a
    finding."""
    n_predictions: Count
    """Predictions of all models in this span that may get a label."""
    n_joined: Count
    """Labels that joined a prediction, including corrections; a label of several models counts once for each."""
    n_orphans: Count
    """Labels whose prediction did not come within ``labels.wait``."""
    orphan_share: Share
    """Orphans divided by joins and orphans; 0 without labels."""
    test: ArrivalTest | None
    """Test of the fraction against that of earlier spans; its p-value is the probability of a fraction as high, or
    higher."""
