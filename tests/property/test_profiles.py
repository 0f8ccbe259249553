from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.packed_sums import PackedWords
from driftline.profiles.season import HOUR_MS, HOURS, overlaps
from driftline.profiles.season_counts import season_counts
from driftline.profiles.task import NO_TIME
from driftline.profiles.weighting import combined
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)
TIMES = st.one_of(st.just(NO_TIME), st.integers(0, 60 * 24 * HOUR_MS))


@given(st.lists(WHOLE))
def test_words_come_back(numbers: list[int]) -> None:
    array = np.array(numbers, dtype=np.int64)
    packed = PackedWords.of(array)
    assert packed.unpacked().tolist() == numbers
    assert len(packed.data) <= array.nbytes


@given(st.integers(-(10**12), 10**13), st.integers(0, 10**10))
def test_overlaps_sum_to_the_length_and_no_slot_has_more_than_its_weeks(start_ms: int, length_ms: int) -> None:
    found = overlaps(start_ms, start_ms + length_ms)
    assert sum(found.values()) == length_ms
    assert all(0 <= slot < HOURS for slot in found)
    most = -(-length_ms // (HOURS * HOUR_MS)) * HOUR_MS
    assert all(0 < held <= most for held in found.values())


@given(
    st.lists(st.lists(st.integers(0, 10**6), min_size=4, max_size=4), min_size=1, max_size=5),
    st.lists(st.integers(0, 10**6), min_size=5, max_size=5),
)
def test_weighted_counts_are_whole_and_no_more_than_what_was_counted(rows: list[list[int]], weights: list[int]) -> None:
    counts = np.array(rows, dtype=np.int64)
    result, n = combined(counts, weights[: len(rows)])
    assert result.sum() == n
    assert result.min() >= 0
    assert n <= counts.sum(), "unequal weights never make events worth more"
    doubled, twice = combined(counts, [2 * weight for weight in weights[: len(rows)]])
    assert (doubled.tolist(), twice) == (result.tolist(), n), "the unit of the weights cannot show"


@examples(40)
@given(
    st.lists(
        st.tuples(TIMES, st.one_of(st.none(), st.floats(-10, 10)), st.sampled_from("abc")), min_size=1, max_size=80
    ),
    st.one_of(st.none(), st.integers(1, 10 * 24 * HOUR_MS)),
)
def test_a_profile_with_its_history_comes_back(
    rows: list[tuple[int, float | None, str]], half_life_ms: int | None
) -> None:
    times = np.array([time for time, _, _ in rows], dtype=np.int64)
    if (times == NO_TIME).any():
        half_life_ms = None
    features: dict[str, NDArray[np.float64] | Sequence[object]] = {
        "x": [value for _, value, _ in rows],
        "c": [text for _, _, text in rows],
    }
    table = ReferenceTable(len(rows), features, times_ms=times)
    profile = build_profile(
        ModelKey("m", ""), table, ModelSettings(), 0, "training", in_time=TimeOptions(60_000, half_life_ms)
    )
    restored = decode_profile([value for _, value in encode_profile(profile)], "test")
    assert restored.profile_id == profile.profile_id
    assert restored.history == profile.history
    assert restored.decay == profile.decay
    known = int((times != NO_TIME).sum())
    if profile.history is None:
        assert known == 0
        return
    assert profile.history.n_events == known
    for index, place in enumerate(profile.layout.places):
        cells = profile.reference.counts[place.bins.start : place.quality.stop]
        assert cells.sum() == profile.n_events
        sums = profile.history.sums(index, HOUR_MS)
        assert sums is not None
        assert sums.events.sum() == profile.history.season(index).sum() <= known
        assert sums.n_panes <= profile.history.n_panes
        first_ms = profile.history.first_ms
        found = season_counts(profile, index, first_ms, first_ms + 1)
        assert found is not None
        assert found.n <= known
