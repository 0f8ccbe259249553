"""Whether the two splits of a change of performance add up to it, in every event that has them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Splits(NamedTuple):
    """How many splits there were, and how far the worst of them is from what it splits."""

    n_by_segment: int = 0
    n_by_score: int = 0
    worst: float = 0.0
    """Largest difference between the sum of the parts and the change, and between the segments' sums and the parts."""
    models: frozenset[str] = frozenset()
    """Models whose events had some."""

    def added(self, event: dict[str, Any]) -> Splits:
        """Return the sums with one performance event."""
        by_segment = [each for explained in event.get("explained") or () for each in _by_segment(explained)]
        by_score = [each for explained in event.get("explained") or () for each in _by_score(explained)]
        if not by_segment and not by_score:
            return self
        return Splits(
            self.n_by_segment + len(by_segment),
            self.n_by_score + len(by_score),
            max(self.worst, *by_segment, *by_score),
            self.models | {event["model"]},
        )


def splits_in(events: Iterable[bytes]) -> Splits:
    """Return what the events among these show whose performance was split."""
    found = Splits()
    for value in events:
        if b'"explained":[{' in value:
            found = found.added(msgspec.json.decode(value))
    return found


def _by_segment(explained: dict[str, Any]) -> Iterator[float]:
    """Yield how far each field's split is off: as a whole, and its segments from its parts."""
    compared = explained["compared"]
    for change in explained["mix"]:
        mix, within = change["mix"]["value"], change["within"]["value"]
        off = [mix + within - compared["change"]]
        off += [
            math.fsum(segment[part]["value"] for segment in change["segments"]) - value
            for part, value in (("mix", mix), ("within", within))
        ]
        yield max(abs(each) for each in off)


def _by_score(explained: dict[str, Any]) -> Iterator[float]:
    if explained["change"] is not None:
        yield abs(explained["data"]["value"] + explained["concept"]["value"] - explained["change"])
