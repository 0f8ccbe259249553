"""Groups: open incidents of several models that one change upstream explains, so that one page tells of all of them.

Stage 2 sees a part of the models at most, so no alert says which group it is in. Readers of the alerts topic, which has
one partition, form groups of what they have read. Two incidents are *linked* (:func:`linked`) where

- they are of different models, versions or segments: what one model's own alerts have in common, stage 2 has judged;
- their onsets meet: both changes can have begun at the same moment;
- they have the same root, or the same kind of problem;
- and they share something that a common cause can act through:

  - a column: the one that names one of them is among those of the other;
  - an origin: the same producer, application or schema on the source topic;
  - the source partitions, all of them, where the root is not about columns at all. Here the root itself has to be the
    same, and the onsets have to overlap by more than their border: that many models of one topic get worse at some
    time is no common cause yet.

A shared column among the last of two long lists is no link, and neither is a fall of performance alone. A group is what
is linked, through others too, and has one moment in common at which all of it can have begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from driftline.alerts.onsets import Interval  # msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_OF_COLUMNS: Final = frozenset(
    {
        "missing values",
        "frozen values",
        "wrong type",
        "unit change",
        "new category",
        "changed mix",
        "feature shift",
    }
)
"""Roots that are about columns: models that share only their topic do not share these."""
Shareable = tuple[str, object]


class Incident(Struct, frozen=True, kw_only=True):
    """What is known of an alert that follows from no other."""

    alert_id: str
    model: str
    model_version: str
    segment: str
    opened_at: str
    onset: Interval
    root: str
    kind: str
    lead: str | None
    """The feature that names it; None where none does."""
    columns: frozenset[str]
    """All features that its findings list."""
    partitions: frozenset[str]
    """Source partitions of the window that found it, such as ``predictions-0``."""
    origins: frozenset[str] = frozenset()
    """Producers, applications or schemas that the change is confined to."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Whose it is."""
        return (self.model, self.model_version, self.segment)

    @property
    def order(self) -> tuple[str, str]:
        """What puts the earliest first."""
        return (self.opened_at, self.alert_id)


class Group(Struct, frozen=True):
    """Incidents that one change explains; many incidents are the only one of their group."""

    members: tuple[Incident, ...]
    """The earliest first."""

    @property
    def group_id(self) -> str:
        """The ``alert_id`` of the earliest member."""
        return self.members[0].alert_id


def linked(one: Incident, other: Incident) -> bool:
    """Whether one change upstream explains two incidents; symmetric."""
    if one.place == other.place or not one.onset.meets(other.onset):
        return False
    if one.root != other.root and one.kind != other.kind:
        return False
    if one.lead in other.columns or other.lead in one.columns:
        return True
    return not one.origins.isdisjoint(other.origins) or _same_source(one, other)


def shareable(incident: Incident) -> Iterator[Shareable]:
    """Yield what an incident can have in common with others; two that are linked have one of these at least."""
    yield from (("column", name) for name in incident.columns)
    yield from (("origin", name) for name in incident.origins)
    if incident.partitions and incident.root not in _OF_COLUMNS:
        yield ("source", (incident.root, incident.partitions))


def common(onsets: Iterable[Interval]) -> Interval | None:
    """Return the moments that lie in all intervals; None where there are none. ``onsets`` is not empty.

    Examples
    --------
    >>> common([Interval(0, 10), Interval(5, 20)]), common([Interval(0, 4), Interval(5, 20)])
    (Interval(from_ms=5, to_ms=10), None)
    """
    starts, ends = zip(*onsets, strict=True)
    return Interval(max(starts), min(ends)) if max(starts) <= min(ends) else None


def groups_of(incidents: Iterable[Incident]) -> list[Group]:
    """Return the groups of incidents, each incident in one; the earliest group first.

    The result does not depend on the order of ``incidents``. *Cost*: quadratic in those that share a column, an origin
    or their source partitions, and differ in more than whose they are.
    """
    unique = {incident.alert_id: incident for incident in incidents}
    ordered = sorted(unique.values(), key=lambda incident: incident.order)
    return sorted((Group(tuple(part)) for part in _parts(ordered)), key=lambda group: group.members[0].order)


def _same_source(one: Incident, other: Incident) -> bool:
    return (
        one.root == other.root
        and one.root not in _OF_COLUMNS
        and bool(one.partitions)
        and one.partitions == other.partitions
        and max(one.onset.from_ms, other.onset.from_ms) < min(one.onset.to_ms, other.onset.to_ms)
    )


def _parts(ordered: Sequence[Incident]) -> Iterator[list[Incident]]:
    """Yield what is linked and has a moment in common; of a chain through time, the part that ends first first."""
    for part in _connected(ordered):
        if common(each.onset for each in part) is not None:
            yield part
            continue
        first_end_ms = min(each.onset.to_ms for each in part)
        yield from _parts([each for each in part if each.onset.from_ms <= first_end_ms])
        yield from _parts([each for each in part if each.onset.from_ms > first_end_ms])


def _connected(ordered: Sequence[Incident]) -> list[list[Incident]]:
    """Return what is linked, directly or through others, in the order of ``ordered``."""
    parents = list(range(len(ordered)))

    def top(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    sharing: dict[Shareable, _Candidates] = {}
    for index, incident in enumerate(ordered):
        for shared in shareable(incident):
            candidates = sharing.setdefault(shared, _Candidates())
            for earlier in candidates.indices:
                if top(earlier) != top(index) and linked(ordered[earlier], incident):
                    parents[top(index)] = top(earlier)
            candidates.add(index, incident)
    parts: dict[int, list[Incident]] = {}
    for index, incident in enumerate(ordered):
        parts.setdefault(top(index), []).append(incident)
    return list(parts.values())


class _Candidates:
    """Incidents that share something.

    Of those that differ only in whose they are, and are linked, the first of two places stand for all: whatever is
    linked to one of the others is linked to one of these as well.
    """

    def __init__(self) -> None:
        self.indices: list[int] = []
        self._places: dict[Incident, set[tuple[str, str, str]]] = {}

    def add(self, index: int, incident: Incident) -> None:
        """Add an incident that was compared with those before it."""
        alike = structs.replace(incident, alert_id="", opened_at="", model="", model_version="", segment="")
        places = self._places.setdefault(alike, set())
        if len(places) > 1 and linked(alike, structs.replace(alike, model="another")):
            return
        self.indices.append(index)
        places.add(incident.place)
