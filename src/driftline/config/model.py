"""What is configured per model: columns, windows, checks, labels, bootstrap and alerts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from driftline.config.durations import Duration

Task = Literal["auto", "binary", "multiclass", "regression"]
MultivariateCheck = Literal["correlation", "reconstruction", "mean_embedding", "domain_classifier"]
ChosenTest = Literal["pearson", "kolmogorov_smirnov", "total_variation", "l_infinity", "wasserstein"]
TestedMetric = Literal["accuracy", "precision", "recall", "specificity", "log_loss", "brier", "mae", "mse"]
ColumnKind = Literal["numeric", "categorical", "ignore"]


def hours(n: int) -> Duration:
    """Return ``n`` hours."""
    return Duration(n * 3_600_000)


def days(n: int) -> Duration:
    """Return ``n`` days."""
    return Duration(n * 86_400_000)


class WindowSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Over which spans of event time verdicts, displays and performance are given."""

    verdict: tuple[Duration, ...] = (hours(1), days(1))
    """Sizes of the disjoint windows that get a verdict, each with its share of the budget; multiples of the pane."""
    display: Duration = hours(1)
    """Size of the sliding window for display; at most 24 hops."""
    hop: Duration = Duration(600_000)
    """By how much the sliding window advances; a multiple of the pane."""
    performance: Duration = hours(1)
    """Size of the prediction-time windows over which performance is measured."""
    min_samples: Annotated[int, Meta(ge=2)] = 500
    """A window with fewer events extends until it has as many."""


class DispersionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the tests take from how much unchanged data vary."""

    mode: Literal["estimate", "independent"] = "estimate"
    """`independent` takes events as independent: right for shuffled or simulated data, too many findings for others."""
    panes: Annotated[int, Meta(ge=100, le=100_000)] = 1_000
    """Panes of production that are looked at where the reference has no timestamps; until 100 nothing pages."""
    span: Duration = days(1)
    """Shortest stretch of event time that must have been looked at before anything pages, so that a season shows."""


class CheckSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which differences matter, and which detectors watch."""

    bins: Annotated[int, Meta(ge=2, le=40)] = 20
    """Groups of near equal reference share that distances and tests see."""
    test: ChosenTest = "pearson"
    """What says whether a change is real. All but `pearson` are held against simulated draws, up to a million a column
    and window at the levels of a budget; those that need an order leave categories to `pearson`, and so do all where a
    level is below one in a million."""
    distances: tuple[str, ...] = ("psi", "jensen_shannon", "kolmogorov_smirnov")
    """Distances reported of each column; `psi`, and one that has a threshold, is so in any case."""
    min_psi: Annotated[float, Meta(ge=0)] = 0.1
    """Smallest bias-corrected population stability index that matters."""
    thresholds: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """Fixed thresholds by distance (`psi: 0.2`): findings without a test, which no budget bounds."""
    threshold_value: Literal["corrected", "raw"] = "corrected"
    """Which value of a distance is held against its threshold: without its bias, or as it is."""
    min_share_change: Annotated[float, Meta(ge=0, le=1)] = 0.01
    """Smallest change of a share (missing, unseen, ...) that matters."""
    min_cardinality_growth: Annotated[float, Meta(ge=0)] = 0.5
    """Smallest number of unseen categories that matters, as a part of those the reference has."""
    min_volume_change: Annotated[float, Meta(ge=0)] = 0.5
    """Smallest change of events a minute that matters: by how much the larger rate exceeds the smaller."""
    min_accuracy_drop: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Smallest fall of accuracy against the baseline that matters."""
    dispersion: DispersionSettings = DispersionSettings()
    multivariate: tuple[MultivariateCheck, ...] = ("correlation",)
    """What is looked at of all numeric features together, up to 64 of them. What panes keep for it is fixed when a
    reference is built: a reference built with fewer checks takes no part in the others."""
    min_correlation_change: Annotated[float, Meta(ge=0, le=2)] = 0.2
    """Smallest change of the correlation of two features that matters."""
    min_reconstruction_change: Annotated[float, Meta(ge=0)] = 0.2
    """Smallest change of the principal components' reconstruction error that matters, as a part of the reference's."""
    min_embedding_distance: Annotated[float, Meta(ge=0, le=2)] = 0.1
    """Smallest distance of the mean embeddings that matters; 0 for equal distributions, about 1.4 for disjoint ones."""
    min_domain_auc: Annotated[float, Meta(ge=0.5, le=1)] = 0.6
    """Smallest area under the curve of a classifier that tells the window from the reference that matters."""
    detectors: tuple[str, ...] = ("adwin", "page_hinkley")
    """Sequential detectors fed with the blocks of successive panes; informative. `river:<name>` is one of river's."""
    paging_detectors: tuple[Literal["cusum", "adwin"], ...] = ()
    """Sequential detectors that open alerts, with a share of the false-alarm budget."""
    detector_parameters: dict[str, dict[str, float | int | str | bool]] = field(default_factory=dict)
    """Parameters by detector name, where the published defaults are not wanted."""


class LabelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long labels are waited for, and when performance is revised."""

    horizon: Duration = days(30)
    """A label counts only if it comes at most this long after its prediction."""
    wait: Duration = hours(1)
    """How long a label waits for a prediction that comes after it."""
    revisions: tuple[Duration, ...] = (hours(1), days(1), days(7), days(30))
    """Ages of a window at which its performance is reported; the horizon is always the last."""
    repeated: Literal["last", "first"] = "last"
    """Which of several labels of a prediction counts; a null label takes back what counts in either case."""
    test_coverage: Annotated[float, Meta(gt=0, le=1)] = 0.8
    """The first revision with this share of labels is tested, once."""
    cohort: Duration = days(1)
    """Predictions of so long a time make one cohort, of which it is told at each revision's age how many have a label;
    rounded up to a multiple of the performance window."""
    min_arrival_drop: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Smallest fall of the share of a cohort that has a label by some age, against earlier cohorts, that matters."""
    stall_after: Duration = days(2)
    """For so long there may be predictions and no label of any model at all; then an alert says so."""

    @property
    def ages_ms(self) -> tuple[int, ...]:
        """Ages at which windows are cut, ascending: the revisions below the horizon, then the horizon."""
        horizon = int(self.horizon)
        return (*sorted({int(age) for age in self.revisions if age < horizon}), horizon)


class PerformanceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What performance is measured by, and which of its metrics are held against the baseline."""

    metrics: tuple[TestedMetric, ...] = ("accuracy", "mae")
    """Metrics that get a verdict, where the task has them; the others are reported only. They divide the level of a
    performance window evenly."""
    min_change: dict[TestedMetric, Annotated[float, Meta(ge=0)]] = field(default_factory=dict)
    """Smallest change for the worse that matters, by metric: of a share in itself, of others as a part of the
    baseline's value. Without it `min_accuracy_drop` for shares, 0.05 for others."""
    beta: Annotated[float, Meta(gt=0)] = 2.0
    """How many times as much recall counts as precision in `f_beta`."""
    quantile: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """Of the pinball loss: the quantile that a regression predicts."""
    calibration_bins: Literal[10, 20] = 10
    """Bins of equal width of the reliability curve and the calibration error."""
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """What a label is worth by predicted, then by actual class (`"1": {"1": 100, "0": -20}`); unnamed pairs nothing."""
    champion: str | None = None
    """Version of the model whose performance, over the same windows, that of all others is shown beside."""
    weighted: bool = False
    """Whether labels weigh what their weight says, up to a million; fixed when a reference is built."""


class RollingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A second reference that moves on with the stream: the week before. The published one stays beside it."""

    length: Duration = days(7)
    """How much of the past it holds; a multiple of the step."""
    gap: Duration = days(1)
    """What lies between it and the windows that are compared with it; a multiple of the step."""
    step: Duration = days(1)
    """By how much it moves on; a multiple of the pane."""


class ReferenceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What of the reference a window is compared with."""

    season: Literal["auto", "none"] = "auto"
    """`auto` compares with the same hours of the week, where the reference saw each of them in two weeks or more;
    `none` always compares with all of it."""
    rolling: RollingSettings | None = None
    """Compares with the recent past as well (`rolling: {}` with the week before); without it with the profile alone."""


class BootstrapSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How a profile is made from the stream where no reference was published."""

    enabled: bool = True
    """Without it, a model that has no published reference waits for one."""
    sample: Annotated[int, Meta(ge=200, le=20_000)] = 4_096
    """Events whose values fix the bin edges."""
    events: Annotated[int, Meta(ge=500)] = 20_000
    """Further events, disjoint from the sample, that are counted as the reference."""


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """How many false pages a model may cost: ``pages`` per ``horizon``; written ``1 per 30d``."""

    pages: Annotated[float, Meta(gt=0)] = 1.0
    horizon: Duration = days(30)


class OpenAfter(Struct, frozen=True, forbid_unknown_fields=True):
    """How many findings of one check open an alert."""

    findings: Annotated[int, Meta(ge=1, le=24)] = 1
    """Findings of one check, column and window size that it takes; each test's level is as many times larger."""
    windows: Annotated[int, Meta(ge=1, le=168)] = 1
    """They must come within so many windows of that size in a row."""


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When alerts open and resolve."""

    false_alarm_budget: Budget = Budget()
    """How many false pages the model may cost; the levels of all its tests follow from it."""
    shares: dict[str, Annotated[float, Meta(gt=0, le=1)]] = field(default_factory=dict)
    """Shares of the budget by verdict size (`1h`), `performance`, `labels` and `detectors`; the others divide the rest
    evenly."""
    open_after: OpenAfter = OpenAfter()
    info_level: Annotated[float, Meta(gt=0, le=1)] | None = None
    """Level of findings of severity `info`, which open no alert and cost no budget; none without it."""
    resolve_after: Annotated[int, Meta(ge=1)] = 2
    """Clean windows in a row after which an alert resolves."""


class ColumnSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a column beforehand."""

    kind: ColumnKind | None = None
    """How values are read; without it the reference or the first events decide."""
    importance: Annotated[float, Meta(ge=0)] | None = None
    """Weight in the order of findings; relative to the other columns."""
    thresholds: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """Fixed thresholds of this column, by distance; stronger than those of the checks."""


class ModelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything configured for one model; the same struct holds the defaults of all."""

    task: Task = "auto"
    """What the model does; `auto` finds out from its first predictions and scores."""
    positive_class: str | None = None
    """The class that a binary model's score is the probability of."""
    columns: dict[str, ColumnSettings] = field(default_factory=dict)
    """What is known of the features, by name."""
    segments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Slices of the traffic whose performance is reported beside that of all: values by the name of a segment field,
    as in `country: [DE, FR]`; at most 31 in all."""
    windows: WindowSettings = WindowSettings()
    checks: CheckSettings = CheckSettings()
    labels: LabelSettings = LabelSettings()
    performance: PerformanceSettings = PerformanceSettings()
    reference: ReferenceSettings = ReferenceSettings()
    bootstrap: BootstrapSettings = BootstrapSettings()
    alerts: AlertSettings = AlertSettings()

    @property
    def cohort_ms(self) -> int:
        """Length of a cohort: the least multiple of the performance window that is as long as configured."""
        window_ms = int(self.windows.performance)
        return -(-int(self.labels.cohort) // window_ms) * window_ms

    def replace(self, **changes: object) -> ModelSettings:
        """Return a copy with some sections replaced."""
        return msgspec.structs.replace(self, **changes)
