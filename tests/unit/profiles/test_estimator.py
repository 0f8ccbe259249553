"""What estimates performance before labels: when it is fitted, what it leaves out; and it travels in the profile."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.estimator_build import MIN_LABELLED, calibration_helps
from driftline.profiles.building.frames import build_profile_from_frame
from driftline.profiles.building.json_rows import table_of_rows
from driftline.profiles.building.roles import Roles
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_block, decode_profile, encode_profile
from driftline.profiles.estimator import BinaryEstimator, MulticlassEstimator, estimator_id
from driftline.profiles.loss_estimator import LossEstimator
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.numeric_encoding import TailValues

KEY = ModelKey("risk", "1")


def binary_table(n: int = 2_000, *, seed: int = 1, power: float = 2.0) -> ReferenceTable:
    rng = np.random.default_rng(seed)
    scores = rng.random(n).round(3)
    return ReferenceTable(
        n,
        {"x": rng.normal(size=n)},
        prediction=(scores > 0.5).astype(int).tolist(),
        score=scores.tolist(),
        label=(rng.random(n) < scores**power).astype(int).tolist(),
    )


def built(table: ReferenceTable) -> object:
    return build_profile(KEY, table, ModelSettings(), 0, "training").estimator


def evaluated(estimator: BinaryEstimator, predictions: list[int], scores: list[float]) -> tuple[list[int], list[float]]:
    n = len(scores)
    none = np.empty((0, n), dtype=np.int64)
    columns = EncodedColumns(
        np.array([predictions] * (estimator.prediction + 1)),
        none,
        none,
        none.astype(np.bool_),
        {},
        TailValues.together([]),
        None,
        np.array(scores),
    )
    said = estimator.evaluate(columns, [])
    return said.rows.tolist(), said.values[0].tolist()


def test_it_takes_labels_scores_and_enough_rows_of_both_classes() -> None:
    table = binary_table()
    assert isinstance(built(table), BinaryEstimator)
    assert built(binary_table(MIN_LABELLED - 1)) is None
    without = {"prediction": table.prediction, "score": table.score, "label": table.label}
    for name in ("score", "label"):
        assert built(ReferenceTable(table.n, table.features, **{**without, name: None})) is None  # type: ignore[arg-type]  # one of three
    assert built(ReferenceTable(table.n, table.features, table.prediction, table.score, [0] * table.n)) is None
    late = [label if row < MIN_LABELLED else None for row, label in enumerate(table.label or ())]
    some = built(ReferenceTable(table.n, table.features, table.prediction, table.score, late))
    assert isinstance(some, BinaryEstimator)
    assert some.n_labelled == MIN_LABELLED


def test_scores_are_calibrated_where_that_helps_rows_held_out() -> None:
    skewed, calibrated = built(binary_table(5_000)), built(binary_table(5_000, power=1.0))
    assert isinstance(skewed, BinaryEstimator)
    assert isinstance(calibrated, BinaryEstimator)
    assert skewed.calibrated
    asked = np.array([0.2, 0.5, 0.8])
    assert skewed.calibrator(asked) == pytest.approx(asked**2, abs=0.07)
    assert calibrated.calibrator(asked) == pytest.approx(asked, abs=0.07)
    scores = np.tile([0.25, 0.75], 2_000)
    assert not calibration_helps(scores, (np.arange(4_000) // 2 % 4 == 0) ^ (scores > 0.5))


def test_what_has_no_score_or_an_unknown_class_is_left_out_and_a_missing_prediction_follows_the_score() -> None:
    estimator = built(binary_table())
    assert isinstance(estimator, BinaryEstimator)
    rows, values = evaluated(estimator, [0, 1, 2, 0, 1, -1, -1], [0.2, 0.9, 0.9, float("nan"), 1.5, 0.7, 0.1])
    assert rows == [0, 1, -1, -1, -1, 1, 0]
    assert values[0] < values[6] + 0.2 < values[1]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_travels_with_the_profile_and_is_a_part_of_its_id(task: str) -> None:
    rng, n = np.random.default_rng(3), 1_200
    x = rng.normal(size=n)
    if task == "binary":
        table = binary_table(n)
    elif task == "multiclass":
        raw = rng.dirichlet([1.0, 1.0, 1.0], n)
        labels = ["abc"[rng.choice(3, p=row)] for row in raw]
        maps = [dict(zip("abc", row, strict=True)) for row in raw.tolist()]
        predictions = ["abc"[k] for k in raw.argmax(axis=1)]
        best = raw.max(axis=1).tolist()
        table = ReferenceTable(n, {"x": x}, predictions, best, labels, score_maps=maps)
    else:
        table = ReferenceTable(n, {"x": x}, (2 * x).tolist(), None, (2 * x + rng.normal(size=n)).tolist())
    profile = build_profile(KEY, table, ModelSettings(), 0, "training")
    kinds = {"binary": BinaryEstimator, "multiclass": MulticlassEstimator, "regression": LossEstimator}
    assert isinstance(profile.estimator, kinds[task])
    assert profile.estimator.n_labelled == n
    records = [value for _, value in encode_profile(profile)]
    again = decode_profile(records, "x.profile")
    assert again.estimator == profile.estimator
    assert (again.profile_id, again.estimator_id) == (profile.profile_id, profile.estimator_id)
    assert decode_block(records[0], "x").estimator is not None
    assert profile.estimator_id == estimator_id(profile.estimator)
    same = build_profile(KEY, table, ModelSettings(), 0, "training")
    assert same.profile_id == profile.profile_id
    assert same.grid_id == profile.grid_id


def test_maps_of_scores_are_read_from_frames_and_rows() -> None:
    rng, n = np.random.default_rng(4), 900
    raw = rng.dirichlet([2.0, 1.0, 1.0], n)
    names = ["low", "mid", "high"]
    maps = [dict(zip(names, row, strict=True)) for row in raw.round(4).tolist()]
    columns = {
        "x": rng.normal(size=n).tolist(),
        "prediction": [names[k] for k in raw.argmax(axis=1)],
        "score": maps,
        "label": [names[rng.choice(3, p=row)] for row in raw],
    }
    from_frame = build_profile_from_frame(pa.table(columns), "risk", "1")
    assert isinstance(from_frame.estimator, MulticlassEstimator)
    assert from_frame.estimator.classes == tuple(sorted(names))
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    reading = table_of_rows(rows, Roles(), positive=None, at="rows")
    assert built(reading.table) == from_frame.estimator


def test_an_event_without_a_map_of_scores_is_left_out() -> None:
    rng, n = np.random.default_rng(5), 900
    raw = rng.dirichlet([2.0, 1.0, 1.0], n)
    labels = ["abc"[rng.choice(3, p=row)] for row in raw]
    maps = [dict(zip("abc", row, strict=True)) for row in raw.tolist()]
    table = ReferenceTable(n, {}, labels, raw.max(axis=1).tolist(), labels, score_maps=maps)
    estimator = built(table)
    assert isinstance(estimator, MulticlassEstimator)
    none = np.empty((0, 4), dtype=np.int64)
    bins = np.array([[0, 1, 3, 2]] * (estimator.prediction + 1))
    columns = EncodedColumns(bins, none, none, none.astype(np.bool_), {}, TailValues.together([]))
    said = estimator.evaluate(columns, [{"a": 0.5, "b": 0.5}, 0.7, {"a": 1.0}, {"a": 0.2, "b": 0.2, "c": 0.6}])
    assert said.rows.tolist() == [0, -1, -1, 2]
    assert said.values[:, [0, 3]].sum(axis=0) == pytest.approx([1.0, 1.0])
