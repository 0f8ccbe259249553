"""How the partitions of several topics are numbered, so that everything else sees the partitions of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from driftline.events.source import Kind, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_INPUTS: Final[tuple[Kind, ...]] = ("predictions", "labels")


class TopicPart(Struct, frozen=True, array_like=True):
    """Partitions of a topic that got their numbers together, one after the other."""

    kind: Kind
    topic: str
    first: int
    """The first of these partitions."""
    n: int


class Place(NamedTuple):
    """A partition as Kafka has it."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


def in_order(claims: Iterable[TopicPart]) -> tuple[TopicPart, ...]:
    """Return which partitions were numbered one after the other, given all claims in the order of their log.

    Several workers may claim a number for the same partitions: the first claim counts. So everybody who reads the log,
    up to any point, gets the same numbers, and later claims change none of them.

    Examples
    --------
    >>> in_order([TopicPart("labels", "a", 0, 2), TopicPart("labels", "a", 0, 3)])
    (TopicPart(kind='labels', topic='a', first=0, n=2), TopicPart(kind='labels', topic='a', first=2, n=1))
    """
    parts: list[TopicPart] = []
    known: dict[tuple[Kind, str], int] = {}
    for claim in claims:
        start, end = known.get((claim.kind, claim.topic), 0), claim.first + claim.n
        if end > start:
            parts.append(TopicPart(claim.kind, claim.topic, start, end - start))
            known[claim.kind, claim.topic] = end
    return tuple(parts)


class PlaceNames:
    """Names the partitions that numbers stand for; of topics that are alone of their kind, the number is the name."""

    def __init__(self, parts: Iterable[TopicPart] = ()) -> None:
        self.parts: list[TopicPart] = []
        self._spans: dict[Kind, list[tuple[int, TopicPart]]] = {}
        self.extend([*parts])

    def extend(self, parts: Sequence[TopicPart]) -> None:
        """Take in the parts as they are now: those that are known, and others behind them; fewer are an older state."""
        if len(parts) <= len(self.parts):
            return
        self.parts = [*parts]
        self._spans = {}
        for part in parts:
            spans = self._spans.setdefault(part.kind, [])
            start = spans[-1][0] + spans[-1][1].n if spans else 0
            spans.append((start, part))

    def place(self, kind: Kind, number: int) -> Place | None:
        """Return the partition that a number stands for; None where numbers are those of one topic."""
        for start, part in self._spans.get(kind, ()):
            if start <= number < start + part.n:
                return Place(part.topic, part.first + number - start)
        return None

    def name(self, kind: Kind, number: int) -> str:
        """Return how events call the partition.

        Examples
        --------
        >>> names = PlaceNames([TopicPart("labels", "a", 0, 2), TopicPart("labels", "b", 0, 2)])
        >>> names.name("labels", 3), names.name("predictions", 3)
        ('b-1', '3')
        """
        place = self.place(kind, number)
        return str(number) if place is None else str(place)

    def numbers(self, kind: Kind) -> dict[Place, int]:
        """Return the numbers of all partitions of a kind."""
        return {
            Place(part.topic, part.first + offset): start + offset
            for start, part in self._spans.get(kind, ())
            for offset in range(part.n)
        }


class SourceNumbers:
    """The source partitions of the topics that are read.

    Parameters
    ----------
    read : mapping of str to Kind
        What each topic holds.
    counts : mapping of str to int
        The number of partitions of each topic.
    parts : iterable of TopicPart
        From :func:`in_order`; where there are none, each kind has one topic, whose partitions keep their numbers.

    Attributes
    ----------
    n_partitions : dict of Kind to int
        Numbers of each kind, those of topics included that are read no more.
    absent : tuple of Source
        Numbered partitions that are read no more.
    parts : tuple of TopicPart
    """

    def __init__(self, read: Mapping[str, Kind], counts: Mapping[str, int], parts: Iterable[TopicPart] = ()) -> None:
        self.parts = tuple(parts)
        self._read = dict(read)
        self._names = PlaceNames(self.parts)
        self._topics = {kind: topic for topic, kind in read.items()}
        self._numbers: dict[Place, Source] = {}
        self.n_partitions: dict[Kind, int] = {}
        absent: list[Source] = []
        for kind, topic in self._topics.items():
            numbers = self._names.numbers(kind)
            self.n_partitions[kind] = len(numbers) or counts.get(topic, 0)
            for place, number in numbers.items():
                if read.get(place.topic) == kind and place.partition < counts.get(place.topic, 0):
                    self._numbers[place] = Source(kind, number)
                else:
                    absent.append(Source(kind, number))
        self._numbered = {source.kind for source in [*self._numbers.values(), *absent]}
        self.absent = tuple(absent)

    def told(self, *, shares_topic: bool) -> tuple[TopicPart, ...]:
        """Return what the detect stage is told: labels that are in the topics of predictions have their numbers."""
        if not shares_topic:
            return self.parts
        of_predictions = [part for part in self.parts if part.kind == "predictions"]
        return tuple(TopicPart(kind, part.topic, part.first, part.n) for kind in _INPUTS for part in of_predictions)

    @property
    def topics(self) -> list[str]:
        """The topics that are read."""
        return [*self._read]

    def kind(self, topic: str) -> Kind:
        """Return what a topic holds."""
        return self._read[topic]

    def source(self, topic: str, partition: int) -> Source:
        """Return the source that a partition of a topic is.

        Raises
        ------
        KeyError
            When the partition has no number yet: it is new.
        """
        kind = self._read[topic]
        return self._numbers[Place(topic, partition)] if kind in self._numbered else Source(kind, partition)

    def place(self, source: Source) -> Place:
        """Return the partition that a source is."""
        return self._names.place(source.kind, source.partition) or Place(self._topics[source.kind], source.partition)

    def every(self) -> list[Place]:
        """Return all partitions of the topics that are read."""
        gone = set(self.absent)
        sources = [Source(kind, number) for kind, n in self.n_partitions.items() for number in range(n)]
        return [self.place(source) for source in sources if source not in gone]
