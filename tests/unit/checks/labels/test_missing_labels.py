"""Which feature's missing values explain that labels do not come, and which do not."""

from __future__ import annotations

from driftline.checks.labels.missing_labels import Counted, feature_without, together

GATE = 0.1
USUAL = Counted(9_780, 10_000, {"delay": 160, "pressure": 1_000})


def test_predictions_without_a_value_and_as_many_without_a_label_explain_each_other() -> None:
    found = feature_without(Counted(780, 1_000, {"delay": 205}), USUAL, GATE)
    assert found is not None
    assert (found.column, found.share, found.share_before) == ("delay", 0.205, 0.016)
    assert (found.labelled, found.labelled_before) == (780 / 795, 9_780 / 9_840)


def test_a_value_that_is_missing_as_often_as_ever_explains_nothing() -> None:
    assert feature_without(Counted(780, 1_000, {"delay": 16}), USUAL, GATE) is None
    assert feature_without(Counted(780, 1_000, {}), USUAL, GATE) is None


def test_too_few_missing_values_explain_nothing() -> None:
    late = Counted(700, 1_000, {"delay": 100})  # 78 % of those with a value have a label, 99 % before
    assert feature_without(late, USUAL, GATE) is None


def test_values_whose_predictions_had_labels_explain_nothing() -> None:
    now = Counted(780, 1_000, {"pressure": 220})
    assert feature_without(now, USUAL, GATE) is None, "1,000 had none, and 220 no label: most of them had a label"
    assert feature_without(Counted(780, 1_000, {"delay": 300}), USUAL, GATE) is None, "80 have a label all the same"


def test_where_nothing_has_a_value_nothing_is_left_to_compare() -> None:
    assert feature_without(Counted(0, 1_000, {"delay": 1_000}), USUAL, GATE) is None


def test_of_several_features_the_one_that_explains_most_is_named() -> None:
    usual = Counted(9_780, 10_000, {"a": 160, "b": 160, "c": 160})
    found = feature_without(Counted(780, 1_000, {"a": 180, "b": 205, "c": 205}), usual, GATE)
    assert found is not None
    assert found.column == "b"


def test_cohorts_add_up() -> None:
    assert together([Counted(9, 10, {"a": 1}), Counted(5, 10, {"b": 4, "a": 2})]) == (14, 20, {"a": 3, "b": 4})
