"""Which profile holds for a model key at a moment of event time."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile
    from driftline.profiles.shelf import Shelf


class Profiles:
    """All known profiles, by model key and by id.

    Adding is idempotent, and the order of adding does not matter. With a shelf, what of them is seldom needed is there.
    """

    def __init__(self, profiles: Iterable[Profile] = (), *, shelf: Shelf | None = None) -> None:
        self.shelf = shelf
        self._by_id: dict[str, Profile] = {}
        self._starts: dict[ModelKey, list[tuple[int, str]]] = {}
        for profile in profiles:
            self.add(profile)

    def add(self, profile: Profile) -> None:
        """Make a profile known."""
        if profile.profile_id in self._by_id:
            return
        if self.shelf is not None:
            profile.put_away(self.shelf)
        self._by_id[profile.profile_id] = profile
        insort(self._starts.setdefault(profile.key, []), (profile.effective_from_ms, profile.profile_id))

    def get(self, profile_id: str) -> Profile | None:
        """Return the profile with this id, or None."""
        return self._by_id.get(profile_id)

    def at(self, key: ModelKey, time_ms: int) -> Profile | None:
        """Return the profile that holds for a pane starting at ``time_ms``: the latest that is effective by then."""
        starts = self._starts.get(key)
        if starts is None:
            return None
        index = bisect_right(starts, (time_ms, "\U0010ffff"))
        return self._by_id[starts[index - 1][1]] if index else None

    def of(self, key: ModelKey) -> list[Profile]:
        """Return all profiles of a model key, by the time they become effective."""
        return [self._by_id[profile_id] for _, profile_id in self._starts.get(key, ())]

    def all(self) -> list[Profile]:
        """Return all profiles, by the time they become effective."""
        return sorted(self._by_id.values(), key=lambda each: (each.effective_from_ms, each.profile_id))

    def __len__(self) -> int:
        return len(self._by_id)
