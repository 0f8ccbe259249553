"""The pending store on disk, held against a plain one in memory, over reopening and loss of what was not committed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.settings import Settings
from driftline.runtime.pending.pending_database import PendingDatabase, shared_buffers
from driftline.sketching.joins.join_entry import LABEL
from driftline.sketching.joins.profile_table import ProfileTable
from driftline.sketching.joins.waiting.digests import digests_of
from driftline.sketching.joins.waiting.pending import RecordKind
from tests.support.examples import examples
from tests.support.pending import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray

    from driftline.runtime.pending.pending_store import RocksPendingStore
    from driftline.sketching.joins.waiting.pending import PendingStore, RecordsById

BUCKET_MS = 10
KEPT = RecordKind("labels", LABEL, lambda records: records["time_ms"] + 5, BUCKET_MS)
BUFFERS = shared_buffers()
IDS = [f"id{i}" for i in range(6)]


class Disk:
    """A database with one store, that can be opened again; with no memory it writes at each commit."""

    def __init__(self, path: Path, max_bytes: int = 1 << 30, memory_bytes: int = 0) -> None:
        self._path, self._max_bytes, self._memory_bytes = path, max_bytes, memory_bytes
        self.store: RocksPendingStore
        self.database: PendingDatabase
        self.open()

    def open(self, owner: str = "me") -> None:
        table = ProfileTable(Settings())
        self.database = PendingDatabase(
            self._path, owner, table, lambda _: None, self._max_bytes, BUFFERS, self._memory_bytes
        )
        self.store = self.database.open(KEPT)

    def commit(self, next_offset: int | None = None) -> None:
        self.store.commit()
        self.database.commit(next_offset)

    def reopen(self, owner: str = "me") -> None:
        self.database.close()
        self.open(owner)


def labels(times: list[int]) -> NDArray[np.void]:
    records = np.zeros(len(times), dtype=LABEL)
    records["time_ms"] = times
    records["value"] = np.arange(len(times)) + 7
    return records


def shown(held: RecordsById) -> list[list[tuple[int, int]]]:
    """Return (time, value) of each id's records; those of a bucket stand as they were put."""
    rows = [
        [(int(r["time_ms"]), int(r["value"])) for r in held.records[start:end]]
        for start, end in zip(held.starts.tolist(), held.ends.tolist(), strict=True)
    ]
    return [sorted(part, key=lambda row: (row[0] + 5) // BUCKET_MS) for part in rows]


WRITES = st.dictionaries(st.sampled_from(IDS), st.lists(st.integers(0, 60), min_size=1, max_size=3), min_size=1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), WRITES),
        st.tuples(st.just("remove"), st.lists(st.sampled_from(IDS), min_size=1, unique=True)),
        st.tuples(st.sampled_from(["commit", "rollback", "reopen"]), st.none()),
        st.tuples(st.just("expire"), st.integers(0, 80)),
    ),
    max_size=25,
)


@given(steps=STEPS, memory_bytes=st.sampled_from([0, 300, 1 << 20]))
@examples(150)
def test_it_holds_what_a_plain_store_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]], memory_bytes: int
) -> None:
    disk, plain = Disk(tmp_path_factory.mktemp("pending"), memory_bytes=memory_bytes), MemoryStore(KEPT)
    expired_ms = 0
    for what, detail in steps:
        stores: list[PendingStore] = [disk.store, plain]
        if isinstance(detail, dict):
            _put(stores, detail)
        elif isinstance(detail, list):
            for store in stores:
                digests = digests_of(detail)
                store.remove(digests, store.get(digests))
        elif isinstance(detail, int):
            expired_ms = max(expired_ms, detail)
            gone = [np.sort(store.expiring(expired_ms), order=["time_ms", "value"]) for store in stores]
            assert gone[0].tobytes() == gone[1].tobytes()
            plain.commit()
            disk.store.commit()
            assert disk.store.expire(expired_ms) == plain.expire(expired_ms)
            disk.database.commit(None)
        elif what == "commit":
            plain.commit()
            disk.commit()
        else:
            plain.rollback()
            disk.store.rollback()
            if what == "reopen":
                disk.reopen()
        every = digests_of(IDS)
        assert shown(disk.store.get(every)) == shown(plain.get(every))
        assert len(disk.store) == len(plain)
    disk.database.close()


def _put(stores: list[PendingStore], written: dict[str, list[int]]) -> None:
    """Give ids these records besides what they hold, as the join does."""
    digests = digests_of([*written])
    for store in stores:
        held = store.get(digests)
        owner = np.append(
            np.repeat(np.arange(len(written)), held.ends - held.starts),
            np.repeat(np.arange(len(written)), [len(times) for times in written.values()]),
        )
        every = np.append(held.records, labels([time for times in written.values() for time in times]))
        order = np.argsort(owner, kind="stable")
        store.put(digests, every[order], np.cumsum(np.bincount(owner)))


def test_the_changelog_offset_is_written_with_what_it_covers(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    assert disk.database.next_offset == 0
    _put([disk.store], {"a": [1]})
    disk.commit(5)
    _put([disk.store], {"b": [1]})
    disk.store.commit()  # and no commit of the database: a worker that is killed here
    disk.reopen()
    assert disk.database.next_offset == 5
    assert [len(part) for part in shown(disk.store.get(digests_of(["a", "b"])))] == [1, 0]
    disk.commit(None)
    assert disk.database.next_offset == 5


def test_what_is_in_memory_at_a_kill_is_read_from_the_changelog_behind_what_was_written(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "running", memory_bytes=1 << 20)
    _put([disk.store], {"a": [1]})
    disk.commit(5)
    disk.reopen()
    _put([disk.store], {"a": [2], "b": [1]})
    disk.commit(9)
    every = digests_of(["a", "b"])
    assert (disk.database.next_offset, [len(part) for part in shown(disk.store.get(every))]) == (9, [2, 1])
    shutil.copytree(tmp_path / "running", tmp_path / "killed")
    killed = Disk(tmp_path / "killed")
    assert (killed.database.next_offset, [len(part) for part in shown(killed.store.get(every))]) == (5, [1, 0])


def test_a_database_writes_when_its_memory_is_full_and_then_has_room_again(tmp_path: Path) -> None:
    disk = Disk(tmp_path, memory_bytes=100 * 80)
    greatest = 0
    for time in range(40):
        _put([disk.store], {f"{time}-{i}": [time] for i in range(30)})
        disk.commit(time)
        greatest = max(greatest, disk.store.memory_bytes)
    assert 0 < greatest <= 100 * 80
    assert len(disk.store) == 40 * 30
    assert disk.store.get(digests_of(["0-1", "39-29", "none"])).ends.tolist() == [1, 2, 2]


def test_a_database_of_another_owner_is_not_taken_over(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    _put([disk.store], {"a": [1]})
    disk.commit(5)
    disk.reopen("somebody else")
    assert (disk.database.next_offset, len(disk.store)) == (0, 0)


def test_a_full_store_drops_what_expires_first_and_says_so(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=100 * 61)
    for time in range(0, 200, BUCKET_MS):
        _put([disk.store], {f"{time}-{i}": [time] for i in range(20)})
        disk.commit()
    assert len(disk.store) == 100
    assert disk.database.take_evicted() == 300
    assert disk.store.get(digests_of(["0-1", "190-1"])).ends.tolist() == [0, 1]


def test_what_expires_later_than_buckets_can_say_stays(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    _put([disk.store], {"id0": [2**60]})
    assert not disk.store.expiring(2**61).size
    disk.commit()
    assert not disk.store.expiring(2**61).size
    assert disk.store.expire(2**61) == 0
    assert shown(disk.store.get(digests_of(["id0"]))) == [[(2**60, 7)]]
    disk.database.close()
