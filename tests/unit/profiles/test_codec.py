from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import FormatError
from driftline.events.model_key import ModelKey
from driftline.performance import metrics_of
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import (
    BLOCK_COLUMNS,
    VERSION,
    ProfileAssembler,
    decode_block,
    decode_profile,
    encode_profile,
)
from driftline.profiles.profiles import Profiles
from driftline.sketches.columns import NumericColumn
from driftline.sketches.loss_strata import loss_sums
from driftline.sketches.pane_sketch import count

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

KEY = ModelKey("credit-risk", "3")


def profile(n_columns: int, *, effective_from_ms: int = 0, seed: int = 1) -> Profile:
    rng = np.random.default_rng(seed)
    features = {
        f"f{i}": rng.normal(i, 1, 300) if i % 3 else [f"c{k}" for k in rng.integers(0, 290, 300)]
        for i in range(n_columns)
    }
    table = ReferenceTable(300, features, rng.integers(0, 2, 300).tolist(), rng.random(300).tolist(), [1] * 300)
    settings = ModelSettings(columns={"f0": ColumnSettings(importance=2.0)})
    return build_profile(KEY, table, settings, effective_from_ms, "training")


@pytest.mark.parametrize("n_columns", [0, 1, BLOCK_COLUMNS - 2, BLOCK_COLUMNS - 1, 150])
def test_a_profile_comes_back_as_it_was(n_columns: int) -> None:
    original = profile(n_columns)
    records = encode_profile(original)
    assert len(records) == max(1, -(-len(original.columns) // BLOCK_COLUMNS))
    assert len({key for key, _ in records}) == len(records)
    restored = decode_profile([value for _, value in records], "references")
    assert restored.profile_id == original.profile_id
    assert restored.columns == original.columns
    assert restored.reference.pack() == original.reference.pack()
    assert (restored.task, restored.importances) == (original.task, original.importances)
    assert restored.performance is not None
    assert original.performance is not None
    assert restored.performance.tolist() == original.performance.tolist()


def test_what_lies_beyond_the_range_of_the_grid_comes_back() -> None:
    original = profile(70)
    values = np.array([-50.0, 60.0, 1e6])
    column = next(i for i, each in enumerate(original.columns) if isinstance(each, NumericColumn) and i > 64)
    encoded = [encode_values(each, values if i == column else [None] * 3) for i, each in enumerate(original.columns)]
    beyond = count(original.layout, encoded, np.zeros(3, dtype=np.int64), 1)[0]
    original.reference.merge(beyond)
    restored = decode_profile([value for _, value in encode_profile(original)], "references")
    assert restored.reference.pack() == original.reference.pack()
    assert (restored.reference.tail_extremes >= 0).sum() >= 2


def test_what_was_left_out_comes_back_and_profiles_without_it_are_still_read() -> None:
    plain = profile(70)
    original = replace(plain, left_out=("born", "embedding"))
    values = [value for _, value in encode_profile(original)]
    restored = decode_profile(values, "references")
    assert restored.left_out == original.left_out
    assert restored.profile_id == original.profile_id != plain.profile_id
    before = [msgspec.msgpack.decode(value) for _, value in encode_profile(plain)]
    assert [before[0].pop() for _ in range(5)] == [None, None, None, {}, []]
    older = decode_profile([msgspec.msgpack.encode(fields) for fields in before], "references")
    assert (older.left_out, older.profile_id) == ((), plain.profile_id)


def test_hashes_of_rare_categories_stand_behind_what_was_left_out_in_the_block_of_their_column() -> None:
    plain = profile(70)
    first, last = plain.columns[0].name, plain.columns[-1].name
    original = replace(plain, left_out=("born",), rare={first: b"12345678", last: b"87654321"})
    values = [value for _, value in encode_profile(original)]
    restored = decode_profile(values, "references")
    assert (restored.left_out, restored.rare) == (original.left_out, original.rare)
    assert restored.profile_id == original.profile_id != plain.profile_id
    blocks = [msgspec.msgpack.decode(value) for value in values]
    assert [block[-5:-3] for block in blocks] == [[["born"], {first: b"12345678"}], [[], {last: b"87654321"}]]
    for block in blocks:
        del block[-4:]
    known = decode_profile([msgspec.msgpack.encode(block) for block in blocks], "references")
    assert (known.left_out, known.rare) == (("born",), {})


def test_a_record_stays_below_a_brokers_limit() -> None:
    assert max(len(value) for _, value in encode_profile(profile(500))) < 1 << 20


def test_blocks_may_come_in_any_order_twice_and_mixed() -> None:
    profiles = [profile(150, seed=seed) for seed in range(3)]
    values = [value for each in profiles for _, value in encode_profile(each)]
    random.Random(1).shuffle(values)
    assembler = ProfileAssembler()
    found = [each for value in values for each in [assembler.add(decode_block(value, "references-0@7"))] if each]
    assert sorted(each.profile_id for each in found) == sorted(each.profile_id for each in profiles)


def test_a_missing_block_is_an_error() -> None:
    records = encode_profile(profile(150))
    with pytest.raises(FormatError, match=r"Expected all blocks of a profile, got 2 of them - at `x.profile`"):
        decode_profile([value for _, value in records[:2]], "x.profile")


@pytest.mark.parametrize("data", [b"", b"{}", b"\xc1", b"\x93\x01\x02\x03"])
def test_what_is_no_block_is_an_error(data: bytes) -> None:
    expected = rf"Expected a profile block of version {VERSION}, got b'.*at `references-0@7`"
    with pytest.raises(FormatError, match=expected):
        decode_block(data, "references-0@7")


def test_another_version_is_an_error_that_says_what_to_do() -> None:
    fields = msgspec.msgpack.decode(encode_profile(profile(1))[0][1])
    with pytest.raises(
        FormatError, match=rf"got version {VERSION + 1} - at `references-0@7`. Upgrade this worker, or publish"
    ):
        decode_block(msgspec.msgpack.encode([VERSION + 1, *fields[1:]]), "references-0@7")


def test_performance_of_a_version_without_todays_sums_is_no_baseline() -> None:
    table = ReferenceTable(4, {"a": np.arange(4.0)}, prediction=[0, 1, 1, 0], label=[0, 1, 0, 0])
    made = build_profile(KEY, table, ModelSettings(), 0, "training")
    assert made.performance is not None
    values = [value for _, value in encode_profile(made)]
    kept = decode_profile(values, "x").performance
    assert kept is not None
    assert np.array_equal(kept, made.performance)
    older = [msgspec.msgpack.encode([2, *msgspec.msgpack.decode(value)[1:]]) for value in values]
    assert decode_profile(older, "x").performance is None


def test_a_profile_keeps_its_version_and_id_unless_it_needs_cells_that_are_new() -> None:
    plain = built_of([0, 1, 1, 0], [0, 1, 0, 0])
    assert plain.performance is not None
    last = plain.task.performance_layout.last
    assert {msgspec.msgpack.decode(value)[0] for _, value in encode_profile(plain)} == {3}
    assert replace(plain, performance=plain.performance[:last]).profile_id == plain.profile_id


def test_unknown_classes_of_an_older_profile_are_no_baseline() -> None:
    names = [f"c{i:03d}" for i in range(70)]
    made = built_of([*names], [*names[:64], *names[65:], names[64]])
    values = [value for _, value in encode_profile(made)]
    assert {msgspec.msgpack.decode(value)[0] for value in values} == {4}
    kept = decode_profile(values, "x")
    assert kept.performance is not None
    assert made.performance is not None
    assert np.array_equal(kept.performance, made.performance)
    assert kept.profile_id == made.profile_id
    older = [msgspec.msgpack.encode([3, *msgspec.msgpack.decode(value)[1:]]) for value in values]
    assert decode_profile(older, "x").performance is None


def test_large_values_of_a_regression_need_the_new_version() -> None:
    made = built_of([0.5, 1.5, 2.5, 3.25], [0.5, 1e12, 2.0, 3.0])
    values = [value for _, value in encode_profile(made)]
    assert {msgspec.msgpack.decode(value)[0] for value in values} == {4}
    kept = decode_profile(values, "x")
    assert kept.performance is not None
    assert metrics_of(kept.task, kept.performance)["mae"] == pytest.approx((1e12 - 1.5 + 0.75) / 4)


def test_losses_by_stratum_come_back_and_profiles_without_them_keep_their_id() -> None:
    made = built_of([0.5, 1.5, 2.5, 3.25], [0.5, 1.0, 2.0, 3.5])
    values = [value for _, value in encode_profile(made)]
    kept = decode_profile(values, "x")
    assert made.losses is not None
    assert kept.losses is not None
    assert kept.losses.tolist() == made.losses.tolist()
    sums = loss_sums(kept.losses)
    assert (sums.n_labels.sum(), sums.over.sum() * made.task.spread) == (4, pytest.approx(1.0))
    assert sums.under.sum() * made.task.spread == pytest.approx(0.25)
    older = [msgspec.msgpack.encode(msgspec.msgpack.decode(value)[:-3]) for value in values]
    assert decode_profile(older, "x").losses is None
    assert decode_profile(older, "x").profile_id == replace(made, losses=None).profile_id != made.profile_id
    assert kept.profile_id == made.profile_id


def built_of(predictions: list[object], labels: list[object]) -> Profile:
    table = ReferenceTable(len(labels), {"a": np.arange(float(len(labels)))}, prediction=predictions, label=labels)
    return build_profile(KEY, table, ModelSettings(), 0, "training")


def test_the_book_knows_which_profile_holds() -> None:
    first, second = profile(1, effective_from_ms=100, seed=1), profile(1, effective_from_ms=200, seed=2)
    other = replace(profile(1), key=ModelKey("other", ""))
    for order in ([first, second, other], [other, second, first, second]):
        book = Profiles(order)
        assert len(book) == 3
        assert [book.at(KEY, t) for t in (99, 100, 199, 200, 10**15)] == [None, first, first, second, second]
        assert book.at(ModelKey("credit-risk", "4"), 500) is None
        assert (book.get(first.profile_id), book.get("none")) == (first, None)
        assert book.of(KEY) == [first, second]
        assert book.all() == [other, first, second]


def test_of_two_profiles_from_the_same_time_on_one_holds_whatever_the_order() -> None:
    first, second = profile(1, effective_from_ms=100, seed=1), profile(1, effective_from_ms=100, seed=2)
    assert Profiles([first, second]).at(KEY, 100) is Profiles([second, first]).at(KEY, 100)
