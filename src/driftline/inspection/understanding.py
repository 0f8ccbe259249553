"""What was understood of one topic: records, refusals, models, times, outcomes and columns."""

from __future__ import annotations

import math
from collections import Counter
from itertools import compress
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.dead_letter import MISSING_FIELD
from driftline.events.operation_fields import error_of, has_failed
from driftline.events.prediction import fields_beside
from driftline.events.unusable import Unusable
from driftline.inspection.columns import column_kinds, column_lines
from driftline.inspection.operations import operation_lines
from driftline.inspection.report import Line, Section, note, ok, percent, problem, span
from driftline.inspection.times import shown_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.settings import Settings
    from driftline.inspection.sample import TopicSample
    from driftline.inspection.taken import Refusal, Taken

_MOST: Final = 0.5
_FEW: Final = 0.01
_POSITIVE_FROM: Final = 0.5
"""The score that predicts the positive class where events have no prediction."""
_SHOWN: Final = 5
_MANY_CLASSES: Final = 50
_LONG_AGO_MS: Final = 7 * 86_400_000


def topic_section(sample: TopicSample, taken: Taken, settings: Settings, now_ms: int | None) -> Section:
    """Return what was understood of a topic; ``now_ms`` is None where the present does not matter."""
    lines = [*_records(sample, taken, now_ms), *_refusals(taken, settings)]
    if len(taken.times_ms):
        if taken.kind == "predictions":
            lines += [*_models(taken), *_times(taken, settings), *_predicted(taken)]
            lines += operation_lines(taken.events.operations, settings.predictions.fields)
            columns = settings.defaults.columns
            ignored = {name for name, column in columns.items() if column.kind == "ignore"}
            lines += column_lines(column_kinds(taken.events.features, not_features(settings)), ignored)
        else:
            lines += [*_times(taken, settings), *_labels(taken)]
        lines += _ids(taken)
    return Section(f"{taken.kind.capitalize()}: {sample.topic}", tuple(lines))


def not_features(settings: Settings) -> frozenset[str]:
    """Return the names in the features objects that are no features."""
    return fields_beside(settings.predictions.fields)


def _records(sample: TopicSample, taken: Taken, now_ms: int | None) -> list[Line]:
    yielded = [] if sample.trouble is None else [problem(sample.trouble)]
    if not sample.n_records:
        return [*yielded, problem("the topic is empty", "Check its name, and that its producer runs")]
    where = "" if sample.n_partitions is None else f" in {sample.n_partitions} partitions"
    if sample.n_partitions == 1:
        where = " in 1 partition"
    if not sample.n_sampled and sample.trouble is not None:
        return [ok(f"{sample.n_records:,} records{where}"), *yielded]
    looked = "all" if sample.n_sampled >= sample.n_records else f"{sample.n_sampled:,}, the oldest and the newest,"
    yielded.append(ok(f"{sample.n_records:,} records{where}; looked at {looked}".removesuffix(",")))
    if not sample.n_sampled:
        yielded.append(
            problem("none of the records can be read: they may have been deleted, or belong to an open transaction")
        )
    if taken.n_skipped:
        yielded.append(ok(f"{taken.n_skipped:,} records are of another kind and are skipped (`where`)"))
    stamps = sample.stamps_ms()
    if now_ms is not None and stamps and now_ms - max(stamps) > _LONG_AGO_MS:
        yielded.append(
            note(f"the newest record is {span(now_ms - max(stamps))} old", "Check that its producer still runs")
        )
    return yielded


def _refusals(taken: Taken, settings: Settings) -> list[Line]:
    if not taken.n_records:
        return []
    n_meant = taken.n_records - taken.n_skipped
    if not n_meant:
        return [problem("no record is of the kind that `where` chooses")]
    if not taken.refusals:
        return [ok(f"all {n_meant:,} are accepted")]
    make = problem if taken.refused_share > _FEW else note
    lines = [make(f"{taken.n_refused:,} of {n_meant:,} would be refused ({percent(taken.refused_share)})")]
    return lines + [_refusal(each, settings, problem if each.n > _FEW * n_meant else note) for each in taken.refusals]


def _refusal(refusal: Refusal, settings: Settings, make: Callable[[str, str], Line]) -> Line:
    advice = refusal.looks_like or ""
    if settings.schema_registry is None and "Schema Registry" in f"{refusal.message} {advice}":
        advice = f"{advice}. Here: `--registry URL`".removeprefix(". ")
    if refusal.reason == MISSING_FIELD and "Kafka timestamp" in refusal.message:
        advice = (
            'In a topic Kafka\'s timestamp serves; a line of a file may have `"kafka": {"timestamp": 1772366400000}`'
        )
    return make(f"{refusal.n:,} refused as {refusal.reason}: {refusal.message}", advice)


def _models(taken: Taken) -> list[Line]:
    versions: dict[str, Counter[str]] = {}
    for model, version in zip(taken.events.models, taken.events.versions, strict=True):
        versions.setdefault(model, Counter())[version] += 1
    if len(versions) > _MANY_CLASSES or len(versions) > _MOST * len(taken.times_ms) > _SHOWN:
        return [
            problem(f"{len(versions):,} different models: this field is no model's name", "Name another one as `model`")
        ]
    shown = [
        f"{name} ({', '.join(version or 'no version' for version, _ in found.most_common(_SHOWN))})"
        for name, found in sorted(versions.items())
    ]
    lines = [
        ok(f"model {', '.join(shown[:_SHOWN])}" + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""))
    ]
    many = next((name for name, found in versions.items() if len(found) > _MANY_CLASSES), None)
    if many is not None:
        lines.append(
            problem(
                f"{len(versions[many]):,} versions of the model {many}: each would need a reference of its own",
                'Name another field as `model_version`, or a constant: `model_version: {value: "1"}`',
            )
        )
    return lines


def _times(taken: Taken, settings: Settings) -> list[Line]:
    times, stamps = taken.times_ms, taken.stamps_ms
    lines = [ok(f"event times from {shown_time(int(times.min()))} to {shown_time(int(times.max()))}")]
    if taken.n_untimed == len(times):
        lines = [
            note("no field holds a time: Kafka's timestamps serve as event times", "If there is one, name it as `ts`"),
            *lines,
        ]
    elif taken.n_untimed:
        lines.append(note(f"{percent(taken.n_untimed / len(times))} have no time: Kafka's timestamp serves instead"))
    if len(times) > 1 and times.min() == times.max():
        lines.append(problem("all events have the same time: no window can close", "Name another field as `ts`"))
    stamped = stamps >= 0
    if stamped.any() and taken.n_untimed < len(times):
        skew = stamps[stamped] - times[stamped]
        middle, low, high = (int(value) for value in (np.median(skew), skew.min(), skew.max()))
        said = (
            f"Kafka's timestamps are {_after(middle)} the event times at the median ({_after(low)} to {_after(high)})"
        )
        if low == high == 0:
            said = "Kafka's timestamps are the event times"
        lines.append(ok(said) if abs(middle) <= _LONG_AGO_MS else note(said, "Check the unit and the time zone"))
    lines += _late(taken, int(settings.time.lateness), str(settings.time.lateness))
    return lines


def _after(ms: int) -> str:
    return f"{span(ms)} after" if ms > 0 else f"{span(ms)} before" if ms < 0 else "equal to"


def _late(taken: Taken, lateness_ms: int, shown: str) -> list[Line]:
    """Return which share of the events is later in its partition than is waited for."""
    n_late, n_late_at_last, latest = 0, 0, 0
    for partition in np.unique(taken.partitions):
        times = taken.times_ms[taken.partitions == partition]
        behind = np.maximum.accumulate(times) - times
        is_late = behind > lateness_ms
        n_late += int(is_late.sum())
        n_late_at_last += int(is_late[is_late.size // 2 :].sum())
        latest = max(latest, int(behind.max()))
    if not n_late:
        disorder = "in order" if not latest else f"at most {span(latest)} out of order"
        return [ok(f"times are {disorder} in their partitions; `time.lateness` waits {shown}")]
    share = n_late / len(taken.times_ms)
    where = "" if n_late_at_last else ", all of them among the oldest of their partitions"
    make = problem if share > _FEW and n_late_at_last and taken.kind == "predictions" else note
    return [
        make(
            f"{percent(share)} of the events looked at come more than `time.lateness` ({shown}) after later ones, up "
            f"to {span(latest)}{where}: they are counted as late, and windows miss them",
            "Raise `time.lateness`, or check whether several producers write old events into one partition",
        )
    ]


def _predicted(taken: Taken) -> list[Line]:
    made = [not has_failed(error_of(row)) for row in taken.events.operations]
    predictions, scores = ([*compress(each, made)] for each in (taken.events.predictions, taken.events.scores))
    lines = []
    present = [value for value in predictions if value is not None and type(value) is not Unusable]
    if present:
        lines.append(_outcomes("prediction", present))
        if len(present) < len(predictions):
            lines.append(
                note(f"{percent(1 - len(present) / len(predictions))} of the events have no usable prediction")
            )
    given = [score for score in scores if score is not None]
    usable = [score for score in given if type(score) is not Unusable]
    wrong = len(given) - len(usable)
    if usable:
        lines.append(ok(f"score: {_score(usable)}"))
    if wrong:
        example = next(score.value for score in given if type(score) is Unusable)
        shown = f", such as {example!r}" if example != () else ""
        make = problem if wrong > _FEW * len(given) else note
        lines.append(
            make(
                f"{percent(wrong / len(given))} of the scores are no probabilities{shown}",
                "Name their scale: `score: {pointer: /..., scale: percent}`, `margin` or `[low, high]`",
            )
        )
    numbers = [score for score in usable if isinstance(score, int | float)]
    if not present and numbers:
        positive = percent(sum(score >= _POSITIVE_FROM for score in numbers) / len(numbers))
        lines.append(
            note(
                f"no prediction: performance takes scores from {_POSITIVE_FROM} on as positive, {positive} of these",
                "If records hold the decision, name its field as `prediction`",
            )
        )
    if not present and not given:
        lines.append(
            problem(
                "neither a prediction nor a score was found: only the features would be watched",
                "Name the fields as `prediction` and `score`",
            )
        )
    return lines


def _score(scores: Sequence[object]) -> str:
    maps = [score for score in scores if isinstance(score, dict)]
    if maps:
        names = sorted({name for each in maps for name in each})
        more = ", ..." if len(names) > _SHOWN else ""
        return f"a probability for each of {len(names)} classes ({', '.join(names[:_SHOWN])}{more})"
    numbers = [score for score in scores if isinstance(score, int | float)]
    return f"probabilities from {min(numbers):.3g} to {max(numbers):.3g}, median {median(numbers):.3g}"


def _outcomes(what: str, values: Sequence[object]) -> Line:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    counted = Counter(str(value) for value in values)
    fractions = any(not float(number).is_integer() for number in numbers if math.isfinite(number))
    if len(numbers) == len(values) and (len(counted) > _MANY_CLASSES or fractions):
        return ok(f"{what}: numbers from {min(numbers):.4g} to {max(numbers):.4g}: a regression")
    if len(counted) > _MANY_CLASSES and len(counted) > _MOST * len(values):
        return problem(
            f"{what}: {len(counted):,} different values in {len(values):,}: no classes",
            f"Name another field as `{what}`",
        )
    shown = ", ".join(f"{name} {percent(n / len(values))}" for name, n in counted.most_common(_SHOWN))
    line = ok(f"{what}: {len(counted)} classes ({shown}{', ...' if len(counted) > _SHOWN else ''})")
    return line if len(counted) > 1 else note(f"{what}: always {shown}")


def _labels(taken: Taken) -> list[Line]:
    labels = [label for label in taken.events.labels if label is not None]
    n_null = len(taken.events.labels) - len(labels)
    lines = (
        [_outcomes("label", labels)]
        if labels
        else [problem("no record has a label", "Name its field as `label`: a record without one takes a label back")]
    )
    if labels and n_null:
        lines.append(
            note(f"{percent(n_null / len(taken.events.labels))} have no label: such a record takes a label back")
        )
    return lines


def _ids(taken: Taken) -> list[Line]:
    counted = Counter(taken.ids)
    n, n_different = len(taken.ids), len(counted)
    if n_different == n:
        return [ok(f"{n:,} different ids, such as {next(iter(counted))}")]
    most, times = counted.most_common(1)[0]
    again = percent(1 - n_different / n)
    if n_different == 1:
        return [problem(f"all events have the same id, {most!r}", "Name another field as `prediction_id`")]
    if taken.kind == "labels":
        return [
            note(
                f"{again} of the labels are further ones of an id, such as {most} ({times} times): the last one counts"
            )
        ]
    make = problem if n_different < 0.9 * n else note
    return [
        make(
            f"{again} of the ids come more than once, such as {most} ({times} times): labels then meet one of the "
            "predictions",
            "Name a field as `prediction_id` that each prediction has of its own",
        )
    ]
