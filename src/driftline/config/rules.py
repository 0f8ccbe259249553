"""Rules that hold between settings; each names the setting to change."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from driftline.config.client_rules import aiokafka_refusals, client_refusals
from driftline.config.durations import Duration
from driftline.config.encoding_rules import encoding_problems
from driftline.config.model import ModelSettings, RollingSettings, WindowSettings
from driftline.config.notify_rules import notify_rule_problems
from driftline.config.places import child
from driftline.config.problem import Problem
from driftline.config.problem import one as _one
from driftline.config.retraining_rules import retraining_problems, without_labels
from driftline.config.security_rules import security_problems
from driftline.config.topic_rules import topic_problems
from driftline.errors import describe

if TYPE_CHECKING:
    from driftline.config.settings import Settings

MAX_HOPS: Final = 24
"""Blocks of one hop that a sliding display window keeps at most; bounds the detect stage's state."""

MAX_STEPS: Final = 64
"""Blocks of one step that a rolling reference keeps at most."""

MAX_SEGMENTS: Final = 31
"""Slices of a model's traffic: each event has a bit for every one."""

MAX_ORIGINS: Final = 6
"""What events are compared by to find where a change began: each is a table in every pane."""

OWN_TOPICS: Final = (
    "control",
    "input-partitions",
    "panes",
    "detect-state",
    "pending",
    "references",
    "events",
    "alerts",
    "dead-letters",
)
"""Last part of the name of every topic that driftline makes."""

PERFORMANCE: Final = "performance"
LABELS: Final = "labels"
DETECTORS: Final = "detectors"
OPERATIONS: Final = "operations"
OTHER_SHARES: Final = (PERFORMANCE, LABELS, DETECTORS, OPERATIONS)
"""What has a share of the false-alarm budget beside the window sizes, where it is in use."""

SHARES_SLACK: Final = 1e-9
"""By how much shares may exceed 1 in sum: 0.7 + 0.2 + 0.1 is a little more than 1 in floating point."""

DETECT_SESSION: Final = (Duration(3_000), Duration(60_000))
"""A detect worker sends a heartbeat each second, and waits up to a minute for an answer of the broker."""

_BROKER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")

ModelCheck = Callable[[ModelSettings, str], Iterable[tuple[str, str]]]
"""Looks at one model's settings, given with their path; yields (path, message) for each problem."""

SettingsCheck = Callable[["Settings"], Iterable[Problem]]
"""Looks at the settings outside the models; yields what is wrong with them."""


def known_detectors(names: Iterable[str], river_names: Callable[[], Iterable[str]] = tuple) -> ModelCheck:
    """Return a check that every configured detector is one of ``names``, or of ``river_names()`` if it names river."""
    known = tuple(names)

    def problem(name: str, place: str) -> Iterator[tuple[str, str]]:
        allowed = tuple(river_names()) if name.startswith("river:") else known
        if name not in allowed:
            yield place, describe("one of " + ", ".join(f"`{one}`" for one in allowed), name, place)

    def check(model: ModelSettings, path: str) -> Iterator[tuple[str, str]]:
        for index, name in enumerate(model.checks.detectors):
            yield from problem(name, f"{path}.checks.detectors[{index}]")
        for name in model.checks.detector_parameters:
            yield from problem(name, f"{path}.checks.detector_parameters")

    return check


def known_distances(names: Iterable[str]) -> ModelCheck:
    """Return a check that every distance, reported or with a fixed threshold, is one of ``names``."""
    known = tuple(names)

    def check(model: ModelSettings, path: str) -> Iterator[tuple[str, str]]:
        expected = "one of " + ", ".join(f"`{name}`" for name in known)
        for index, name in enumerate(model.checks.distances):
            if name not in known:
                place = f"{path}.checks.distances[{index}]"
                yield place, describe(expected, name, place)
        thresholds = {f"{path}.columns.{name}.thresholds": each.thresholds for name, each in model.columns.items()}
        for place, by_distance in {f"{path}.checks.thresholds": model.checks.thresholds, **thresholds}.items():
            yield from ((place, describe(expected, name, place)) for name in by_distance if name not in known)

    return check


def few_segments(model: ModelSettings, path: str) -> Iterator[tuple[str, str]]:
    """Check that the slices of a model's traffic are not too many, and have names that can be told apart."""
    place = f"{path}.segments"
    n_slices = sum(map(len, model.segments.values()))
    if n_slices > MAX_SEGMENTS:
        yield place, describe(f"at most {MAX_SEGMENTS} values in all", n_slices, place)
    for name, values in model.segments.items():
        for text in (name, *values):
            if not text or "/" in text or (text is name and "=" in text):
                yield place, describe("names without `/`, fields without `=`", text, place)
        if len(set(values)) < len(values):
            yield place, describe("each value once", list(values), f"{place}.{name}")


def settings_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong between settings outside the models."""
    brokers = settings.kafka.brokers
    for broker in brokers.split(","):
        if _BROKER.fullmatch(broker.strip()) is None:
            yield _one("a comma-separated list of `host:port`", brokers, "$.kafka.brokers")
            break
    yield from _positive(settings)
    yield from topic_problems(settings, OWN_TOPICS)
    yield from security_problems(settings.kafka.security)
    yield from client_refusals(settings.kafka.client)
    yield from aiokafka_refusals(settings.kafka.aiokafka)
    yield from _shares_left(settings)
    yield from _limited_measures(settings)
    yield from encoding_problems(settings)
    yield from notify_rule_problems(settings.notify)
    yield from without_labels(settings)
    yield from _origins(settings)


def _origins(settings: Settings) -> Iterator[Problem]:
    origins, place = settings.predictions.origins, "$.predictions.origins"
    if len(origins) > MAX_ORIGINS:
        yield _one(f"at most {MAX_ORIGINS} origins", len(origins), place)
    names = [each if isinstance(each, str) else each.name for each in origins]
    if len(set(names)) < len(names):
        yield _one("each origin once", names, place)


def _positive(settings: Settings) -> Iterator[Problem]:
    durations = {
        "$.time.pane": settings.time.pane,
        "$.time.idle_timeout": settings.time.idle_timeout,
        "$.intake.window": settings.intake.window,
        "$.sketch.max_skew": settings.sketch.max_skew,
        "$.sketch.flush_interval": settings.sketch.flush_interval,
        "$.detect.checkpoint_interval": settings.detect.checkpoint_interval,
        "$.detect.stall_timeout": settings.detect.stall_timeout,
        "$.kafka.session_timeout": settings.kafka.session_timeout,
    }
    for path, duration in durations.items():
        if duration <= 0:
            yield _one("a duration above zero", str(duration), path)
    shortest, longest = DETECT_SESSION
    if not shortest <= settings.detect.session_timeout <= longest:
        expected = f"a duration from {shortest} to {longest}"
        yield _one(expected, str(settings.detect.session_timeout), "$.detect.session_timeout")


def model_problems(model: ModelSettings, pane: Duration, path: str) -> Iterator[Problem]:
    """Yield what is wrong between the settings of one model, whose section stands at ``path``."""
    yield from ((message, place, ()) for place, message in few_segments(model, path))
    yield from _windows(model, pane, f"{path}.windows")
    yield from _labels(model, pane, f"{path}.labels")
    yield from _rolling(model.reference.rolling, pane, f"{path}.reference.rolling")
    operations, place = model.operations, f"{path}.operations"
    if operations.window is not None:
        yield from _multiple(operations.window, pane, "the pane", f"{place}.window", "$.time.pane")
    if operations.silence is not None and operations.silence <= 0:
        yield _one("a duration above zero", str(operations.silence), f"{place}.silence")
    if model.positive_class is not None and model.task not in ("auto", "binary"):
        place = f"{path}.positive_class"
        yield _one(f"no positive class with the task `{model.task}`", model.positive_class, place, f"{path}.task")
    if model.classes and model.task == "regression":
        yield _one("no classes with the task `regression`", sorted(model.classes), f"{path}.classes", f"{path}.task")
    budget = f"{path}.alerts.false_alarm_budget"
    if model.alerts.false_alarm_budget.horizon <= 0:
        yield _one("a budget over a horizon above zero", str(model.alerts.false_alarm_budget.horizon), budget)
    yield from _alerts(model, f"{path}.alerts", f"{path}.windows.verdict")
    yield from retraining_problems(model, path)


def _alerts(model: ModelSettings, at: str, verdict: str) -> Iterator[Problem]:
    needed, within = model.alerts.open_after.findings, model.alerts.open_after.windows
    if needed > within:
        place = f"{at}.open_after.findings"
        yield _one(f"at most as many findings as windows ({within})", needed, place, f"{at}.open_after.windows")
    shares, place = model.alerts.shares, f"{at}.shares"
    sizes = [str(size) for size in model.windows.verdict]
    known = (*sizes, *OTHER_SHARES)
    for name in shares:
        if name not in known:
            yield _one("one of " + ", ".join(f"`{each}`" for each in known), name, place, verdict)
    total = math.fsum(shares.values())
    if total > 1 + SHARES_SLACK:
        yield _one("shares that add up to at most 1", round(total, 6), place)


def _shares_left(settings: Settings) -> Iterator[Problem]:
    """Yield where shares leave nothing for a kind of test that is in use and has no share of its own."""
    models = {"$.defaults": settings.defaults}
    models |= {child("$.models", name): model for name, model in settings.models.items()}
    for path, model in models.items():
        shares, place = model.alerts.shares, f"{path}.alerts.shares"
        without = [name for name in spenders(model, has_labels=settings.labels is not None) if name not in shares]
        if without and math.fsum(shares.values()) >= 1 - SHARES_SLACK:
            wanted = f"shares that leave something for {', '.join(f'`{name}`' for name in without)}"
            yield _one(wanted, shares, place, f"{path}.windows.verdict", "$.labels")


def _limited_measures(settings: Settings) -> Iterator[Problem]:
    """Yield limits of further numbers that no field is mapped to: they would never be exceeded."""
    mapped = sorted(settings.predictions.fields.operations)
    models = {"$.defaults": settings.defaults}
    models |= {child("$.models", name): model for name, model in settings.models.items()}
    for path, model in models.items():
        for setting in ("max_p95", "max_p99"):
            place = f"{path}.operations.{setting}"
            for name in sorted(set(getattr(model.operations, setting)).difference(mapped)):
                known = f" ({', '.join(f'`{each}`' for each in mapped)})" if mapped else ", which maps none"
                expected = f"a number that `predictions.fields.operations` maps{known}"
                yield _one(expected, name, place, "$.predictions.fields.operations")


def spenders(model: ModelSettings, *, has_labels: bool) -> tuple[str, ...]:
    """Return the parts that a model's budget is divided between: its window sizes, then those of ``OTHER_SHARES`` in
    use.
    """
    sizes = tuple(str(size) for size in model.windows.verdict)
    in_use = (has_labels, has_labels, model.checks.sequential, OPERATIONS in model.alerts.shares)
    return (*sizes, *(name for name, used in zip(OTHER_SHARES, in_use, strict=True) if used))


def _multiple(duration: Duration, unit: Duration, words: str, path: str, *also: str) -> Iterator[Problem]:
    if unit > 0 and (duration <= 0 or duration % unit):
        yield _one(f"a multiple of {words} ({unit})", str(duration), path, *also)


def _windows(model: ModelSettings, pane: Duration, at: str) -> Iterator[Problem]:
    windows, pane_path = model.windows, "$.time.pane"
    verdict = f"{at}.verdict"
    if not windows.verdict:
        yield _one("at least one size", [], verdict)
    if len(set(windows.verdict)) < len(windows.verdict):
        yield _one("each size once", [str(size) for size in windows.verdict], verdict)
    for index, size in enumerate(windows.verdict):
        yield from _multiple(size, pane, "the pane", f"{verdict}[{index}]", verdict, pane_path)
    yield from _multiple(windows.hop, pane, "the pane", f"{at}.hop", pane_path)
    yield from _multiple(windows.performance, pane, "the pane", f"{at}.performance", pane_path)
    if windows.hop > 0 and (windows.display <= 0 or windows.display % windows.hop):
        yield _display(f"a multiple of the hop ({windows.hop})", windows, at)
    if windows.hop > 0 and windows.display > MAX_HOPS * windows.hop:
        yield _display(f"at most {MAX_HOPS} hops ({Duration(MAX_HOPS * windows.hop)})", windows, at)


def _display(expected: str, windows: WindowSettings, at: str) -> Problem:
    """Return a problem of the display window; it may be the default, where only the hop was configured."""
    path = f"{at}.display"
    default = ", the default" if windows.display == WindowSettings().display else ""
    message = f"Expected {expected}, got {str(windows.display)!r}{default} - at `{path}`"
    return message, path, (path, f"{at}.hop")


def _rolling(rolling: RollingSettings | None, pane: Duration, at: str) -> Iterator[Problem]:
    if rolling is None:
        return
    yield from _multiple(rolling.step, pane, "the pane", f"{at}.step", "$.time.pane")
    if rolling.step <= 0:
        return
    words, step = f"the step ({rolling.step})", f"{at}.step"
    if rolling.length <= 0 or rolling.length % rolling.step:
        yield _one(f"a multiple of {words}", str(rolling.length), f"{at}.length", step)
    if rolling.gap % rolling.step:
        yield _one(f"a multiple of {words}, or none", str(rolling.gap), f"{at}.gap", step)
    if 2 * rolling.length + rolling.gap > MAX_STEPS * rolling.step:
        expected = f"at most {MAX_STEPS} steps ({Duration(MAX_STEPS * rolling.step)}) in twice the length and the gap"
        yield _one(expected, str(Duration(2 * rolling.length + rolling.gap)), f"{at}.length", f"{at}.gap", step)


def _labels(model: ModelSettings, pane: Duration, at: str) -> Iterator[Problem]:
    labels, pane_path, revisions = model.labels, "$.time.pane", f"{at}.revisions"
    yield from _multiple(labels.horizon, pane, "the pane", f"{at}.horizon", pane_path)
    for name, duration in (("cohort", labels.cohort), ("stall_after", labels.stall_after)):
        if duration <= 0:
            yield _one("a duration above zero", str(duration), f"{at}.{name}")
    for index, age in enumerate(labels.revisions):
        place = f"{revisions}[{index}]"
        yield from _multiple(age, pane, "the pane", place, revisions, pane_path)
        if age > labels.horizon > 0:
            yield _one(f"an age up to the horizon ({labels.horizon})", str(age), place, revisions, f"{at}.horizon")
    if any(later <= earlier for earlier, later in itertools.pairwise(labels.revisions)):
        yield _one("ages in ascending order", [str(age) for age in labels.revisions], revisions)
