"""What a finding says in the reader's own words and units: for titles, and as a part of a sentence.

No statistic is named. Of a distribution the mean is shown only where it is what changed: where the spread changed, or
where values moved between groups while the mean hardly did, those numbers are shown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.alerts.numbers import number, pair, percent, percents, unit_of
from driftline.alerts.onsets import has_own_onset
from driftline.alerts.unit_words import unit_words
from driftline.config.durations import Duration
from driftline.events.by_feature import ValueErrors
from driftline.events.finding import StuckValue
from driftline.events.source import SEGMENT_ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.events.finding import FindingEvent

_MATTERS: Final = 0.2
"""Least change of a mean, in standard deviations, and of the logarithm of a spread, that is shown as such."""
_NAMES: Final = 2
_EXPECTED: Final = 10
"""Values of a group that there should be at least for their absence to say anything."""
_LENGTH: Final = 40
"""New categories that are named, and characters of each."""


class Words(NamedTuple):
    """What one finding says."""

    title: str
    """As in ``income: mean 52,000 → 70,200``."""
    what: str
    """A clause, as in ```income` has moved``."""
    detail: str
    """What stands in brackets after it, as in ``mean 52,000 → 70,200``; may be empty."""

    @property
    def clause(self) -> str:
        """The clause with its detail."""
        return f"{self.what} ({self.detail})" if self.detail else self.what


def words_of(finding: FindingEvent) -> Words:
    """Return what a finding says."""
    parts = finding.check.split(".")
    for name in (finding.check, ".".join(parts[:2]), parts[0]):
        if name in _SAID:
            return _SAID[name](finding)
    return Words(_about(finding, "changed"), f"{_subject(finding)} changed", "")


def _subject(finding: FindingEvent) -> str:
    if finding.role == "prediction":
        return "what the model predicts"
    if finding.role == "score":
        return "the score"
    return f"`{finding.column}`" if finding.column is not None else "the model's traffic"


def _about(finding: FindingEvent, text: str) -> str:
    return f"{finding.column}: {text}" if finding.column is not None else text


def _sides(finding: FindingEvent) -> tuple[float, float]:
    """Return the number of the reference and that of the window."""
    effect = finding.effect
    return (0.0, 0.0) if effect is None else (effect.reference or 0.0, effect.current or 0.0)


def _absent(word: str, verb: str) -> Callable[[FindingEvent], Words]:
    """Return the words of a share of values that are not there, or not as they should be."""

    def said(finding: FindingEvent) -> Words:
        shown = percents(*_sides(finding))
        before, now = shown.split(" → ")
        what = f"{_subject(finding)} {verb} in {now} of events, {before} before"
        return Words(_about(finding, f"{word} {shown}"), what, "")

    return said


def _vanished(finding: FindingEvent) -> Words:
    before = f"{percent(1 - _sides(finding)[0])} of events had one"
    return Words(_about(finding, f"gone, no event has a value ({before})"), f"{_subject(finding)} is gone", before)


def _frozen(finding: FindingEvent) -> Words:
    value = finding.histograms.bins[0] if finding.histograms is not None else "the same"
    return Words(_about(finding, f"always {value}"), f"{_subject(finding)} always has the value {value}", "")


def _out_of_range(finding: FindingEvent) -> Words:
    shown = percents(*_sides(finding))
    what = f"{_subject(finding)} has values outside the range of the reference"
    return Words(_about(finding, f"outside the reference's range {shown}"), what, shown)


def _unseen(finding: FindingEvent) -> Words:
    before, now = _sides(finding)
    names = sorted(finding.unseen, key=lambda name: (-finding.unseen[name], name))
    quoted = ", ".join(f"'{name[:_LENGTH]}'" for name in names[:_NAMES])
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    share = f"{percent(now)} of values" if not before else f"{percents(before, now)} of values"
    one = len(names) == 1
    known = f" {quoted}{more}" if quoted else ""
    title = f"new {'category' if one else 'categories'}{known}, {share}"
    what = f"{_subject(finding)} has {'a category' if one else 'categories'} that the reference does not know"
    return Words(_about(finding, title), what, f"{quoted}{more}, {share}" if quoted else share)


def _cardinality(finding: FindingEvent) -> Words:
    expected, n_new = _sides(finding)
    text = f"{number(n_new)} new categories, {number(expected)} expected"
    return Words(_about(finding, text), f"{_subject(finding)} has more categories than it had", text)


def _appeared(finding: FindingEvent) -> Words:
    share = f"in {percent(_sides(finding)[1])} of events"
    names = sorted(finding.unseen, key=lambda name: (-finding.unseen[name], name))
    named = ", ".join(f"'{name[:_LENGTH]}'" for name in names[:_NAMES])
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    word = "feature" if len(names) == 1 else "features"
    what = f"events have {'a feature' if len(names) == 1 else 'features'} that the reference does not know"
    return Words(
        f"new {word} {named}{more}, {share}" if named else f"new {word}, {share}", what, f"{named}{more}, {share}"
    )


def _volume(finding: FindingEvent) -> Words:
    shown = pair(*_sides(finding))
    return Words(
        f"events a minute {shown}", "there is another number of events than in earlier weeks", f"{shown} a minute"
    )


def _duplicates(finding: FindingEvent) -> Words:
    shown = percents(*_sides(finding))
    return Words(f"repeated prediction ids {shown}", "predictions repeat ids that were there before", shown)


def _of_distribution(finding: FindingEvent) -> Words:
    unit, subject = finding.unit_change, _subject(finding)
    if unit is not None and unit.conversion is not None:
        shown = unit_words(unit)
        return Words(_about(finding, shown), f"{subject} seems to be in another unit", shown)
    stuck = finding.stuck
    if isinstance(stuck, StuckValue):
        text = f"{percent(stuck.share)} of values are about {number(stuck.value)}, {percent(stuck.share_before)} before"
        return Words(_about(finding, text), f"most values of {subject} are one and the same", text)
    shape, shown = _moved(finding)
    verb = {"mean": "has moved", "spread": "has another spread", "mix": "has another mix"}.get(
        shape, "is distributed otherwise"
    )
    return Words(_about(finding, shown), f"{subject} {verb}", shown)


def _moved(finding: FindingEvent) -> tuple[str, str]:
    """Return which number of a distribution changed most (``mean``, ``spread``, ``mix``, ``values``), and its sides."""
    moments = finding.moments
    by_hour = finding.dispersion is not None and finding.dispersion.same_hours
    if moments is not None and moments.mean is not None and moments.reference_mean is not None and not by_hour:
        before, after = moments.reference_standard_deviation, moments.standard_deviation
        mean = f"mean {pair(moments.reference_mean, moments.mean)}"
        if finding.unit_change is not None or (finding.histograms is None and before is None):
            return "mean", mean
        shift = abs(moments.mean - moments.reference_mean) / before if before else 0.0
        spread = abs(math.log(after / before)) if before and after else 0.0
        if shift >= _MATTERS and shift >= spread:
            return "mean", mean
        if before is not None and after is not None and spread >= _MATTERS:
            return "spread", f"spread {pair(before, after)}"
    return _largest_share(finding)


def _largest_share(finding: FindingEvent) -> tuple[str, str]:
    """Return the group of values whose fraction changed most, and its sides.

    Categories are compared by what they add to the distance (the difference times the logarithm of the ratio): two that
    vanish say more than a large one that has their values now. Groups of numbers are about equally large.
    """
    pairs = finding.histograms
    if pairs is None or not sum(pairs.reference) or not sum(pairs.current):
        return "values", "distribution changed"
    n_before, n_now = sum(pairs.reference), sum(pairs.current)
    sides = [(k / n_before, n / n_now) for k, n in zip(pairs.reference, pairs.current, strict=True)]
    of_numbers, least = finding.moments is not None, 0.5 / n_now
    weights = [
        abs(now - before) * (1.0 if of_numbers else abs(math.log((now + least) / (before + least))))
        for before, now in sides
    ]
    index = max(range(len(sides)), key=weights.__getitem__)
    name = pairs.bins[index][:_LENGTH]
    if of_numbers:
        return "values", f"values {'in ' if name.startswith('[') else ''}{name} {percents(*sides[index])}"
    gone = [i for i, (before, now) in enumerate(sides) if not now and before * n_now >= _EXPECTED]
    if index in gone and len(gone) > 1:
        return "mix", _vanished_groups([pairs.bins[i] for i in gone], sum(sides[i][0] for i in gone))
    return "mix", f"share of {name} {percents(*sides[index])}"


def _vanished_groups(names: list[str], before: float) -> str:
    """Return categories that no event has any more, the first few by name, with their fraction before."""
    shown = [name[:_LENGTH] for name in names]
    if len(shown) > _NAMES + 1:
        shown = [*shown[:_NAMES], f"{len(names) - _NAMES} more"]
    return f"share of {', '.join(shown[:-1])} and {shown[-1]} {percents(before, 0.0)}"


def _relation(finding: FindingEvent) -> Words:
    names = " and ".join(f"`{name}`" for name in finding.most_changed)
    shown = pair(*_sides(finding))
    plain = names.replace("`", "")
    return Words(f"correlation of {plain} {shown}", f"the correlation of {names} has changed", shown)


def _together(finding: FindingEvent) -> Words:
    most = f", most in {', '.join(finding.most_changed)}" if finding.most_changed else ""
    return Words(f"numeric features together changed{most}", f"the numeric features together have changed{most}", "")


def _performance(finding: FindingEvent) -> Words:
    metric = finding.check.split(".", 1)[1].replace("_", " ")
    if finding.segment != SEGMENT_ALL:
        metric = f"{metric} of {finding.segment}"
    rises = finding.effect is not None and finding.effect.name.endswith("_rise")
    shown = pair(*_sides(finding)) if rises else percents(*_sides(finding), least_digits=1)
    return Words(f"{metric} {shown}", f"{metric} has {'risen' if rises else 'fallen'}", shown)


def _by_feature(finding: FindingEvent) -> Words:
    if not isinstance(finding.group, ValueErrors):
        return _performance(finding)
    shown, values = percents(*_sides(finding)), finding.group.values
    at = values if values.startswith(("<", ">")) else f"= {values}"
    of_labels = finding.check == "concept.labels"
    word = "positive labels" if of_labels else "errors"
    verb = "are not as frequent as they were" if of_labels else "have risen"
    what = f"{word} {verb} where {_subject(finding)} {at}"
    return Words(f"{word} where {finding.column} {at}: {shown}", what, f"{shown} of {finding.n:,}")


def _label_classes(finding: FindingEvent) -> Words:
    what = "labels are of no class of the task"
    return Words(f"performance unknown: {what}", what, f"{percent(_sides(finding)[1])} of them")


def _arrival(finding: FindingEvent) -> Words:
    age = finding.check.split(".", 2)[2] if finding.check.count(".") > 1 else ""
    shown = f"{percents(*_sides(finding))} of predictions have one" + (f" within {age}" if age else "")
    if without := finding.without_value:
        missing = percents(without.share_before, without.share)
        before, now = missing.split(" → ")
        what = f"`{without.column}` is missing in {now} of events, {before} before, and as many more have no label"
        return Words(f"{without.column}: missing {missing}, and so are labels", what, shown)
    if has_own_onset(finding):
        moment = f"{finding.since[:10]} {finding.since[11:16]}"
        return Words(f"labels: none since {moment}", f"no label of the model has come since {moment}", shown)
    return Words(f"labels come late: {shown}", "labels come later than they did", shown)


def _silent(_: FindingEvent) -> Words:
    return Words("labels: there are none", "there has been no label of any model, while predictions went on", "")


def _orphans(finding: FindingEvent) -> Words:
    shown = percents(*_sides(finding))
    return Words(f"labels whose prediction never came {shown}", "more labels than usual meet no prediction", shown)


def _unmatched(finding: FindingEvent) -> Words:
    share = f"{percent(_sides(finding)[1])} of labels"
    return Words(f"{share} meet no prediction", "labels meet no prediction", share)


def _refused(finding: FindingEvent) -> Words:
    share = f"{percent(_sides(finding)[1])} of records"
    kind = finding.model_version.removeprefix("intake.")
    return Words(f"{kind}: {share} are refused", f"records of the topic of {kind} are refused", share)


def _failed(finding: FindingEvent) -> Words:
    shown = percents(*_sides(finding))
    return Words(f"failed predictions {shown}", "more predictions fail than before", shown)


def _too_many_failed(finding: FindingEvent) -> Words:
    share = percent(_sides(finding)[1])
    limit = percent(finding.effect.gate) if finding.effect is not None else "the limit"
    what = "more predictions fail than the configured limit allows"
    return Words(f"failed predictions {share}, limit {limit}", what, f"{share}, limit {limit}")


def _slow(finding: FindingEvent) -> Words:
    shown = f"{pair(*_sides(finding))} ms for the slowest twentieth"
    return Words(f"latency p95 {pair(*_sides(finding))} ms", "predictions take longer than before", shown)


def _too_slow(finding: FindingEvent) -> Words:
    name = finding.check.rsplit("_", 2)[1]
    value = number(_sides(finding)[1])
    limit = number(finding.effect.gate) if finding.effect is not None else "the limit"
    shown = f"{value} ms, limit {limit} ms"
    return Words(f"latency {name} {shown}", "predictions take longer than the configured limit allows", shown)


def _resource(finding: FindingEvent) -> Words:
    name = finding.check.split(".", 2)[2]
    before, now = _sides(finding)
    scale, unit = unit_of(name, max(before, now))
    shown = f"p95 {pair(before / scale, now / scale)}{unit}"
    return Words(f"{name}: {shown}", f"predictions use more `{name}` than before", shown)


def _too_much(finding: FindingEvent) -> Words:
    _, setting, name = finding.check.split(".", 2)
    limit = finding.effect.gate if finding.effect is not None else 0.0
    value = _sides(finding)[1]
    scale, unit = unit_of(name, max(value, limit))
    shown = f"{setting.removeprefix('max_')} {number(value / scale)}{unit}, limit {number(limit / scale)}{unit}"
    return Words(f"{name}: {shown}", f"predictions use more `{name}` than the configured limit allows", shown)


def _no_predictions(finding: FindingEvent) -> Words:
    lasting = Duration(int(1000 * finding.statistic.value))
    return Words(f"no predictions for {lasting}", "the model has made no prediction", f"for {lasting} at least")


_SAID: Final[Mapping[str, Callable[[FindingEvent], Words]]] = {
    "quality.missing": _absent("missing", "is missing"),
    "quality.vanished": _vanished,
    "quality.not_a_number": _absent("not a number", "is not a number"),
    "quality.infinite": _absent("infinite", "is infinite"),
    "quality.wrong_type": _absent("wrong type", "has a wrong type"),
    "quality.frozen": _frozen,
    "quality.out_of_range": _out_of_range,
    "quality.unseen": _unseen,
    "quality.cardinality": _cardinality,
    "quality.appeared": _appeared,
    "quality.volume": _volume,
    "quality.duplicates": _duplicates,
    "distribution": _of_distribution,
    "detector.unseen": _unseen,
    "detector.frozen": _frozen,
    "detector.missing": _absent("missing", "is missing"),
    "detector.not_a_number": _absent("not a number", "is not a number"),
    "detector.infinite": _absent("infinite", "is infinite"),
    "detector.wrong_type": _absent("wrong type", "has a wrong type"),
    "detector": _of_distribution,
    "threshold": _of_distribution,
    "multivariate.correlation": _relation,
    "multivariate": _together,
    "performance.label_classes": _label_classes,
    "concept.errors": _by_feature,
    "concept.labels": _by_feature,
    "performance": _performance,
    "labels.arrival": _arrival,
    "labels.silent": _silent,
    "labels.orphans": _orphans,
    "intake.unmatched": _unmatched,
    "intake.refused": _refused,
    "operations.failed": _failed,
    "operations.max_failed": _too_many_failed,
    "operations.slow": _slow,
    "operations.max_p95_ms": _too_slow,
    "operations.max_p99_ms": _too_slow,
    "operations.resource": _resource,
    "operations.max_p95": _too_much,
    "operations.max_p99": _too_much,
    "operations.silent": _no_predictions,
}
"""By the check, or the first parts of its name."""
