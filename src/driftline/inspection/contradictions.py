"""What predictions and labels contradict: classes, scores, ids, delays."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.events.identity import text_of
from driftline.events.unusable import Unusable
from driftline.inspection.ids import affix_between
from driftline.inspection.report import Line, note, ok, percent, problem, span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.settings import Settings
    from driftline.inspection.sample import TopicSample
    from driftline.inspection.taken import Taken

_MOST_CLASSES: Final = 100
_ENOUGH: Final = 50
"""Events with a class and a score before their relation is judged."""
_ERRORS: Final = 4.0
"""Standard errors by which mean scores of two classes differ before it is no chance."""
_SOME: Final = 0.05
_WHOLE: Final = re.compile(r"(-?\d+)\.0+")
_TRUTH: Final = {"true": "1", "false": "0", "-1": "0"}
_SHOWN: Final = 5


def score_lines(predictions: Taken) -> list[Line]:
    """Return whether scores are the confidence of the predicted class rather than the positive class's probability."""
    pairs = [
        (spelling(outcome), float(score))
        for outcome, score in zip(predictions.events.predictions, predictions.events.scores, strict=True)
        if outcome is not None and type(outcome) is not Unusable and isinstance(score, int | float)
    ]
    classes = sorted({name for name, _ in pairs})
    if len(pairs) < _ENOUGH or len(classes) != 2:  # noqa: PLR2004  # a binary task
        return []
    below = [score for _, score in pairs if score < 0.5]  # noqa: PLR2004
    if not below and max(score for _, score in pairs) > 0.5:  # noqa: PLR2004
        return [
            problem(
                f"no score is below 0.5, whichever class is predicted ({' or '.join(classes)}): it seems to be the "
                "confidence in the predicted class, not the probability of the positive one",
                "Let the producer write the positive class's probability, or a map of class to probability",
            )
        ]
    by_class = {name: np.array([score for each, score in pairs if each == name]) for name in classes}
    negative, positive = sorted(classes, key=lambda name: float(by_class[name].mean()))
    apart = float(by_class[positive].mean() - by_class[negative].mean())
    error = math.sqrt(sum(float(scores.var()) / len(scores) for scores in by_class.values()))
    if apart <= _ERRORS * error:
        return []  # scores say nothing about the class
    if {negative, positive} in _ORDERED and [negative, positive] == sorted(classes):
        return []
    return [
        note(
            f"scores are higher where {positive} is predicted than where {negative} is: please check that {positive} "
            "is the "
            "positive class",
            f'Name it: `defaults: {{positive_class: "{positive}"}}`; if it is the other one, turn the score with '
            "`higher: safer`",
        )
    ]


_ORDERED: Final = ({"0", "1"}, {"no", "yes"}, {"n", "y"})
"""Classes of which everybody knows the positive one, which is the last by the alphabet."""


def join_lines(predictions: Taken, labels: Taken, settings: Settings) -> list[Line]:
    """Return whether labels meet their predictions, how long they take, and whether classes agree."""
    lines = _ids(predictions, labels)
    lines += _delays(predictions, labels, settings)
    return [*lines, *_classes(predictions, labels)]


def retention_lines(sample: TopicSample, predictions: Taken, labels: Taken) -> list[Line]:
    """Return whether predictions are kept by the broker until their labels come."""
    delays = _delays_ms(predictions, labels)
    if sample.retention_ms is None or not len(delays) or np.quantile(delays, 0.9) < sample.retention_ms:
        return []
    return [
        note(
            f"Kafka keeps predictions for {span(sample.retention_ms)}, and one label in ten takes longer than that",
            "driftline remembers predictions by itself, but nothing can be read again from the beginning",
        )
    ]


def spelling(value: Any) -> str:  # noqa: ANN401  # a class
    """Return the text of a class, the same for all spellings that agree.

    Examples
    --------
    >>> spelling(1), spelling("1.0"), spelling(True), spelling("True"), spelling("yes")
    ('1', '1', '1', '1', 'yes')
    """
    text = text_of(value) or str(value)
    whole = _WHOLE.fullmatch(text)
    text = whole[1] if whole is not None else text
    return _TRUTH.get(text.lower(), text)


def _ids(predictions: Taken, labels: Taken) -> list[Line]:
    ours, theirs = set(predictions.ids), set(labels.ids)
    if not ours or not theirs:
        return []
    shared = ours & theirs
    if len(shared) >= _SOME * min(len(ours), len(theirs)):
        return [
            ok(
                f"{len(shared):,} ids of the samples are in both topics ({percent(len(shared) / len(theirs))} of the "
                "labels')"
            )
        ]
    if shared:
        return [
            note(
                f"only {len(shared):,} ids of the samples are in both topics ({percent(len(shared) / len(theirs))} of "
                "the labels')"
            )
        ]
    shown = f"{predictions.ids[0]!r} and {labels.ids[0]!r}"
    why = _difference(ours, theirs)
    if why:
        return [
            problem(f"no id is in both topics: {why} ({shown})", "Make both the same, by the mapping or at a producer")
        ]
    if not _times_overlap(predictions, labels):
        return [
            note(
                f"no id of the samples is in both topics, such as {shown}; but the labels are of another time than the "
                "predictions, so that this is no proof"
            )
        ]
    return [
        problem(
            f"no id is in both topics, such as {shown}, though both are of the same time: no label would meet its "
            "prediction",
            "Name the field of the labels that holds the id of the prediction as `labels: {fields: {prediction_id: "
            "/...}}`",
        )
    ]


def _difference(ours: set[str], theirs: set[str]) -> str:
    affix = affix_between(ours, theirs)
    if affix is not None:
        longer = "labels" if affix.lacking == "predictions" else "predictions"
        return f"those of the {longer} begin with {affix.text!r}"
    for what, change in _CHANGES:
        if {change(text) for text in ours} & {change(text) for text in theirs}:
            return what
    return ""


_CHANGES: Final = (
    ("they differ in capital letters", str.lower),
    ("they differ in spaces around them", str.strip),
    ("they differ in zeros at the beginning", lambda text: text.lstrip("0")),
    ("they differ in dashes", lambda text: text.replace("-", "")),
    ("rows of a batch have the ids `ID#0`, `ID#1`, ..., and the others do not", lambda text: text.partition("#")[0]),
)


def _times_overlap(predictions: Taken, labels: Taken) -> bool:
    """Whether the labels' times begin before the predictions' end: ids could be in both."""
    return bool(
        labels.times_ms.min() <= predictions.times_ms.max() and labels.times_ms.max() >= predictions.times_ms.min()
    )


def _delays_ms(predictions: Taken, labels: Taken) -> Any:  # noqa: ANN401  # an array
    at = dict(zip(predictions.ids, predictions.times_ms.tolist(), strict=True))
    return np.array(
        [time - at[each] for each, time in zip(labels.ids, labels.times_ms.tolist(), strict=True) if each in at]
    )


def _delays(predictions: Taken, labels: Taken, settings: Settings) -> list[Line]:
    delays = _delays_ms(predictions, labels)
    if not len(delays):
        return []
    model = settings.model(predictions.events.models[0])
    horizon = int(model.labels.horizon)
    negative = float((delays < 0).mean())
    lines = []
    if negative > _SOME:
        at = f"{percent(negative)} of the labels are older than their predictions"
        lines.append(
            problem(
                f"{at}, by {span(-float(np.median(delays[delays < 0])))} at the median",
                "Check the units and time zones of both times. Perhaps the label's time is that of the prediction's "
                "event: "
                "then leave it out, and Kafka's timestamp serves",
            )
        )
    middle, most = (float(np.quantile(delays, level)) for level in (0.5, 0.9))
    lines.append(
        ok(f"labels come {span(middle)} after their predictions at the median, nine in ten within {span(most)}")
    )
    beyond = float((delays > horizon).mean())
    if beyond > 0:
        make = problem if beyond > _SOME else note
        longest = span(float(delays.max()))
        lines.append(
            make(
                f"{percent(beyond)} of the labels come later than `labels.horizon` ({model.labels.horizon}) and do "
                "not count; the "
                f"last after {longest}",
                "Raise it: `defaults: {labels: {horizon: ...}}`",
            )
        )
    wait = int(model.labels.wait)
    early = float((delays < -wait).mean())
    if early:
        lines.append(
            note(f"{percent(early)} of the labels are earlier than `labels.wait` ({model.labels.wait}) allows")
        )
    return lines


def _classes(predictions: Taken, labels: Taken) -> list[Line]:
    values = predictions.events.predictions
    predicted = {spelling(value) for value in values if value is not None and type(value) is not Unusable}
    for score in predictions.events.scores:
        if isinstance(score, dict):
            predicted |= {spelling(name) for name in score}
    true = {spelling(value) for value in labels.events.labels if value is not None}
    if not predicted or not true:
        return []
    if len(predicted) > _MOST_CLASSES or len(true) > _MOST_CLASSES:
        return _numbers(predicted, true)
    if predicted & true:
        unknown = true - predicted
        if not unknown or len(predicted) > _SHOWN:
            return [ok("predictions and labels have the same classes")]
        return [note(f"labels have classes that the sampled predictions lack: {_listed(unknown)}")]
    if _all_numbers(predicted) and _all_numbers(true) and any("." in name for name in predicted | true):
        return []  # a regression
    make = problem if min(len(values), len(labels.events.labels)) >= _ENOUGH else note
    return [
        make(
            f"predictions ({_listed(predicted)}) and labels ({_listed(true)}) share no class: every prediction would "
            "be wrong",
            f"Say which is which, such as `defaults: {{classes: {{{_likely(predictions, labels)}}}}}`, or let the "
            "producers "
            "agree",
        )
    ]


def _likely(predictions: Taken, labels: Taken) -> str:
    """Return which predicted class each label most likely stands for, as the configuration says it."""
    predicted = dict(zip(predictions.ids, predictions.events.predictions, strict=True))
    met: dict[str, Counter[str]] = {}
    for each, label in zip(labels.ids, labels.events.labels, strict=True):
        outcome = predicted.get(each)
        if label is not None and outcome is not None and type(outcome) is not Unusable:
            met.setdefault(str(label), Counter())[str(outcome)] += 1
    if sum(map(Counter.total, met.values())) < _ENOUGH:
        return 'bad: "1", good: "0"'
    usual: Counter[str] = sum(met.values(), Counter())
    pairs = {
        label: max(counted, key=lambda name: counted[name] / usual[name]) for label, counted in sorted(met.items())
    }
    return ", ".join(f'"{label}": "{name}"' for label, name in [*pairs.items()][:_SHOWN])


def _numbers(predicted: set[str], true: set[str]) -> list[Line]:
    if _all_numbers(predicted) != _all_numbers(true):
        which = ("numbers", "texts") if _all_numbers(predicted) else ("texts", "numbers")
        return [
            problem(
                f"predictions are {which[0]} and labels are {which[1]}", "Name other fields as `prediction` or `label`"
            )
        ]
    return []


def _all_numbers(names: Iterable[str]) -> bool:
    return all(re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", name) for name in names)


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    return ", ".join(every[:_SHOWN]) + (", ..." if len(every) > _SHOWN else "")
