"""A shelf in memory that keeps nothing unpacked but what was used last."""

from __future__ import annotations

from driftline.profiles.shelf import Shelf


class MemoryPages:
    """Pages in memory; ``n_put`` counts how often something was written."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}
        self.n_put = 0

    def put(self, data: bytes) -> int:
        self.n_put += 1
        self.kept[self.n_put] = data
        return self.n_put

    def get(self, place: int) -> bytes:
        return self.kept[place]

    def free(self, place: int) -> None:
        del self.kept[place]


def narrow_shelf(most: int = 1) -> Shelf:
    """Return a shelf that puts away all but the value that was used last."""
    return Shelf(MemoryPages(), most)
