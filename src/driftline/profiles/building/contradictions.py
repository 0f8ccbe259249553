"""Contradictions between scores, predictions and labels of reference rows: a producer means something else by them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.estimator import EVEN_ODDS
from driftline.profiles.remark import Contradiction
from driftline.profiles.task import MAX_CLASSES
from driftline.sketches.encoding import numbers_of
from driftline.sketches.scores import VALUE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.profiles.building.encoded_reference import EncodedReference

    Floats = NDArray[np.float64]

LEAST_ROWS: Final = 30
"""Rows of each class that a contradiction takes at least."""
SURE: Final = 3.0
"""Standard errors by which an area under the curve is below 0.5."""
CHANCE: Final = 0.5
"""Area under the curve of scores that say nothing."""
REVERSED: Final = 0.1
"""Area under the curve, with predictions in the place of labels, below which scores are those of the other class."""
_RUN: Final = 1 << 16
"""Rows looked at together."""
PLAIN_POSITIVE: Final = frozenset({"1", "1.0", "true", "yes", "y", "positive", "pos"})
"""Names of a positive class that nobody has to confirm."""


def contradictions(reference: EncodedReference, settings: ModelSettings, model: str) -> list[str]:
    """Return a sentence for each contradiction between the scores, predictions and labels of reference rows.

    Each is a :class:`~driftline.profiles.remark.Contradiction`, but for the last one: that there are more classes than
    a profile lists is true of the task, and nothing that could be mended.

    Parameters
    ----------
    reference : EncodedReference
    settings : ModelSettings
        Whether the positive class is configured.
    model : str
        Name of the model, for what is to be configured.
    """
    if reference.task.kind == "regression":
        return [*map(Contradiction, _too_large(reference))]
    of_scores = [*_improbable(reference), *_unknown_maps(reference, model)]
    if reference.task.kind == "binary":
        of_scores += [*_confidence(reference)] or [*_positive_class(reference, settings, model)]
    return [*map(Contradiction, (*of_scores, *_never_right(reference))), *_unlisted(reference)]


def scores_mislead(reference: EncodedReference) -> bool:
    """Return whether the scores of a binary task are those of something else, so that nothing can be estimated."""
    return reference.task.kind == "binary" and (are_confidences(reference) or are_reversed(reference))


def are_confidences(reference: EncodedReference) -> bool:
    """Return whether scores are at least 0.5 whatever was predicted."""
    predicted, scores = reference.prediction_codes, reference.rows.scores
    if predicted is None or scores is None:
        return False
    scored = np.isfinite(scores)
    sides = [scored & (predicted == code) for code in (0, 1)]
    enough = min(int(side.sum()) for side in sides) >= LEAST_ROWS
    return enough and not bool((scores[sides[0] | sides[1]] < EVEN_ODDS).any())


def are_reversed(reference: EncodedReference) -> bool:
    """Return whether scores are high where the class is the negative one, by labels or else by predictions."""
    by_label, by_prediction = _areas(reference)
    if by_label is not None:
        return by_label[0] + SURE * by_label[1] < CHANCE
    return by_prediction is not None and by_prediction[0] < REVERSED


def _too_large(reference: EncodedReference) -> Iterator[str]:
    """Numbers beyond the range of exact sums."""
    pairs = reference.pairs
    if pairs is not None:
        n = int((np.maximum(np.abs(pairs.predicted), np.abs(pairs.actual)) > VALUE_LIMIT).sum())
        if n:
            yield f"{n} labelled rows have a prediction or label too large for exact sums: no baseline can be measured"


def _improbable(reference: EncodedReference) -> Iterator[str]:
    """Scores that are no probabilities: events with them are refused."""
    maps, scores = reference.score_maps, reference.rows.scores
    if maps is not None:
        scores, _ = numbers_of([value for each in maps if isinstance(each, dict) for value in each.values()])
    if scores is None:
        return
    finite = scores[np.isfinite(scores)]
    outside = int(((finite < 0) | (finite > 1)).sum())
    if outside:
        yield (
            f"{outside} scores are not in [0, 1] (they go from {finite.min():g} to {finite.max():g}): a score is a "
            "probability, and events with others are refused. Map the field that has the probability, or send it"
        )


def _unknown_maps(reference: EncodedReference, model: str) -> Iterator[str]:
    """Maps of scores none of whose classes is one of the task."""
    maps = [each for each in reference.score_maps or () if isinstance(each, dict)]
    named = {name for each in maps for name in each} - {""}
    if named and not named & {*reference.task.classes}:
        yield (
            f"scores are of the classes {_listed(named)}, predictions and labels of {_listed(reference.task.classes)}: "
            f"`models.{model}.classes` in the configuration says which stands for which"
        )


def _confidence(reference: EncodedReference) -> Iterator[str]:
    """Scores that are at least 0.5 whatever was predicted."""
    if are_confidences(reference):
        other, name = reference.task.classes
        yield (
            f"no score is below {EVEN_ODDS}, also where the prediction is `{other}`: scores look like the confidence "
            f"in the predicted class, and are taken as the probability of `{name}`. Send that probability, or a map of "
            "both classes; AUC and log loss mean nothing otherwise, and there are no estimates"
        )


def _positive_class(reference: EncodedReference, settings: ModelSettings, model: str) -> Iterator[str]:
    """Scores that are high where the class is the other one, or that may be of either class."""
    if reference.rows.scores is None or reference.score_maps is not None:
        return
    other, positive = reference.task.classes
    by_label, by_prediction = _areas(reference)
    set_it = f"set `models.{model}.positive_class: {other}` in the configuration"
    if are_reversed(reference):
        what = "scores and predictions disagree" if by_label is None else f"AUC is {by_label[0]:.3f}, below 0.5"
        yield (
            f"{what}: scores are high where the class is not `{positive}`, of which they are taken as the probability. "
            f"If `{other}` is the positive class, {set_it}; there are no estimates otherwise"
        )
        return
    known = settings.positive_class is not None or positive.lower() in PLAIN_POSITIVE
    confirmed = by_prediction is not None if by_label is None else by_label[0] - SURE * by_label[1] > CHANCE
    if not known and not confirmed:
        yield (
            f"the positive class is guessed to be `{positive}`, the second of both by name. If scores are the "
            f"probability of `{other}`, {set_it}"
        )


def _areas(reference: EncodedReference) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Return the area under the curve, with its standard error, by labels and by predictions."""
    scores = reference.rows.scores
    return _area(scores, reference.labels), _area(scores, reference.prediction_codes)


def _area(scores: Floats | None, classes: Floats | None) -> tuple[float, float] | None:
    """Return the area under the curve and its standard error if nothing but chance is in it; None for too few rows.

    Notes
    -----
    *Source*: Mann and Whitney (1947), doi:10.1214/aoms/1177730491, with ties by their middle ranks.
    """
    if scores is None or classes is None:
        return None
    rows = np.isfinite(scores) & ((classes == 0) | (classes == 1))
    values, hits = scores[rows], classes[rows] == 1
    n_positive, n_negative = int(hits.sum()), int((~hits).sum())
    if min(n_positive, n_negative) < LEAST_ROWS:
        return None
    of_hits, in_order = values[hits], np.sort(values)
    ranks = 0  # twice the sum of those of the hits
    for start in range(0, n_positive, _RUN):
        run = of_hits[start : start + _RUN]
        ends = (in_order.searchsorted(run, side="left"), in_order.searchsorted(run, side="right") + 1)
        ranks += sum(int(end.sum()) for end in ends)
    area = (ranks / 2 - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    return area, math.sqrt((n_positive + n_negative + 1) / (12 * n_positive * n_negative))


def _never_right(reference: EncodedReference) -> Iterator[str]:
    """Labels of which no prediction is right."""
    pairs = reference.pairs
    if pairs is None:
        return
    rows = np.isfinite(pairs.predicted) & np.isfinite(pairs.actual)
    if int(rows.sum()) >= LEAST_ROWS and not (pairs.predicted[rows] == pairs.actual[rows]).any():
        yield (
            f"no prediction of {int(rows.sum())} labelled rows is right: predictions or labels may be those of other "
            "rows, or mean something else"
        )


def _unlisted(reference: EncodedReference) -> Iterator[str]:
    """More classes than a profile lists."""
    if reference.has_unlisted_classes:
        yield (
            f"predictions and labels are of more than {MAX_CLASSES} classes: accuracy counts all of them, but metrics "
            "that need each class by itself are null, and there are no estimates"
        )


def _listed(names: Iterable[str], most: int = 5) -> str:
    every = sorted(names)
    return ", ".join(f"`{name}`" for name in every[:most]) + (" ..." if len(every) > most else "")
