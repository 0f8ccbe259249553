"""Classes, scores and baselines of references whose predictions and labels are spelled differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from driftline.config.model import ModelSettings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.performance import metrics_of
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.building.json_rows import table_of_rows
from driftline.profiles.building.roles import Roles
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.estimator import BinaryEstimator, MulticlassEstimator
from driftline.runtime.references.reference_files import read_table

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.profiles.profile import Profile

KEY = ModelKey("loan", "1")
TRUE = [1, 0, 1, 1, 0]
SAID = [1, 0, 0, 1, 1]


def built(
    prediction: list[object] | None, label: list[object], score: list[object] | None = None, **settings: object
) -> Profile:
    table = ReferenceTable(len(label), {}, prediction, score, label)
    return build_profile(KEY, table, ModelSettings(**settings), 0, "training")  # type: ignore[arg-type]


def accuracy(profile: Profile) -> float | None:
    assert profile.performance is not None
    return metrics_of(profile.task, profile.performance)["accuracy"]


def spelled(codes: list[int], how: str) -> list[object]:
    of_code: dict[str, tuple[object, object]] = {
        "number": (0, 1),
        "float": (0.0, 1.0),
        "boolean": (False, True),
        "text": ("0", "1"),
        "float text": ("0.0", "1.0"),
        "truth": ("false", "true"),
        "Truth": ("False", "True"),
        "signs": (-1, 1),
        "sign text": ("-1.0", "1.0"),
    }
    return [of_code[how][code] for code in codes]


KINDS = ("number", "float", "boolean", "text", "float text", "truth", "Truth", "signs", "sign text")


@pytest.mark.parametrize("labels", KINDS)
@pytest.mark.parametrize("predictions", KINDS)
def test_spellings_of_two_classes_are_two_classes(predictions: str, labels: str) -> None:
    profile = built(spelled(SAID, predictions), spelled(TRUE, labels))
    assert (profile.task.kind, len(profile.task.classes)) == ("binary", 2)
    assert accuracy(profile) == pytest.approx(3 / 5)
    place = profile.layout.places[0]
    assert profile.reference.counts[place.bins].tolist() == [2, 3, 0], "the column of predictions knows them too"


def test_predictions_name_the_classes_unless_the_configuration_does() -> None:
    assert built(["yes", "no"], ["no", "yes"]).task.classes == ("no", "yes")
    assert built(["true", "false"], [1, 0]).task.classes == ("false", "true")
    assert built([1, 0], ["true", "false"]).task.classes == ("0", "1")
    profile = built([1, 0], ["bad", "good"], classes={"good": "0", "bad": "1"})
    assert (profile.task.classes, accuracy(profile)) == (("0", "1"), 1.0)
    profile = built([1, 0], ["bad", "good"], classes={"0": "good", "1": "bad"})
    assert (profile.task.classes, accuracy(profile)) == (("bad", "good"), 1.0)
    assert built([1, 0], ["bad", "good"], classes={"0": "good", "1": "bad"}, positive_class="1").task.positive == "bad"
    assert built(["1.0", "0.0"], [1, 0], positive_class="0").task.classes == ("1.0", "0.0")


def test_minus_one_zero_and_one_may_be_three_classes() -> None:
    assert built([-1, 0, 1], [-1, 0, 1]).task.kind == "multiclass"
    assert built([-1, 1, 1], [0, 1, 0], task="multiclass").task.classes == ("-1", "0", "1")


@pytest.mark.parametrize(
    ("predictions", "labels", "named"),
    [
        ([1, 0, 1], ["bad", "good", "bad"], "predictions are '0', '1', labels are 'bad', 'good'"),
        (["a", "b"], ["c", "c"], "predictions are 'a', 'b', labels are 'c'"),
        ([1], ["good"], "predictions are '1', labels are 'good'"),
    ],
)
def test_no_common_class_is_an_error_that_names_both_and_the_setting(
    predictions: list[object], labels: list[object], named: str
) -> None:
    with pytest.raises(ProfileError) as raised:
        built(predictions, labels)
    assert str(raised.value).startswith("Predictions and labels of `loan@1` share no class: " + named)
    assert "`models: {loan: {classes: {" in str(raised.value)


def test_no_common_class_is_none_where_it_is_known_that_both_are_of_one_task() -> None:
    assert accuracy(built([0, 0, 0], [1, 1, 1])) == 0.0
    assert built(["legit"], ["fraud"], positive_class="fraud").task.classes == ("legit", "fraud")


def test_a_hundred_classes_are_counted_as_scikit_learn_counts_them() -> None:
    rng = np.random.default_rng(3)
    weights = 1 / np.arange(1, 101)
    actual = rng.choice(100, 20_000, p=weights / weights.sum())
    wrong = (actual + 1) % 100
    predicted = np.where((actual >= 50) | (rng.random(20_000) < 0.05), wrong, actual)
    label, prediction = ([f"k{code:02d}" for code in codes.tolist()] for codes in (actual, predicted))
    profile = built([*prediction], [*label])
    assert len(profile.task.classes) == 64
    assert accuracy(profile) == pytest.approx(accuracy_score(actual, predicted), rel=1e-12)
    assert profile.performance is not None
    metrics = metrics_of(profile.task, profile.performance)
    assert metrics["precision_micro"] == metrics["recall_weighted"] == metrics["accuracy"]
    assert {metrics[name] for name in ("precision", "f1", "matthews_correlation", "cohen_kappa")} == {None}
    assert any("more than 64 classes" in each for each in profile.contradictions)


def test_of_more_classes_than_are_listed_nothing_is_estimated() -> None:
    names = [f"k{code:02d}" for code in np.random.default_rng(1).integers(0, 66, 2_000).tolist()]
    scores: list[dict[str, float] | None] = [{name: 1.0} for name in names]
    for limit, estimated in ((64, True), (66, False)):
        rows = [row for row, name in enumerate(names) if int(name[1:]) < limit]
        said: list[object] = [names[row] for row in rows]
        table = ReferenceTable(len(rows), {}, said, [1.0] * len(rows), said, score_maps=[scores[row] for row in rows])
        profile = build_profile(KEY, table, ModelSettings(), 0, "training")
        assert (profile.estimator is not None) == estimated


def scored(n: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    scores = np.round(rng.random(n), 3)
    return scores, (rng.random(n) < scores).astype(int)


def test_scores_alone_have_a_baseline_and_an_estimator_by_even_odds() -> None:
    scores, labels = scored()
    profile = built(None, labels.tolist(), scores.tolist())
    assert accuracy(profile) == pytest.approx(accuracy_score(labels, scores >= 0.5), rel=1e-12)
    assert isinstance(profile.estimator, BinaryEstimator)
    assert profile.estimator.prediction == -1
    some: list[object] = [1, *[None] * (labels.size - 1)]
    judged = np.append(1, scores[1:] >= 0.5)
    assert accuracy(built(some, labels.tolist(), scores.tolist())) == pytest.approx(accuracy_score(labels, judged))


def test_maps_of_two_classes_have_the_score_of_the_positive_one() -> None:
    scores, labels = scored()
    maps = [{"no": 1 - score, "yes": score} for score in scores.tolist()]
    rows = [
        {"prediction": "yes" if score["yes"] >= 0.5 else "no", "score": score, "label": "yes" if label else "no"}
        for score, label in zip(maps, labels.tolist(), strict=True)
    ]
    table = table_of_rows(rows, Roles(), positive=None, at="x").table
    profile = build_profile(KEY, table, ModelSettings(), 0, "training")
    assert profile.performance is not None
    auc = metrics_of(profile.task, profile.performance)["auc"]
    assert auc == pytest.approx(roc_auc_score(labels, scores), abs=0.002)
    numbered = [{**row, "score": {"0.0": row["score"]["no"], "1.0": row["score"]["yes"]}} for row in rows]  # type: ignore[index]
    table = table_of_rows(numbered, Roles(), positive=None, at="x").table
    named = ModelSettings(classes={"0": "no", "1": "yes"})
    same = build_profile(KEY, table, named, 0, "training")
    assert metrics_of(same.task, same.performance)["auc"] == auc  # type: ignore[arg-type]  # there are labels


CLASSES = ("a", "b", "c")


def three_classes(n: int = 1_500) -> list[dict[str, object]]:
    rng = np.random.default_rng(2)
    chances = rng.dirichlet([1, 1, 1], n)
    actual = [int(rng.choice(3, p=row)) for row in chances]
    return [
        {
            "age": float(rng.normal()),
            "prediction": CLASSES[int(row.argmax())],
            "score": dict(zip(CLASSES, row.tolist(), strict=True)),
            "label": CLASSES[code],
        }
        for row, code in zip(chances, actual, strict=True)
    ]


def flat(rows: list[dict[str, object]], separator: str) -> list[dict[str, object]]:
    made = []
    for row in rows:
        scores = {f"score{separator}{name}": value for name, value in row["score"].items()}  # type: ignore[attr-defined]
        made.append({**{name: value for name, value in row.items() if name != "score"}, **scores})
    return made


def test_events_whose_score_is_a_map_have_estimates_of_several_classes(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    events = [
        {
            "prediction_id": str(i),
            "model": "loan",
            "model_version": "1",
            "features": {"age": row["age"]},
            **{name: row[name] for name in ("prediction", "score", "label")},
        }
        for i, row in enumerate(three_classes())
    ]
    path.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    table = read_table(path, KEY).table
    profile = build_profile(KEY, table, ModelSettings(), 0, "training")
    assert isinstance(profile.estimator, MulticlassEstimator)
    assert profile.estimator.n_labelled == len(events)


@pytest.mark.parametrize("separator", [".", "_"])
def test_flat_columns_of_scores_are_what_maps_are(separator: str) -> None:
    rows = three_classes()
    expected = build_profile(
        KEY, table_of_rows(rows, Roles(), positive=None, at="x").table, ModelSettings(), 0, "training"
    )
    flat_rows = flat(rows, separator)
    from_rows = table_of_rows(flat_rows, Roles(), positive=None, at="x")
    from_frame = table_of_frame(pl.DataFrame(flat_rows), at="x")
    named = ", ".join(f"`score{separator}{name}`" for name in CLASSES)
    for reading in (from_rows, from_frame):
        assert f"columns {named} are the scores of classes" in reading.remarks
        profile = build_profile(KEY, reading.table, ModelSettings(), 0, "training")
        assert profile.columns == expected.columns
        assert profile.estimator == expected.estimator
        assert isinstance(profile.estimator, MulticlassEstimator)


def test_what_only_looks_like_scores_stays_a_feature() -> None:
    rows: list[dict[str, object]] = [
        {"prediction": "a", "label": "b", "score_a": 700.0, "score_b": 2.0, "score_card": 0.5, "score.x": 0.25},
        {"prediction": "b", "label": "b", "score_a": 300.0, "score_b": 1.0, "score_card": 0.25, "score.x": 0.5},
    ]
    for reading in (table_of_rows(rows, Roles(), positive=None, at="x"), table_of_frame(pl.DataFrame(rows), at="x")):
        assert [*reading.table.features] == ["score_a", "score_b", "score_card", "score.x"]
        assert reading.table.score_maps is None
    taken = [{**row, "score_a": 0.25, "score_b": 0.75} for row in rows]
    assert [*table_of_rows(taken, Roles(), positive=None, at="x").table.features] == ["score_card", "score.x"]


@pytest.mark.parametrize(
    ("predictions", "classes"),
    [
        (["1", "false"], ("false", "1")),
        (["false", "false", "TRUE"], ("false", "TRUE")),
        (["0.0", "True"], ("0.0", "True")),
        (["10", "9"], ("9", "10")),
        (["true", "no"], ("no", "true")),
    ],
)
def test_what_is_true_is_the_positive_class_however_it_is_spelled(
    predictions: list[object], classes: tuple[str, ...]
) -> None:
    table = ReferenceTable(len(predictions), {}, prediction=predictions)
    assert build_profile(KEY, table, ModelSettings(), 0, "training").task.classes == classes


def test_whole_numbers_of_any_size_are_classes() -> None:
    table = ReferenceTable(40, {"x": [*map(float, range(40))]}, [10**400, 1] * 20, None)
    task = build_profile(ModelKey("m", ""), table, ModelSettings(), 0, "training").task
    assert sorted(task.classes, key=len) == ["1", str(10**400)]
