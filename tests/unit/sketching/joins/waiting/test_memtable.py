"""What is committed and not on disk: the latest write of each id, whatever runs it lies in, without what is over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketching.joins.join_entry import LABEL
from driftline.sketching.joins.waiting.memtable import MemTable
from driftline.sketching.joins.waiting.overlay import Overlay

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIGESTS = [(high, low) for high in (3, 3 << 40) for low in range(4)]
WRITES = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from(DIGESTS), st.integers(0, 3), min_size=1),
        st.integers(1, 20),
    ),
    max_size=12,
)


def _before(time_ms: int, records: NDArray[np.void]) -> NDArray[np.bool_]:
    over: NDArray[np.bool_] = records["time_ms"] < time_ms
    return over


@given(steps=WRITES)
def test_the_latest_write_counts_until_it_is_over(steps: list[dict[tuple[int, int], int] | int]) -> None:
    table, plain, now = MemTable(LABEL), dict[tuple[int, int], list[int]](), 0
    for step in steps:
        if isinstance(step, int):
            table.drop(partial(_before, step))
            plain = {digest: [time for time in times if time >= step] for digest, times in plain.items()}
            continue
        now += 1
        write = {digest: [now] * n for digest, n in step.items()}
        overlay = Overlay(LABEL)
        records = np.zeros(sum(map(len, write.values())), dtype=LABEL)
        records["time_ms"] = now
        overlay.put(np.array([*write], dtype=np.uint64), records, np.cumsum([len(times) for times in write.values()]))
        table.add(overlay.content())
        plain.update(write)
    found = table.find(np.array(DIGESTS, dtype=np.uint64))
    assert [DIGESTS[row] for row in np.flatnonzero(found.is_known)] == [each for each in DIGESTS if each in plain]
    times = [found.records["time_ms"][found.owner == row].tolist() for row in range(len(DIGESTS))]
    assert times == [plain.get(digest, []) for digest in DIGESTS]
    content = table.content()
    assert [*map(tuple, content.digests.tolist())] == sorted(plain)
    assert content.by_id.counts.tolist() == [len(plain[digest]) for digest in sorted(plain)]


def test_its_memory_is_that_of_the_latest_writes_and_as_much_again() -> None:
    table = MemTable(LABEL)
    one = Overlay(LABEL)
    digests = np.array([(i, i) for i in range(1_000)], dtype=np.uint64)
    for _ in range(50):
        one.put(digests, np.zeros(1_000, dtype=LABEL), np.arange(1, 1_001))
        table.add(one.content())
        one.clear()
    assert table.n_bytes <= 2 * 1_000 * (32 + LABEL.itemsize)
    table.clear()
    assert (table.n_bytes, table.content().by_id.records.size) == (0, 0)
