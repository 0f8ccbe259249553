from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.performance import metrics_of
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable, table_of_sample
from driftline.sketches.columns import MAX_CATEGORIES, CategoricalColumn, NumericColumn
from driftline.sketches.layout import EVENTS
from driftline.sketches.packed import SampleRow

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

KEY = ModelKey("credit-risk", "3")


def built(table: ReferenceTable, settings: ModelSettings | None = None) -> Profile:
    return build_profile(KEY, table, settings or ModelSettings(), 0, "training")


def one(name: str, values: object, **settings: ColumnSettings) -> Profile:
    n = len(values)  # type: ignore[arg-type]  # an array or a list
    return built(ReferenceTable(n, {name: values}), ModelSettings(columns=dict(settings)))  # type: ignore[dict-item]


def counts(profile: Profile, index: int = 0) -> list[int]:
    place = profile.layout.places[index]
    bins: list[int] = profile.reference.counts[place.bins].tolist()
    return bins


def quality(profile: Profile, index: int = 0) -> list[int]:
    return profile.reference.counts[profile.layout.places[index].quality].tolist()  # type: ignore[no-any-return]


def test_kinds_are_inferred() -> None:
    table = ReferenceTable(
        10,
        {
            "array": np.arange(10.0),
            "numbers": list(range(10)),
            "mostly numbers": [*range(9), "n/a"],
            "texts": list("abcabcabca"),
            "booleans": [True, False] * 5,
            "texts and numbers": [1, 2, 3, "a", "b", "c", 4, 5, 6, 7],
            "nothing": [None] * 10,
        },
    )
    kinds = {column.name: type(column) for column in built(table).columns}
    numeric = {name for name, kind in kinds.items() if kind is NumericColumn}
    assert numeric == {"array", "numbers", "mostly numbers"}
    assert kinds["booleans"] is CategoricalColumn


def test_configured_kinds_win() -> None:
    code = one("code", [1, 2, 2, None], code=ColumnSettings(kind="categorical"))
    assert code.columns[0] == CategoricalColumn("code", "feature", ("2", "1"))
    assert counts(code) == [2, 1, 0]
    text = one("text", ["1", "x", 3.0], text=ColumnSettings(kind="numeric"))
    assert (quality(text), sum(counts(text))) == ([0, 0, 0, 1], 2)
    ignored = one("x", [1.0], x=ColumnSettings(kind="ignore"))
    assert (ignored.columns, ignored.left_out) == ((), ("x",))


def test_missing_values_of_an_array_stay_missing_in_a_categorical_column() -> None:
    profile = one("code", np.array([1.0, np.nan, 1.0]), code=ColumnSettings(kind="categorical"))
    assert profile.columns == (CategoricalColumn("code", "feature", ("1",)),)
    assert (counts(profile), quality(profile)) == ([2, 0], [1, 0, 0, 0])


def test_every_row_is_counted_in_every_column() -> None:
    profile = built(ReferenceTable(4, {"a": np.array([1.0, np.nan, np.inf, 2.0]), "b": ["x", None, {}, "x"]}))
    assert profile.n_events == profile.reference.counts[EVENTS] == 4
    assert (sum(counts(profile, 0)), quality(profile, 0)) == (2, [1, 0, 1, 0])
    assert (counts(profile, 1), quality(profile, 1)) == ([2, 0], [1, 0, 0, 1])


def test_rare_categories_share_the_unlisted_bin() -> None:
    values = [f"c{i:03}" for i in range(MAX_CATEGORIES + 44)] + ["c299"] * 5
    profile = one("c", values)
    column = profile.columns[0]
    assert isinstance(column, CategoricalColumn)
    assert column.categories[:2] == ("c299", "c000")
    assert len(column.categories) == MAX_CATEGORIES
    assert counts(profile)[column.unlisted] == 44


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_moments_of_any_size_are_finite(scale: float) -> None:
    profile = one("x", np.array([-1.0, 0.5, 1.0]) * scale)
    column = profile.columns[0]
    assert isinstance(column, NumericColumn)
    assert np.isfinite([column.mean, column.spread]).all()
    assert column.mean == pytest.approx(scale / 6)
    block = profile.reference.block(profile.layout, 0)
    assert block is not None
    assert block.mean == pytest.approx(0.0, abs=1e-6)
    assert block.variance == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize(
    ("prediction", "score", "kind", "classes"),
    [
        ([0, 1, 1], [0.1, 0.9, 0.8], "binary", ("0", "1")),
        ([1, 1, 1], [0.7, 0.9, 0.8], "binary", ("0", "1")),
        (["no", "yes", "no"], None, "binary", ("no", "yes")),
        (["b", "a", "c"], None, "multiclass", ("a", "b", "c")),
        ([2, 10, 1], None, "multiclass", ("1", "2", "10")),
        ([0.5, 1.5, 2.0], None, "regression", ()),
        (list(range(100)), None, "regression", ()),
    ],
)
def test_the_task_is_inferred(
    prediction: list[object], score: list[object] | None, kind: str, classes: tuple[str, ...]
) -> None:
    task = built(ReferenceTable(len(prediction), {}, prediction, score)).task
    assert (task.kind, task.classes) == (kind, classes)
    assert task.positive == (classes[1] if kind == "binary" else None)


def test_the_positive_class_can_be_configured() -> None:
    table = ReferenceTable(2, {}, ["bad", "good"])
    assert built(table, ModelSettings(positive_class="bad")).task.classes == ("good", "bad")
    assert built(table, ModelSettings(task="multiclass")).task.classes == ("bad", "good")


def test_one_unknown_class_is_not_enough() -> None:
    with pytest.raises(ProfileError, match=r"Expected two classes, .* got only \['yes'\] - at `credit-risk@3`"):
        built(ReferenceTable(1, {}, ["yes"]))
    with pytest.raises(ProfileError, match=r"Expected at most two classes for a binary task"):
        built(ReferenceTable(3, {}, ["a", "b", "c"]), ModelSettings(task="binary"))


def test_there_must_be_rows() -> None:
    with pytest.raises(ProfileError, match=r"Expected at least one reference row, got none - at `credit-risk@3`"):
        built(ReferenceTable(0, {}))


def test_baseline_performance_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    scores = np.round(rng.random(3_000), 2)
    labels = (rng.random(3_000) < scores).astype(int)
    predictions = (scores >= 0.5).astype(int)
    listed: list[object] = labels.tolist()
    profile = built(ReferenceTable(3_000, {}, predictions.tolist(), scores.tolist(), [None, *listed[1:]]))
    assert profile.performance is not None
    metrics = metrics_of(profile.task, profile.performance)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels[1:], predictions[1:]), abs=1e-12)
    assert metrics["auc"] == pytest.approx(roc_auc_score(labels[1:], scores[1:]), abs=metrics["auc_error_bound"] or 0)


def test_baseline_of_a_regression_is_in_the_unit_of_the_prediction() -> None:
    profile = built(ReferenceTable(4, {}, [1.5, 2.5, 3.5, 4.5], None, [1.0, 2.0, 3.0, 5.0]))
    assert profile.performance is not None
    metrics = metrics_of(profile.task, profile.performance)
    assert metrics["mae"] == pytest.approx(0.5, abs=1e-6)


def test_the_order_of_rows_changes_nothing_but_names_everything() -> None:
    rng = np.random.default_rng(6)
    values, texts = rng.normal(0, 1, 500).round(3), rng.choice(list("abc"), 500)
    order = rng.permutation(500)
    first = built(ReferenceTable(500, {"x": values, "c": texts.tolist()}))
    second = built(ReferenceTable(500, {"x": values[order], "c": texts[order].tolist()}))
    assert first.reference.counts.tolist() == second.reference.counts.tolist()
    other = built(ReferenceTable(500, {"x": values + 1, "c": texts.tolist()}))
    assert first.profile_id != other.profile_id


def test_a_grid_alone_has_an_empty_reference() -> None:
    profile = build_profile(KEY, ReferenceTable(2, {"x": [1.0, 2.0]}), ModelSettings(), 0, "bootstrap", grid_only=True)
    assert profile.n_events == 0
    assert profile.columns[0].n_bins > 2


def test_importances_come_from_the_configuration() -> None:
    assert one("x", [1.0], x=ColumnSettings(importance=3.0)).importances == {"x": 3.0}


def test_a_sample_is_a_table_whatever_the_order_of_its_rows() -> None:
    rows = [
        SampleRow(2, b'{"b": 1, "a": "x"}', 1, 0.5),
        SampleRow(1, b'{"c": null}', 0, None),
        SampleRow(3, b"", None, None),
    ]
    table = table_of_sample(rows)
    assert table == table_of_sample(rows[::-1])
    assert table.features == {"a": [None, "x", None], "b": [None, 1, None], "c": [None, None, None]}
    assert (table.prediction, table.score, table.label) == ([0, 1, None], [None, 0.5, None], None)
