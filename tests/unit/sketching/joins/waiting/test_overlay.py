"""What was written since a commit: the latest write of each digest, also where two share their first half."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketching.joins.join_entry import LABEL
from driftline.sketching.joins.waiting.overlay import Overlay

DIGESTS = [(high, low) for high in (3, 3 << 40) for low in range(3)]
WRITES = st.lists(
    st.dictionaries(st.sampled_from(DIGESTS), st.lists(st.integers(0, 9), max_size=3), min_size=1), max_size=6
)


@given(writes=WRITES, read_between=st.booleans())
def test_the_latest_write_counts(writes: list[dict[tuple[int, int], list[int]]], *, read_between: bool) -> None:
    overlay, plain = Overlay(LABEL), dict[tuple[int, int], list[int]]()
    for write in writes:
        records = np.zeros(sum(map(len, write.values())), dtype=LABEL)
        records["offset"] = [offset for offsets in write.values() for offset in offsets]
        overlay.put(np.array([*write], dtype=np.uint64), records, np.cumsum([len(o) for o in write.values()]))
        plain.update(write)
        if read_between:
            overlay.find(np.array(DIGESTS, dtype=np.uint64))
    place = overlay.find(np.array(DIGESTS, dtype=np.uint64))
    assert [DIGESTS[row] for row in np.flatnonzero(place >= 0)] == [digest for digest in DIGESTS if digest in plain]
    held = overlay.records_at(place[place >= 0])
    found = np.split(held.records["offset"], held.ends[:-1]) if held.ends.size else []
    assert [part.tolist() for part in found] == [plain[digest] for digest in DIGESTS if digest in plain]
    written = overlay.content()
    assert sorted(map(tuple, written.digests.tolist())) == sorted(plain)
    overlay.clear()
    assert (overlay.find(np.array(DIGESTS, dtype=np.uint64)) == -1).all()
