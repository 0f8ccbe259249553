from __future__ import annotations

import numpy as np
import pytest

from driftline.sketches.columns import (
    INFINITE,
    MISSING,
    NOT_A_NUMBER,
    WRONG_TYPE,
    CategoricalColumn,
    NumericColumn,
    canonical_category,
)
from driftline.sketches.encoding import CategoryCodes, encode_categorical, encode_numeric, numbers_of, quality_of
from driftline.sketches.grid import build_edges
from driftline.sketches.kept_names import MAX_NAME
from driftline.sketches.layout import EVENTS, HEAD, Layout
from driftline.sketches.pane_sketch import count

AGE = NumericColumn("age", "feature", build_edges(np.array([1.0, 2.0, 3.0])).tobytes(), 2.0, 1.0, 1.0, 3.0)
CHANNEL = CategoricalColumn("channel", "feature", ("web", "app", "1", "01"))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, MISSING),
        ("NaN", NOT_A_NUMBER),
        (float("nan"), NOT_A_NUMBER),
        ("-Infinity", INFINITE),
        (float("inf"), INFINITE),
        (10**400, INFINITE),
        ("12", WRONG_TYPE),
        (True, WRONG_TYPE),
        ([1], WRONG_TYPE),
        (0, None),
        (-1.5, None),
    ],
)
def test_what_is_no_number_has_a_quality(value: object, code: int | None) -> None:
    assert quality_of(value) == code
    numbers, exceptions = numbers_of([value])
    assert exceptions == ([] if code is None else [(0, code)])
    assert np.isnan(numbers[0]) == (code is not None)


def test_numbers_are_binned_and_what_is_absent_has_no_moments() -> None:
    values = np.array([1.0, np.nan, np.inf, 3.0, np.nan])
    encoded = encode_numeric(AGE, values, [(4, WRONG_TYPE)])
    assert encoded.bins[[1, 2, 4]].tolist() == [-1 - MISSING, -1 - INFINITE, -1 - WRONG_TYPE]
    assert encoded.z is not None
    assert encoded.z.tolist() == [-(1 << 24), 0, 0, 1 << 24, 0]


def test_categories_are_known_by_their_canonical_text() -> None:
    codes = CategoryCodes(CHANNEL)
    values = ["web", "app", "1", 1, 1.0, True, "01", "fax", 2.5, None]
    encoded = encode_categorical(CHANNEL, codes, values)
    assert encoded.bins.tolist() == [0, 1, 2, 2, 2, 2, 3, 4, 4, -1 - MISSING]
    assert list(encoded.unlisted) == [(7, "fax"), (8, "2.5")]
    assert "fax" not in codes, "values of the stream must not be stored"


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0, "0"), (1e20, "100000000000000000000"), (False, "0"), ("", ""), ({}, None), (None, None)]
)
def test_canonical_categories(value: object, text: str | None) -> None:
    assert canonical_category(value) == text


def test_every_event_stands_in_exactly_one_cell_of_each_column() -> None:
    layout = Layout((AGE, CHANNEL))
    numeric = encode_numeric(AGE, np.array([1.0, np.nan, 99.0, -99.0]), [(1, NOT_A_NUMBER)])
    categorical = encode_categorical(CHANNEL, CategoryCodes(CHANNEL), ["web", None, "fax", "fax"])
    for slots, n_slots in (([0, 0, 0, 0], 1), ([0, 2, 1, 2], 3), ([0, 2, 1, 2], 1_000)):
        sketches = count(layout, [numeric, categorical], np.array(slots), n_slots)
        assert len(sketches) == n_slots
        for slot, sketch in enumerate(sketches):
            n = slots.count(slot)
            assert sketch.counts[EVENTS] == n
            for place in layout.places:
                assert sketch.counts[place.bins].sum() + sketch.counts[place.quality].sum() == n
    assert layout.places[0].bins.start == len(HEAD)


def test_names_of_unlisted_categories_are_counted_exactly_and_cut() -> None:
    layout = Layout((CHANNEL,))
    long = "x" * 200
    encoded = encode_categorical(CHANNEL, CategoryCodes(CHANNEL), ["fax", long, "fax", "web", long, "fax"])
    [sketch] = count(layout, [encoded], np.zeros(6, dtype=np.int64), 1)
    assert sorted(sketch.unseen[0].values()) == [("fax", 3), ("x" * MAX_NAME, 2)]


def test_no_events_make_an_empty_sketch() -> None:
    layout = Layout((AGE, CHANNEL))
    encoded = [encode_numeric(AGE, np.empty(0)), encode_categorical(CHANNEL, CategoryCodes(CHANNEL), [])]
    [sketch] = count(layout, encoded, np.empty(0, dtype=np.int64), 1)
    assert not sketch.counts.any()
    assert sketch.block(layout, 0) is None
    assert sketch.block(layout, 1) is None


def test_blocks_are_mean_and_variance_in_standardised_units() -> None:
    layout = Layout((AGE,))
    values = np.random.default_rng(1).normal(2.5, 0.5, 10_000)
    [sketch] = count(layout, [encode_numeric(AGE, values)], np.zeros(10_000, dtype=np.int64), 1)
    block = sketch.block(layout, 0)
    assert block is not None
    assert block.count == 10_000
    assert block.mean == pytest.approx((values.mean() - 2.0) / 1.0, abs=1e-7)
    assert block.variance == pytest.approx(values.var(), rel=1e-4)
