"""Settings of a model: columns, windows, checks, labels, bootstrap and alerts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from driftline.config.durations import Duration
from driftline.config.retraining_settings import ProposalSettings, RetrainingSettings

Task = Literal["auto", "binary", "multiclass", "regression"]
MultivariateCheck = Literal["correlation", "reconstruction", "mean_embedding", "domain_classifier"]
ChosenTest = Literal["pearson", "kolmogorov_smirnov", "total_variation", "l_infinity", "wasserstein"]
TestedMetric = Literal[
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "f_beta",
    "f1_weighted",
    "balanced_accuracy",
    "cohen_kappa",
    "matthews_correlation",
    "auc",
    "average_precision",
    "lift",
    "log_loss",
    "brier",
    "mae",
    "mse",
    "rmse",
    "rmsle",
    "mape",
    "pinball",
]
ColumnKind = Literal["numeric", "categorical", "embedding", "age", "hour", "weekday", "ignore"]


def hours(n: int) -> Duration:
    """Return ``n`` hours."""
    return Duration(n * 3_600_000)


def days(n: int) -> Duration:
    """Return ``n`` days."""
    return Duration(n * 86_400_000)


class WindowSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Windows of event time for checks, displays and performance."""

    verdict: tuple[Duration, ...] = (hours(1), days(1))
    """Sizes of the disjoint windows that checks run on, each with its share of the budget; multiples of the pane."""
    display: Duration = hours(1)
    """Size of the sliding window for display; at most 24 hops."""
    hop: Duration = Duration(600_000)
    """Step of the sliding window; a multiple of the pane."""
    performance: Duration = hours(1)
    """Size of the windows of prediction time for performance."""
    min_samples: Annotated[int, Meta(ge=2)] = 500
    """Minimum number of events; a window with fewer is extended until it has this many."""


class DispersionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the tests learn the variation of unchanged data."""

    mode: Literal["estimate", "independent"] = "estimate"
    """`independent` treats events as independent: correct for shuffled or simulated data, too many findings
    otherwise."""
    panes: Annotated[int, Meta(ge=100, le=100_000)] = 1_000
    """Panes of production to learn from if the reference has no timestamps; below 100, columns notify nobody."""
    span: Duration = days(1)
    """Minimum span of event time to learn from before columns can open alerts, so that it includes the daily season."""


class CheckSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The tests, their gates (thresholds for practical significance), and the detectors."""

    bins: Annotated[int, Meta(ge=2, le=40)] = 20
    """Groups of nearly equal reference counts, used by distances and tests."""
    category_bins: Annotated[int, Meta(ge=2, le=40)] | None = None
    """Groups of a categorical column: the most frequent categories, and one for all others. By default as many as
    `bins`."""
    test: ChosenTest = "pearson"
    """The test of a column's distribution. All but `pearson` use simulated draws, up to a million a column and window.
    Tests that need an order use `pearson` for categories. All use `pearson` at significance levels below one in a
    million."""
    distances: tuple[str, ...] = ("psi", "jensen_shannon", "kolmogorov_smirnov")
    """Distances reported for each column; `psi` and distances with a threshold are always reported."""
    min_psi: Annotated[float, Meta(ge=0)] = 0.1
    """Gate of the bias-corrected population stability index."""
    thresholds: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """Fixed thresholds by distance (`psi: 0.2`): findings without a test, outside the budget."""
    threshold_value: Literal["corrected", "raw"] = "corrected"
    """The value compared with a fixed threshold: bias-corrected or raw."""
    min_share_change: Annotated[float, Meta(ge=0, le=1)] = 0.01
    """Gate of the change of a fraction (missing, unseen, ...)."""
    min_cardinality_growth: Annotated[float, Meta(ge=0)] = 0.5
    """Gate of the number of unseen categories, relative to the number in the reference."""
    min_volume_change: Annotated[float, Meta(ge=0)] = 0.5
    """Gate of the change of events per minute: the larger rate over the smaller, minus 1."""
    min_accuracy_drop: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Gate of the fall of accuracy from the baseline."""
    dispersion: DispersionSettings = DispersionSettings()
    multivariate: tuple[MultivariateCheck, ...] = ("correlation",)
    """Checks of all numeric features together, up to 64 of them. The data that panes keep for them are fixed when a
    reference is built: a reference built with fewer checks does not support the others."""
    min_correlation_change: Annotated[float, Meta(ge=0, le=2)] = 0.2
    """Gate of the change of the correlation of two features."""
    min_reconstruction_change: Annotated[float, Meta(ge=0)] = 0.2
    """Gate of the change of the principal components' reconstruction error, relative to the reference's."""
    min_embedding_distance: Annotated[float, Meta(ge=0, le=2)] = 0.1
    """Gate of the distance of the mean embeddings; 0 for equal distributions, about 1.4 for disjoint ones."""
    min_domain_auc: Annotated[float, Meta(ge=0.5, le=1)] = 0.6
    """Gate of the area under the ROC curve of a classifier that separates window and reference."""
    sequential: bool = True
    """Whether a mixture e-detector watches every column pane by pane, with a share of the false-alarm budget."""
    min_mean_shift: Annotated[float, Meta(ge=0)] = 0.1
    """Gate of what it finds: of a shift of the values, in standard deviations; of the share of a category or a tail, in
    standard deviations of one event."""
    min_spread_change: Annotated[float, Meta(ge=0)] = 0.1
    """The same of the spread: the larger over the smaller, minus 1."""
    detectors: tuple[str, ...] = ()
    """Further sequential detectors, for information only, one block per pane. `river:<name>` is one of river's."""
    detector_parameters: dict[str, dict[str, float | int | str | bool]] = field(default_factory=dict)
    """Parameters by detector name that replace the published defaults."""

    def groups(self, *, ordered: bool) -> int:
        """Return how many groups a column gets whose values have an order, or have none."""
        return self.bins if ordered or self.category_bins is None else self.category_bins


class LabelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The wait for labels, and the revisions of performance."""

    horizon: Duration = days(30)
    """Maximum age of a prediction at which a label still counts."""
    wait: Duration = hours(1)
    """How long a label waits for a prediction that arrives later."""
    revisions: tuple[Duration, ...] = (hours(1), days(1), days(7), days(30))
    """Ages of a window at which its performance is reported; the horizon is always the last age."""
    repeated: Literal["last", "first"] = "last"
    """The label that counts if a prediction gets several; a null label always retracts the one that counts."""
    test_coverage: Annotated[float, Meta(gt=0, le=1)] = 0.8
    """Labelled fraction; the first revision that reaches it is tested, once."""
    cohort: Duration = days(1)
    """Length of a cohort of predictions, whose labelled fraction is reported at each revision's age; rounded up to a
    multiple of the performance window."""
    min_arrival_drop: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Gate of the fall of a cohort's labelled fraction, compared with earlier cohorts at the same age."""
    stall_after: Duration = days(2)
    """Time with predictions and without any label of any model after which an alert opens."""

    @property
    def ages_ms(self) -> tuple[int, ...]:
        """Ages of the revisions, ascending: those below the horizon, then the horizon."""
        horizon = int(self.horizon)
        return (*sorted({int(age) for age in self.revisions if age < horizon}), horizon)


class PerformanceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Performance metrics, and those compared with the baseline."""

    metrics: tuple[TestedMetric, ...] = ("accuracy", "mae")
    """Metrics that are tested, if the task has them; the others are only reported. They divide the significance level
    of a performance window evenly."""
    min_change: dict[TestedMetric, Annotated[float, Meta(ge=0)]] = field(default_factory=dict)
    """Gate of the change for the worse, by metric: absolute for fractions, relative to the baseline for others. By
    default `min_accuracy_drop` for fractions, 0.05 for others."""
    beta: Annotated[float, Meta(gt=0)] = 2.0
    """Weight of recall relative to precision in `f_beta`."""
    quantile: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """The quantile that a regression predicts, for the pinball loss."""
    calibration_bins: Literal[10, 20] = 10
    """Number of equal-width bins of the reliability curve and the calibration error."""
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """Value of a label by predicted, then by actual class (`"1": {"1": 100, "0": -20}`); other pairs have the value
    0."""
    champion: str | None = None
    """Version of the model that all other versions are compared with, over the same windows."""
    weighted: bool = False
    """Whether labels count with their weight, up to a million; fixed when a reference is built."""
    by_feature: Annotated[int, Meta(ge=0, le=16)] = 0
    """Number of the most important features by whose values errors, and labels of binary tasks, are compared with the
    reference's ([concept drift](concept-drift.md)); 0 compares none. Switch it on, then build the reference."""
    min_group_rise: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Gate of the change of the error or label rate at some values of a feature, beyond the change elsewhere
    (`by_feature`)."""


class RollingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A second reference that moves with the stream, such as the week before. The published one is still used."""

    length: Duration = days(7)
    """Length of the past that it holds; a multiple of the step."""
    gap: Duration = days(1)
    """Gap between it and the windows compared with it; a multiple of the step."""
    step: Duration = days(1)
    """Step by which it moves; a multiple of the pane."""


class ReferenceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The part of the reference that a window is compared with."""

    season: Literal["auto", "none"] = "auto"
    """`auto` compares with the same hours of the week if the reference has each of them in at least two weeks; `none`
    always compares with all of it."""
    rolling: RollingSettings | None = None
    """Also compares with the recent past (`rolling: {}` is the week before); otherwise only with the profile."""


class BootstrapSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How a profile is learnt from the stream if no reference was published."""

    enabled: bool = True
    """If false, a model without a published reference waits for one."""
    sample: Annotated[int, Meta(ge=200, le=20_000)] = 4_096
    """Number of events that fix the bin edges."""
    events: Annotated[int, Meta(ge=500)] = 20_000
    """Number of further events, disjoint from the sample, that form the reference."""


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """Expected number of false alarms that a model may cost: ``pages`` per ``horizon``; written ``1 per 30d``."""

    pages: Annotated[float, Meta(gt=0)] = 1.0
    horizon: Duration = days(30)


class OpenAfter(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of findings of one check that open an alert."""

    findings: Annotated[int, Meta(ge=1, le=24)] = 1
    """Findings of one check, column and window size that open an alert; each test's significance level is multiplied by
    it."""
    windows: Annotated[int, Meta(ge=1, le=168)] = 1
    """Number of consecutive windows of that size in which the findings must occur."""


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When alerts open and resolve."""

    false_alarm_budget: Budget = Budget()
    """Expected number of false alarms of the model; it determines the significance levels of all its tests."""
    shares: dict[str, Annotated[float, Meta(gt=0, le=1)]] = field(default_factory=dict)
    """Shares of the budget by evaluation window size (`1h`), `performance`, `labels`, `detectors` and `operations`; the
    others divide the rest evenly. Unless it is given, `operations` has 0.01; shares that leave less are reduced by a
    hundredth."""
    open_after: OpenAfter = OpenAfter()
    info_level: Annotated[float, Meta(gt=0, le=1)] | None = None
    """Significance level of findings of severity `info`, which open no alert and cost no budget; off by default."""
    resolve_after: Annotated[int, Meta(ge=1)] = 2
    """Number of consecutive clean windows after which an alert resolves."""
    close_below: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Fraction of a gate below which an effect must fall for a window to be clean, so that drift around the gate does
    not open and resolve alerts again and again; 1 turns it off."""
    min_importance: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Importance of a feature, relative to the most important one, below which its drift opens no alert; it applies to
    features whose importance is given."""


class ColumnSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Prior knowledge about a column."""

    kind: ColumnKind | None = None
    """How values are read; inferred from the reference or the first events by default. `numeric` also reads numbers in
    text (`"52000.00"`), `embedding` is a list of numbers ([embeddings](embeddings.md)). Of a date, `age` is its
    days before the event, `hour` its hour of the day and `weekday` its day of the week from 0, Monday, in UTC. `ignore`
    is not watched."""
    importance: Annotated[float, Meta(ge=0)] | None = None
    """Importance relative to the other columns; it ranks findings, and the severity of drift is weighted by it."""
    thresholds: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """Fixed thresholds of this column, by distance; they override those of the checks."""


class OperationsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a model predicts at all, and how fast ([operations of the model](operations-of-the-model.md))."""

    window: Duration | None = None
    """Length of the windows of event time; a multiple of the pane. By default the smallest evaluation window."""
    min_events: Annotated[int, Meta(ge=1)] = 100
    """Minimum number of predictions; windows with fewer are evaluated together until there are this many."""
    min_failed_rise: Annotated[float, Meta(ge=0, le=1)] = 0.01
    """Gate of the rise of the fraction of predictions that fail, compared with earlier windows."""
    min_latency_rise: Annotated[float, Meta(ge=0)] = 0.25
    """Gate of the rise of the 95th percentile of latency, relative to that of earlier windows."""
    max_failed: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Fraction of predictions that may fail (`5 %`); more open an alert, outside the budget."""
    max_p95_ms: Annotated[float, Meta(gt=0)] | None = None
    """95th percentile of latency above which an alert opens, outside the budget."""
    max_p99_ms: Annotated[float, Meta(gt=0)] | None = None
    """99th percentile of latency above which an alert opens, outside the budget."""
    min_measure_rise: Annotated[float, Meta(ge=0)] = 0.25
    """Gate of the rise of the 95th percentile of a further number (`predictions.fields.operations`), relative to that
    of earlier windows."""
    max_p95: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """95th percentiles of further numbers above which an alert opens, outside the budget, as in `memory_bytes: 2e9`."""
    max_p99: dict[str, Annotated[float, Meta(gt=0)]] = field(default_factory=dict)
    """99th percentiles of them, likewise."""
    silence: Duration | None = None
    """Time without a prediction of any version of the model after which an alert opens, outside the budget."""

    @property
    def limited(self) -> bool:
        """Whether there is a limit that a window is held against."""
        return bool(self.max_p95 or self.max_p99) or any(
            limit is not None for limit in (self.max_failed, self.max_p95_ms, self.max_p99_ms)
        )

    def window_ms(self, evaluation: tuple[Duration, ...]) -> int:
        """Return the length of the windows, given the sizes of evaluation windows."""
        return int(min(evaluation) if self.window is None else self.window)


class ModelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of one model; the same struct holds the defaults of all models."""

    task: Task = "auto"
    """The type of task; `auto` infers it from the first predictions and scores."""
    positive_class: str | None = None
    """The class whose probability is a binary model's score."""
    classes: dict[str, str] = field(default_factory=dict)
    """Class by the values that stand for it in predictions, labels, maps of scores and references, where spellings
    differ, as in `{good: "0", bad: "1"}`. Numbers, texts of whole numbers and truth values agree by themselves."""
    columns: dict[str, ColumnSettings] = field(default_factory=dict)
    """Prior knowledge about the features, by name; `user.age` is the member `age` of the object `user`."""
    segments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Slices of the traffic whose performance is reported, and whose errors are watched, separately: values by the name
    of a segment field, as in `country: [DE, FR]`; at most 31 in total."""
    windows: WindowSettings = WindowSettings()
    checks: CheckSettings = CheckSettings()
    labels: LabelSettings = LabelSettings()
    performance: PerformanceSettings = PerformanceSettings()
    reference: ReferenceSettings = ReferenceSettings()
    bootstrap: BootstrapSettings = BootstrapSettings()
    alerts: AlertSettings = AlertSettings()
    operations: OperationsSettings = OperationsSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    proposals: ProposalSettings = ProposalSettings()

    @property
    def cohort_ms(self) -> int:
        """Length of a cohort: the smallest multiple of the performance window not below the configured length."""
        window_ms = int(self.windows.performance)
        return -(-int(self.labels.cohort) // window_ms) * window_ms

    def replace(self, **changes: object) -> ModelSettings:
        """Return a copy with some sections replaced."""
        return msgspec.structs.replace(self, **changes)
