"""What the checks say of a closed window."""

from __future__ import annotations

from msgspec import Struct

from driftline.events.evidence import EventRole
from driftline.events.finding import FindingEvent
from driftline.events.performance import PerformanceEvent
from driftline.events.window import WindowEvent


class CheckStatistic(Struct, frozen=True):
    """The latest number of one check, for telemetry.

    Parameters
    ----------
    check : str
        Name of the distance (corrected where it can be) or check.
    column : str
        Empty where the check is about the model as a whole.
    role : str
    value : float
    p_value : float or None
    """

    check: str
    column: str
    role: EventRole
    value: float
    p_value: float | None


class WindowVerdict(Struct, frozen=True, kw_only=True):
    """What the checks say of a window of prediction panes.

    Parameters
    ----------
    windows : tuple of WindowEvent
        One for each block of columns.
    findings : tuple of FindingEvent
        In the order of the columns; none for sliding windows.
    statistics : tuple of CheckStatistic
    """

    windows: tuple[WindowEvent, ...]
    findings: tuple[FindingEvent, ...]
    statistics: tuple[CheckStatistic, ...]


class PerformanceVerdict(Struct, frozen=True, kw_only=True):
    """What is known of a performance window at one of its revisions.

    Parameters
    ----------
    event : PerformanceEvent
    findings : tuple of FindingEvent
        None where the revision was not tested.
    statistics : tuple of CheckStatistic
    """

    event: PerformanceEvent
    findings: tuple[FindingEvent, ...]
    statistics: tuple[CheckStatistic, ...]
