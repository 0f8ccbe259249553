from __future__ import annotations

from dataclasses import replace

import pytest

from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.profiles import Profiles
from driftline.profiles.shelf import Form, Shelf, keep
from tests.support.shelves import MemoryPages, narrow_shelf
from tests.unit.profiles.test_history import built, table


def test_the_latest_values_stay_in_memory() -> None:
    pages = MemoryPages()
    shelf = Shelf(pages, most=2)
    first, second, third = (shelf.keep([number]) for number in range(3))
    assert pages.n_put == 1, "the first is put away"
    assert second.value is second.value
    assert first.value == [0], "and read back, in the place of the third"
    assert third.value == [2]
    assert pages.n_put == 3


def test_a_value_that_did_not_change_is_not_written_again() -> None:
    pages = MemoryPages()
    shelf = Shelf(pages, most=1)
    growing, other = shelf.keep([1], Form(extent=len)), shelf.keep([2])
    assert growing.value == [1]
    assert other.value == [2]
    assert pages.n_put == 2, "each once"
    growing.value.append(3)
    assert other.value == [2]
    assert growing.value == [1, 3]
    assert pages.n_put == 3
    assert len(pages.kept) == 2, "the place of what it was is free"


def test_the_place_of_a_value_goes_with_it() -> None:
    pages = MemoryPages()
    shelf = Shelf(pages, most=1)
    value, _other = shelf.keep([1]), shelf.keep([2])
    assert len(pages.kept) == 1
    del value
    assert not pages.kept


def test_without_a_shelf_a_value_stays_as_it_is() -> None:
    made = [1]
    assert keep(None, made).value is made


def test_a_profile_on_a_shelf_is_the_same_profile() -> None:
    profile = built(table(4_000, 9.0))
    on_shelf = decode_profile([value for _, value in encode_profile(profile)], "here")
    known = Profiles(shelf=narrow_shelf())
    known.add(on_shelf)
    known.add(replace(on_shelf, effective_from_ms=77))
    assert known.get(profile.profile_id) is on_shelf
    assert not {"history", "reference", "joint_reference"} & vars(on_shelf).keys()
    assert on_shelf.history == profile.history
    assert on_shelf.joint_reference == profile.joint_reference
    assert on_shelf.n_events == profile.n_events
    assert encode_profile(on_shelf) == encode_profile(profile)
    assert replace(on_shelf).profile_id == profile.profile_id
    with pytest.raises(AttributeError, match="no 'importance'"):
        on_shelf.importance  # type: ignore[attr-defined]  # noqa: B018
