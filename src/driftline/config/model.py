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
    """Which windows of event time are evaluated, displayed and measured."""

    verdict: tuple[Duration, ...] = (hours(1), days(1))
    """Sizes of the tumbling windows that are evaluated; each spends its part of the false-alarm budget. Multiples of
    the pane."""
    display: Duration = hours(1)
    """Size of the sliding window for display; at most 24 hops."""
    hop: Duration = Duration(600_000)
    """Advance of the sliding window; a multiple of the pane."""
    performance: Duration = hours(1)
    """Size of the prediction-time windows over which performance is measured."""
    min_samples: Annotated[int, Meta(ge=2)] = 500
    """A window with fewer events is extended until it has this many."""


class DispersionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the tests learn how much unchanged data vary."""

    mode: Literal["estimate", "independent"] = "estimate"
    """`estimate` measures it. `independent` treats events as independent: right for shuffled or simulated data, but
    other data then yield too many findings."""
    panes: Annotated[int, Meta(ge=100, le=100_000)] = 1_000
    """Panes of production to learn from where the reference has no timestamps; no window notifies before there are
    100."""
    span: Duration = days(1)
    """Least event time to learn from before windows notify, long enough to cover a daily season."""


class CheckSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which checks run, and from which size on a change has practical significance."""

    bins: Annotated[int, Meta(ge=2, le=40)] = 20
    """Number of groups, of about equal share of the reference, that distances and tests compare."""
    test: ChosenTest = "pearson"
    """Significance test of each column's distribution. All but `pearson` simulate their null distribution, with up to a
    million draws per column and window. `pearson` is used for categorical columns where the test needs an order, and
    for all columns where the significance level is below one in a million."""
    distances: tuple[str, ...] = ("psi", "jensen_shannon", "kolmogorov_smirnov")
    """Distances reported for each column; `psi` and those with a threshold are always reported."""
    min_psi: Annotated[float, Meta(ge=0)] = 0.1
    """Threshold for practical significance of a column's change: bias-corrected population stability index."""
    thresholds: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """Fixed thresholds by distance (`psi: 0.2`). Their findings need no significance test, and the false-alarm budget
    does not cover them."""
    threshold_value: Literal["corrected", "raw"] = "corrected"
    """Which value of a distance is compared with its threshold: corrected for its bias, or raw."""
    min_share_change: Annotated[float, Meta(ge=0, le=1)] = 0.01
    """Threshold for practical significance of a change of a share (missing, unseen, ...)."""
    min_cardinality_growth: Annotated[float, Meta(ge=0)] = 0.5
    """Threshold for practical significance: number of unseen categories, as a fraction of the reference's
    categories."""
    min_volume_change: Annotated[float, Meta(ge=0)] = 0.5
    """Threshold for practical significance of a change of the events per minute: by which fraction the larger rate
    exceeds the smaller."""
    min_accuracy_drop: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Threshold for practical significance of a fall of accuracy below the baseline."""
    dispersion: DispersionSettings = DispersionSettings()
    multivariate: tuple[MultivariateCheck, ...] = ("correlation",)
    """Checks of all numeric features together, up to 64 of them. A reference supports only the checks that were
    configured when it was built."""
    min_correlation_change: Annotated[float, Meta(ge=0, le=2)] = 0.2
    """Threshold for practical significance of a change of the correlation of two features."""
    min_reconstruction_change: Annotated[float, Meta(ge=0)] = 0.2
    """Threshold for practical significance of a change of the principal components' reconstruction error, as a fraction
    of the reference's."""
    min_embedding_distance: Annotated[float, Meta(ge=0, le=2)] = 0.1
    """Threshold for practical significance of the distance of the mean embeddings; it is 0 for equal distributions,
    about 1.4 for disjoint ones."""
    min_domain_auc: Annotated[float, Meta(ge=0.5, le=1)] = 0.6
    """Threshold for practical significance of the area under the curve of a classifier that separates the window from
    the reference."""
    detectors: tuple[str, ...] = ("adwin", "page_hinkley")
    """Sequential detectors on the blocks of successive panes; their findings are for information. `river:<name>` names
    one of river's."""
    paging_detectors: tuple[Literal["cusum", "adwin"], ...] = ()
    """Sequential detectors that open alerts; they spend a part of the false-alarm budget."""
    detector_parameters: dict[str, dict[str, float | int | str | bool]] = field(default_factory=dict)
    """Parameters by detector name that replace the published defaults."""


class LabelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long driftline waits for labels, and when it revises performance."""

    horizon: Duration = days(30)
    """A label counts only if it arrives within this time after its prediction."""
    wait: Duration = hours(1)
    """How long a label waits for a prediction that arrives later."""
    revisions: tuple[Duration, ...] = (hours(1), days(1), days(7), days(30))
    """Ages of a window at which its performance is reported; the horizon is always the last."""
    repeated: Literal["last", "first"] = "last"
    """Which of several labels of a prediction counts; a null label withdraws the one that counts in either case."""
    test_coverage: Annotated[float, Meta(gt=0, le=1)] = 0.8
    """Performance is tested once: at the first revision in which this fraction of the predictions has a label."""
    cohort: Duration = days(1)
    """Length of a cohort of predictions, rounded up to a multiple of the performance window. At each revision's age,
    the fraction of a cohort that has a label is reported."""
    min_arrival_drop: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Threshold for practical significance of a fall of the fraction of a cohort that has a label by some age, relative
    to earlier cohorts."""
    stall_after: Duration = days(2)
    """An alert opens when predictions arrive for this long without a label of any model."""

    @property
    def ages_ms(self) -> tuple[int, ...]:
        """Ages at which performance is revised, ascending: the revisions below the horizon, then the horizon."""
        horizon = int(self.horizon)
        return (*sorted({int(age) for age in self.revisions if age < horizon}), horizon)


class PerformanceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How performance is measured, and which metrics are tested against the baseline."""

    metrics: tuple[TestedMetric, ...] = ("accuracy", "mae")
    """Metrics that are tested, where the task has them; the others are only reported. They share the significance level
    of a performance window evenly."""
    min_change: dict[TestedMetric, Annotated[float, Meta(ge=0)]] = field(default_factory=dict)
    """Threshold for practical significance of a deterioration, by metric: absolute for shares such as accuracy, as a
    fraction of the baseline's value for others. By default `min_accuracy_drop` for shares, 0.05 for others."""
    beta: Annotated[float, Meta(gt=0)] = 2.0
    """Weight of recall relative to precision in `f_beta`."""
    quantile: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """The quantile that a regression predicts; for the pinball loss."""
    calibration_bins: Literal[10, 20] = 10
    """Number of bins of equal width in the reliability curve and the calibration error."""
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """Value of a prediction by predicted, then by actual class (`"1": {"1": 100, "0": -20}`); 0 for other pairs."""
    champion: str | None = None
    """Version of the model whose performance over the same windows is reported beside that of every other version."""
    weighted: bool = False
    """Whether labels count with their weight, up to a million; fixed when a reference is built."""


class RollingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A second reference that moves with the stream: by default the preceding week. Windows are still compared with the
    published one.
    """

    length: Duration = days(7)
    """Length of the past that it covers; a multiple of the step."""
    gap: Duration = days(1)
    """Time between its end and the windows that are compared with it; a multiple of the step."""
    step: Duration = days(1)
    """Advance of each move; a multiple of the pane."""


class ReferenceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the reference a window is compared with."""

    season: Literal["auto", "none"] = "auto"
    """`auto` compares a window with the same hours of the week, where the reference covers each of them in two weeks or
    more; `none` always compares with the whole reference."""
    rolling: RollingSettings | None = None
    """Also compares windows with the recent past (`rolling: {}`: the preceding week); off by default."""


class BootstrapSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How a profile is learnt from the stream where no reference was published."""

    enabled: bool = True
    """If false, a model without a published reference waits for one."""
    sample: Annotated[int, Meta(ge=200, le=20_000)] = 4_096
    """Events whose values determine the bin edges."""
    events: Annotated[int, Meta(ge=500)] = 20_000
    """Further events, disjoint from the sample, that are counted as the reference."""


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """Bound on the expected number of false pages of a model: ``pages`` per ``horizon``; written ``1 per 30d``."""

    pages: Annotated[float, Meta(gt=0)] = 1.0
    horizon: Duration = days(30)


class OpenAfter(Struct, frozen=True, forbid_unknown_fields=True):
    """How many findings of one check open an alert."""

    findings: Annotated[int, Meta(ge=1, le=24)] = 1
    """Findings of one check, column and window size that open an alert; each test's significance level is multiplied by
    this number."""
    windows: Annotated[int, Meta(ge=1, le=168)] = 1
    """They must occur within this many consecutive windows of that size."""


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When alerts open and resolve."""

    false_alarm_budget: Budget = Budget()
    """Bound on the expected number of false pages of the model; the significance levels of all its tests follow from
    it."""
    shares: dict[str, Annotated[float, Meta(gt=0, le=1)]] = field(default_factory=dict)
    """Fractions of the budget by window size (`1h`), `performance`, `labels` and `detectors`; those not named divide
    the rest evenly."""
    open_after: OpenAfter = OpenAfter()
    info_level: Annotated[float, Meta(gt=0, le=1)] | None = None
    """Significance level of findings of severity `info`, which open no alert and spend no budget; without it there are
    none."""
    resolve_after: Annotated[int, Meta(ge=1)] = 2
    """Consecutive windows without a finding after which an alert resolves."""


class ColumnSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one column."""

    kind: ColumnKind | None = None
    """How values are interpreted; by default the reference or the first events decide."""
    importance: Annotated[float, Meta(ge=0)] | None = None
    """Weight in the order of findings; relative to the other columns."""
    thresholds: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """Fixed thresholds of this column, by distance; they override those of the checks."""


class ModelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything configured for one model; the same struct holds the defaults of all."""

    task: Task = "auto"
    """Task of the model; `auto` infers it from the first predictions and scores."""
    positive_class: str | None = None
    """The class that a binary model's score is the probability of."""
    columns: dict[str, ColumnSettings] = field(default_factory=dict)
    """Settings of features, by name."""
    segments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Segments of the traffic whose performance is reported besides the total: values by the name of a segment field,
    as in `country: [DE, FR]`; at most 31 in total."""
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
