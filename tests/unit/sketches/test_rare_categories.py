from __future__ import annotations

from driftline.sketches.kept_names import name_hash
from driftline.sketches.rare_categories import (
    FIRST_KNOWN,
    MAX_RARE,
    RareCategories,
    packed_hashes,
)

NAMES = [f"name-{i}" for i in range(500)]


def test_known_names_are_known_and_others_are_not() -> None:
    data = packed_hashes(NAMES)
    rare = RareCategories(data)
    assert len(rare) == len(NAMES)
    assert all(name_hash(name) in rare for name in NAMES)
    assert not any(name_hash(f"other-{i}") in rare for i in range(500))
    assert 2**64 - 1 not in rare
    assert 0 not in RareCategories(b"")


def test_keys_put_new_names_first_and_tell_names_apart() -> None:
    rare = RareCategories(packed_hashes(NAMES))
    known = [rare.key(name_hash(name)) for name in NAMES]
    new = [rare.key(name_hash(f"other-{i}")) for i in range(500)]
    assert max(new) < FIRST_KNOWN <= min(known)
    assert len({*known, *new}) == 1_000
    assert max(known) < 2**64
    halves = sorted(key - FIRST_KNOWN for key in known)
    assert [rare.n_up_to(half) for half in halves] == list(range(1, 501))
    assert (rare.n_up_to(halves[0] - 1), rare.n_up_to(FIRST_KNOWN - 1)) == (0, 500)


def test_the_order_of_names_does_not_matter_and_too_many_are_not_kept() -> None:
    assert packed_hashes(NAMES[::-1]) == packed_hashes(NAMES)
    many = [str(i) for i in range(MAX_RARE + 1)]
    assert len(RareCategories(packed_hashes(many[1:]))) == MAX_RARE
    assert packed_hashes(many) == b""
