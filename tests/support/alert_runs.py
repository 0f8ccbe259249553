"""Findings, windows and the two sequences of a model's alerts, for tests of alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import structs

from driftline.alerts import JOIN_CAUSES, PREDICTION_CAUSES, AlertRules, ModelAlerts, Observation, advance
from driftline.events.cloudevents import rfc3339
from driftline.events.evidence import Event, ProfileReference, WindowSpan
from driftline.events.finding import ColumnMoments, Effect, FindingEvent, LevelEvidence, Statistic
from driftline.monitoring.predictions.problem_history import ProblemHistory

if TYPE_CHECKING:
    from driftline.events.alert import AlertEvent
    from driftline.events.evidence import EventRole, Severity
    from driftline.events.finding import Family, HistogramPair, UnitChange

HOUR = 3_600_000
DAY = 24 * HOUR
GATE = 0.1
RULES = AlertRules(resolve_after=2, sizes=(HOUR, DAY))


def span(end_ms: int, size_ms: int = HOUR) -> WindowSpan:
    """Return the window that ends at a moment."""
    start = rfc3339(end_ms - size_ms)
    return WindowSpan(kind="tumbling", start=start, end=rfc3339(end_ms), size_ms=size_ms, extended=False)


def window_event(end_ms: int, size_ms: int = HOUR) -> Event:
    """Return an event of a window."""
    return Event(
        model="m",
        model_version="1",
        segment="all",
        window=span(end_ms, size_ms),
        profile=ProfileReference(id="p", origin="training", effective_from=rfc3339(0)),
        settings="s",
        n=1_000,
        n_reference=4_000,
        offsets={"predictions": {"0": (1, 2)}},
        flags=[],
    )


def finding(
    end_ms: int,
    check: str = "distribution.pearson",
    family: Family = "distribution",
    *,
    column: str | None = "income",
    role: EventRole | None = "feature",
    multiple: float = 2.0,
    sides: tuple[float | None, float | None] = (None, None),
    size_ms: int = HOUR,
    p_value: float | None = 1e-9,
    importance: float = 1.0,
    severity: Severity | None = None,
    histograms: HistogramPair | None = None,
    moments: ColumnMoments | None = None,
    unit_change: UnitChange | None = None,
    unseen: dict[str, int] | None = None,
    most_changed: tuple[str, ...] = (),
    effect: str = "psi",
) -> FindingEvent:
    """Return a finding with an effect in multiples of its gate; ``sides`` are those of the reference and the window."""
    value = multiple * GATE
    event = window_event(end_ms, size_ms)
    return FindingEvent(
        **{name: getattr(event, name) for name in Event.__struct_fields__},
        finding_id=f"{check}/{column}/{end_ms}/{size_ms}",
        check=check,
        family=family,
        column=column,
        role=role if column is not None else None,
        severity=severity or ("critical" if multiple >= 2.5 else "warning"),
        importance=importance,
        statistic=Statistic(name="x", value=1.0, degrees_of_freedom=1, p_value=p_value, threshold=None),
        level=LevelEvidence(level=1e-5, n_tests=10, derivation="d"),
        effect=Effect(name=effect, raw=value, corrected=value, gate=GATE, reference=sides[0], current=sides[1]),
        baseline="reference",
        distances={},
        histograms=histograms,
        dispersion=None,
        unseen=unseen or {},
        since=event.window.start,
        message=f"{column or check} changed",
        unit_change=unit_change,
        moments=moments,
        minor=severity == "info",
        most_changed=list(most_changed),
    )


class Seen(NamedTuple):
    """A window and what was found in it; of joins it is evaluated an age after its end."""

    end_ms: int
    findings: tuple[FindingEvent, ...] = ()
    size_ms: int = HOUR
    age_ms: int = 0
    lingering: frozenset[str] = frozenset()

    @property
    def observation(self) -> Observation:
        """As alerts take it."""
        return Observation(window_event(self.end_ms, self.size_ms), self.end_ms + self.age_ms, None, self.lingering)


class AlertRun:
    """The two sequences of a model's alerts; joins look up what predictions showed."""

    def __init__(self, rules: AlertRules = RULES, keep_ms: int = 30 * DAY) -> None:
        self._rules = rules
        self.predictions, self.joins = ModelAlerts(), ModelAlerts()
        self.problems = ProblemHistory(keep_ms)
        self.records: list[AlertEvent] = []

    def predict(self, seen: Seen) -> list[AlertEvent]:
        """Take a window of predictions."""
        step = advance(self.predictions, seen.observation, seen.findings, PREDICTION_CAUSES, self._rules)
        self.predictions = step.alerts
        self.problems.note(step.records)
        self.records += step.records
        return [*step.records]

    def join(self, seen: Seen, *, expire: bool = True) -> list[AlertEvent]:
        """Take a window of joins; predictions have come as far. How often old problems are forgotten is free."""
        rules = structs.replace(self._rules, sizes=(HOUR,))
        step = advance(self.joins, seen.observation, seen.findings, JOIN_CAUSES, rules, self.problems)
        self.joins = step.alerts
        if expire:
            self.problems.expire(seen.end_ms + seen.age_ms)
        self.records += step.records
        return [*step.records]

    def restart(self) -> None:
        """Go on from what a checkpoint keeps."""
        self.predictions, self.joins = (
            msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=ModelAlerts)
            for each in (self.predictions, self.joins)
        )


def dropped(end_ms: int, multiple: float = 2.0, age_ms: int = HOUR) -> Seen:
    """Return a window in which accuracy fell."""
    found = finding(
        end_ms,
        "performance.accuracy",
        "performance",
        column=None,
        multiple=multiple,
        sides=(0.914, 0.757),
        effect="accuracy_drop",
    )
    return Seen(end_ms, (found,), age_ms=age_ms)


MOVED = ColumnMoments(
    mean=70_200.0, reference_mean=52_000.0, standard_deviation=None, reference_standard_deviation=None
)


def drift(hour: int, column: str = "income", multiple: float = 2.0) -> FindingEvent:
    """Return a finding of an hour in which the mean of a column has moved."""
    return finding(hour * HOUR, column=column, multiple=multiple, moments=MOVED)


def predicted(run: AlertRun, hours: dict[int, list[FindingEvent]], until: int | None = None) -> list[AlertEvent]:
    """Take hourly windows of predictions."""
    records = []
    for hour in range(min(hours), (until or max(hours)) + 1):
        records += run.predict(Seen(hour * HOUR, tuple(hours.get(hour, ()))))
    return records
