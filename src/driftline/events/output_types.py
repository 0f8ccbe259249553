"""Every type of output event, for whoever needs the schemas of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.alert import AlertEvent
from driftline.events.control_answer import ControlAnswerEvent
from driftline.events.estimate import EstimateEvent
from driftline.events.finding import FindingEvent
from driftline.events.label_arrival import LabelArrivalEvent
from driftline.events.label_stream import LabelStreamEvent
from driftline.events.operations import OperationsEvent
from driftline.events.pages import PagesEvent
from driftline.events.performance import PerformanceEvent
from driftline.events.proposal import ProposalEvent
from driftline.events.retraining import RetrainingWaitingEvent, RetrainRequestedEvent
from driftline.events.window import WindowEvent

if TYPE_CHECKING:
    from driftline.events.evidence import Event

OUTPUT_EVENTS: Final[dict[str, type[Event]]] = {
    "window": WindowEvent,
    "finding": FindingEvent,
    "performance": PerformanceEvent,
    "estimate": EstimateEvent,
    "label_arrival": LabelArrivalEvent,
    "label_stream": LabelStreamEvent,
    "operations": OperationsEvent,
    "pages": PagesEvent,
    "retrain_requested": RetrainRequestedEvent,
    "retraining_waiting": RetrainingWaitingEvent,
    "proposal": ProposalEvent,
    "control": ControlAnswerEvent,
    "alert": AlertEvent,
}
"""By the names of their schemas in ``schemas/``."""
