"""The contract of a pending store, held against the one in memory."""

from __future__ import annotations

from driftline.runtime.pending_store import EXPIRY_BUCKET_MS, MemoryPendingStore


def put(store: MemoryPendingStore, key: str, value: bytes, expires_ms: int = 0) -> None:
    store.put_many([key], [value], [expires_ms])


def test_writes_are_visible_at_once_and_gone_after_a_rollback() -> None:
    store = MemoryPendingStore()
    put(store, "a", b"1")
    store.commit()
    put(store, "a", b"2")
    put(store, "b", b"3")
    assert store.get_many(["a", "b", "c"]) == [b"2", b"3", None]
    assert len(store) == 1
    store.rollback()
    assert store.get_many(["a", "b", "c"]) == [b"1", None, None]


def test_deletions_are_visible_at_once_and_undone_by_a_rollback() -> None:
    store = MemoryPendingStore()
    put(store, "a", b"1")
    store.commit()
    store.delete_many(["a", "never there"])
    assert store.get_many(["a"]) == [None]
    store.rollback()
    assert store.get_many(["a"]) == [b"1"]
    store.delete_many(["a"])
    store.commit()
    assert store.get_many(["a"]) == [None]
    assert len(store) == 0


def test_nothing_goes_before_its_time_and_all_goes_soon_after() -> None:
    store = MemoryPendingStore()
    for i in range(10):
        put(store, f"k{i}", b"", i * EXPIRY_BUCKET_MS // 2)
    store.commit()
    for now in range(0, 7 * EXPIRY_BUCKET_MS, EXPIRY_BUCKET_MS // 4):
        store.expire(now)
        for i in range(10):
            expires = i * EXPIRY_BUCKET_MS // 2
            (found,) = store.get_many([f"k{i}"])
            assert found is not None or now > expires, "removed before its time"
            assert found is None or now < expires + EXPIRY_BUCKET_MS, "still there"
    assert len(store) == 0


def test_expire_says_how_many_and_keeps_what_is_not_committed() -> None:
    store = MemoryPendingStore()
    put(store, "a", b"1")
    put(store, "b", b"2")
    store.commit()
    put(store, "c", b"3")
    assert store.expire(EXPIRY_BUCKET_MS) == 2
    assert store.expire(EXPIRY_BUCKET_MS) == 0
    assert store.get_many(["a", "c"]) == [None, b"3"]


def test_an_entry_that_was_put_off_stays_until_its_new_time() -> None:
    store = MemoryPendingStore()
    put(store, "a", b"1", 0)
    store.commit()
    put(store, "a", b"2", 5 * EXPIRY_BUCKET_MS)
    store.commit()
    assert store.expire(5 * EXPIRY_BUCKET_MS) == 0
    assert store.get_many(["a"]) == [b"2"]
    assert store.expire(6 * EXPIRY_BUCKET_MS) == 1


def test_memory_does_not_grow_with_entries_that_have_gone() -> None:
    store = MemoryPendingStore()
    for round_ in range(50):
        put(store, f"k{round_}", b"", round_ * EXPIRY_BUCKET_MS)
        store.commit()
        store.expire(round_ * EXPIRY_BUCKET_MS)
    assert len(store) <= 2
    assert len(store._buckets) <= 2
    assert store._overlay == {}
