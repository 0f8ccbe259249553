"""A closed window: what the checks look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from driftline.events.model_key import ModelKey
from driftline.events.schema_counts import SchemaCounts
from driftline.events.source import Kind, Offsets
from driftline.performance.cases import Cases
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile
    from driftline.sketches.arrival import ArrivalLayout


class ClosedWindow(Struct, frozen=True, kw_only=True):
    """The sketch of a window of prediction panes, all of one profile's grid."""

    key: ModelKey
    segment: str
    kind: Literal["tumbling", "sliding"]
    """Tumbling windows get a verdict."""
    start_ms: int
    end_ms: int
    """The span, end excluded."""
    size_ms: int
    """The configured size, whatever the span has become: gives the level, and tells windows of two sizes apart."""
    sketch: PaneSketch
    """In the layout of the profile."""
    offsets: Offsets
    """Of the predictions topic: partition to smallest and largest contributing offset."""
    extended: bool = False
    """Whether the window went on past its size until it had enough events."""
    flags: tuple[str, ...] = ()
    """``after_idle`` where events came after an idle mark and were not counted."""
    schemas: SchemaCounts = {}
    """Of the events that came with a schema of a registry."""
    hours: dict[int, int] = {}
    """Events by the hour of the week in which their pane begins (UTC, 0 is Monday 00:00 to 01:00); empty where that is
    not known of all of them."""
    volume: VolumeReference | None = None
    """What the number of events is held against, where enough is known of the weeks before."""
    rolling: PaneSketch | None = None
    """The recent past that it is compared with beside the profile, where that is configured and known."""

    @property
    def n_events(self) -> int:
        """Events of the window."""
        return int(self.sketch.counts[EVENTS])


class PerformanceBaseline(Struct, frozen=True, kw_only=True):
    """What performance is held against."""

    vector: NDArray[np.int64]
    """Shape (performance_layout.n_cells,)."""
    origin: Literal["reference", "first windows"]
    """The profile's labelled events, or the first windows of the stream."""


class EarlierRevision(Struct, frozen=True, array_like=True):
    """What is kept of a revision of a performance window, for the window after it."""

    start_ms: int
    end_ms: int
    """Of the window."""
    n: int
    """Predictions whose label counted."""
    metrics: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]


class PerformanceRevision(Struct, frozen=True, kw_only=True):
    """One revision of a performance window."""

    key: ModelKey
    segment: str
    start_ms: int
    end_ms: int
    """Span of prediction time, end excluded."""
    vector: NDArray[np.int64]
    """Shape (performance_layout.n_cells,). All join panes merged that ended by the moment of the revision."""
    offsets: dict[Kind, Offsets]
    """Partition to smallest and largest contributing offset."""
    revision: int
    """From 0."""
    age_ms: int
    """Age of the window at the revision, from its end."""
    final: bool
    """Whether no revision comes after it."""
    tested: bool
    """Whether this is the revision that gets the verdict; needs a baseline."""
    flags: tuple[str, ...] = ()
    """As in :class:`ClosedWindow`."""
    previous: EarlierRevision | None = None
    """The same revision of the window with predictions before this one."""
    champion: tuple[str, EarlierRevision] | None = None
    """Version of the champion, and what it did in the same window at the same revision."""
    arrival: ArrivalEvidence | None = None
    """What is known of when its labels come."""
    unknown: tuple[str, ...] = ()
    """Names of labels of classes that the task does not know, the first few."""
    segments: SegmentEvidence | None = None
    """The traffic by segment, of a revision that gets the verdict; None where no segments are configured."""
    by_feature: FeatureEvidence | None = None
    """The errors by feature, of a revision that gets the verdict; None where they are not to be compared."""


class FeatureEvidence(NamedTuple):
    """What a window and its baseline show of errors by the values of features."""

    now: NDArray[np.int64]
    """Shape (:data:`driftline.sketches.feature_errors.N_CELLS`,). Of the window."""
    before: NDArray[np.int64] | None
    """The same of the baseline; None where there is none."""
    origin: Literal["reference", "first windows"] | None
    """What the baseline is."""
    n_baseline: int
    """Labelled predictions of the first windows, where these are to be the baseline."""


class SegmentWindow(Struct, frozen=True, array_like=True):
    """The sums of a performance window, or of several, by segment and metric."""

    start_ms: int
    end_ms: int
    basis: str
    """Stands for the task and the configured segments: only the sums of the same ones can be compared."""
    segments: dict[str, dict[str, Cases]]
    """``all`` among them; segments without predictions are left out."""


class SegmentEvidence(NamedTuple):
    """What is known of the traffic by segment."""

    now: SegmentWindow
    earlier: tuple[SegmentWindow, ...]
    """The last windows of the same basis that had no finding, the oldest first."""


class PerformanceCase(NamedTuple):
    """The tested revision of a performance window, and what it is held against."""

    profile: Profile
    revision: PerformanceRevision
    baseline: PerformanceBaseline
    settings: ModelSettings


class ArrivalEvidence(NamedTuple):
    """What a window and earlier cohorts show of when labels come."""

    layout: ArrivalLayout
    vector: NDArray[np.int64]
    """Shape (layout.n_cells,). Of the window."""
    by_now: NDArray[np.int64]
    in_the_end: NDArray[np.int64]
    """Shape (n_cohorts, layout.n_scores, layout.n_codes). First labels of cohorts past the horizon at the window's age,
    and at the horizon."""


class VolumeReference(Struct, frozen=True, kw_only=True):
    """What a window's volume is held against."""

    rate: float
    """Events a minute: median of the same hour 1 to 4 weeks before."""
    n: int
    """Events of those windows."""
    weeks: int
    """How many they are."""
    spread: float
    """Standard deviation of the logarithm of the window's rate over ``rate`` when nothing has changed."""
    degrees_of_freedom: int
    """Of ``spread``, at least 1."""
