from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.remark import Contradiction
from driftline.profiles.remarks import remarks_of
from driftline.profiles.task import MAX_CLASSES

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

KEY = ModelKey("loan", "1")
RNG = np.random.default_rng(4)
SCORES = RNG.random(2_000)
HITS = RNG.random(2_000) < SCORES
SAYS = SCORES >= 0.5


def built(
    prediction: object = None, score: object = None, label: object = None, maps: object = None, **settings: object
) -> Profile:
    n = next(len(values) for values in (prediction, score, label) if values is not None)  # type: ignore[arg-type]
    table = ReferenceTable(n, {}, prediction, score, label, score_maps=maps)  # type: ignore[arg-type]
    return build_profile(KEY, table, ModelSettings(**settings), 0, "training")  # type: ignore[arg-type]


def named(flags: np.ndarray, no: object = 0, yes: object = 1) -> list[object]:
    return [yes if flag else no for flag in flags]


def test_what_agrees_has_no_remark() -> None:
    made = built(named(SAYS), SCORES.tolist(), named(HITS))
    assert made.contradictions == ()
    assert made.estimator is not None
    assert built(named(SAYS, "legit", "zz"), SCORES.tolist(), named(HITS, "legit", "zz")).contradictions == ()
    assert built(SCORES.tolist(), None, (SCORES + 1).tolist()).contradictions == ()


@pytest.mark.parametrize("with_labels", [True, False])
def test_scores_of_the_other_class_ask_for_the_positive_one(*, with_labels: bool) -> None:
    label = named(HITS, "legit", "fraud") if with_labels else None
    made = built(named(SAYS, "legit", "fraud"), SCORES.tolist(), label)
    assert len(made.contradictions) == 1
    assert ("AUC is 0." in made.contradictions[0]) == with_labels
    assert "If `fraud` is the positive class, set `models.loan.positive_class: fraud`" in made.contradictions[0]
    assert made.contradictions[0] in remarks_of(made)
    assert isinstance(remarks_of(made)[0], Contradiction), "--strict refuses it"
    assert made.estimator is None
    asked = built(named(SAYS, "legit", "fraud"), SCORES.tolist(), label, positive_class="fraud")
    assert asked.contradictions == ()
    assert (asked.estimator is not None) == with_labels


def test_a_positive_class_that_nothing_confirms_is_said_to_be_guessed() -> None:
    few = slice(0, 20)
    made = built(named(SAYS[few], "legit", "fraud"), SCORES[few].tolist())
    assert made.contradictions[0].startswith("the positive class is guessed to be `legit`, the second of both by name")
    assert built(named(SAYS[few]), SCORES[few].tolist()).contradictions == ()
    known = built(named(SAYS[few], "legit", "fraud"), SCORES[few].tolist(), positive_class="legit")
    assert known.contradictions == ()


def test_the_confidence_in_the_predicted_class_is_no_probability_of_the_positive_one() -> None:
    confidence = np.maximum(SCORES, 1 - SCORES)
    made = built(named(SAYS), confidence.tolist(), named(HITS))
    assert len(made.contradictions) == 1
    assert made.contradictions[0].startswith("no score is below 0.5, also where the prediction is `0`")
    assert made.estimator is None
    assert built(named(SAYS), confidence.tolist()).contradictions == made.contradictions, "without labels too"
    above = np.maximum(SCORES, 0.5)
    assert built(named(np.ones(2_000)), above.tolist(), named(HITS)).contradictions == ()


def test_scores_beyond_probabilities_are_named() -> None:
    made = built(named(SAYS), (300 + 550 * SCORES).tolist(), named(HITS))
    assert made.contradictions[0].startswith("2000 scores are not in [0, 1] (they go from 300.")
    maps = [{"a": 60.0, "b": 40.0}, {"a": 1.0, "b": 0.0}]
    assert "2 scores are not in [0, 1]" in built(["a", "b"], [60.0, 1.0], ["a", "b"], maps).contradictions[0]


def test_numbers_too_large_for_exact_sums_are_named() -> None:
    values = [float(each) for each in range(100)]
    made = built(values, None, [*values[:-1], 1e40])
    assert made.contradictions == (
        "1 labelled rows have a prediction or label too large for exact sums: no baseline can be measured",
    )
    assert built(values, None, [*values[:-1], 1e15]).contradictions == ()


def test_maps_of_other_classes_are_named() -> None:
    maps = [{"x": 0.5, "y": 0.5}] * 2
    (remark,) = built(["a", "b"], [0.5, 0.5], ["a", "b"], maps).contradictions
    assert remark.startswith("scores are of the classes `x`, `y`, predictions and labels of `a`, `b`: `models.loan.cl")
    assert built(["a", "b"], [0.5, 0.5], ["a", "b"], maps, classes={"x": "a", "y": "b"}).contradictions == ()


def test_a_baseline_that_is_never_right_is_named() -> None:
    flags = np.arange(100) % 3 == 0
    (remark,) = built(named(flags), None, named(~flags)).contradictions
    assert remark.startswith("no prediction of 100 labelled rows is right")
    assert built(named(flags[:20]), None, named(~flags[:20])).contradictions == (), "few rows may be wrong by chance"


def test_more_classes_than_a_profile_lists_are_named_and_contradict_nothing() -> None:
    classes = [f"c{i}" for i in range(MAX_CLASSES + 1)]
    (remark,) = built(classes * 2, None, classes * 2).contradictions
    assert remark.startswith("predictions and labels are of more than 64 classes")
    assert not isinstance(remark, Contradiction)
