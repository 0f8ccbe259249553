"""Counts of schemas are the same however they are cut and in whatever order they meet."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from driftline.events.schema_counts import MAX_SCHEMAS, SchemaCounts, merge_schemas

NAMES = st.one_of(st.integers(1, 120).map(str), st.integers(0, 3).map(lambda n: str(UUID(int=n))), st.just("global 7"))


@given(st.lists(st.lists(NAMES, max_size=40), max_size=12), st.randoms(use_true_random=False))
def test_merging_in_any_order_is_counting_all_at_once(parts: list[list[str]], rng: object) -> None:
    whole = Counter(name for part in parts for name in part)
    expected = sorted(whole.items(), key=lambda item: (len(item[0]), item[0]))[:MAX_SCHEMAS]
    shuffled = sorted(parts, key=lambda _: rng.random())  # type: ignore[attr-defined]  # hypothesis gives a Random
    counts: SchemaCounts = {}
    for part in shuffled:
        of_part: SchemaCounts = {}
        for name, n in Counter(part).items():
            merge_schemas(of_part, {name: n})
        merge_schemas(counts, of_part)
    assert list(counts.items()) == expected
