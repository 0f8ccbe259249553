"""What stands in the records of a sample, by place: how often, of which kind, with which values."""

from __future__ import annotations

import json
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from driftline.config.field_places import FromHeader, FromKey
from driftline.events.documents import parsed
from driftline.events.identity import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.inspection.sample import Corpus

ELEMENT: Final = "*"
"""Step from a list to its elements."""
MAX_PLACES: Final = 2_000
"""Places that are looked at; objects whose names are data have any number of them."""
MAX_DEPTH: Final = 12
MAX_ELEMENTS: Final = 64
"""Elements of a list that are looked at."""
KEY: Final = ("the record's key",)
HEADER: Final = "header"
_KINDS: Final = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list", dict: "object"}

Path = tuple[str, ...]
Place = str | FromKey | FromHeader
"""A place of one field: a pointer into the value, the key, or a header."""


class Fact:
    """What stands in one place of n records.

    Parameters
    ----------
    path : tuple of str
        Steps from the record to it; ``*`` from a list to its elements.
    n_records : int
        Records that were looked at.
    place : Place, optional
        As the configuration names it; by default the pointer of the path.
    """

    def __init__(self, path: Path, n_records: int, place: Place | None = None) -> None:
        self.path = path
        self.n_records = n_records
        self.values: list[Any] = []
        """All that are not null, in the order of the records."""
        self.owners: list[int] = []
        """The record of each value."""
        self.n_null = 0
        self._place = place

    @property
    def place(self) -> Place:
        """The place as the configuration names it."""
        return pointer_of(self.path) if self._place is None else self._place

    @property
    def in_value(self) -> bool:
        """Whether it stands in the record's value, not in its key or a header."""
        return not isinstance(self._place, FromKey | FromHeader)

    def placed(self, place: Place) -> Fact:
        """Return the fact under another name of its place."""
        fact = Fact(self.path, self.n_records, place)
        fact.values, fact.owners, fact.n_null = self.values, self.owners, self.n_null
        return fact

    @cached_property
    def share(self) -> float:
        """Share of the records that have a value there."""
        return len(set(self.owners)) / self.n_records if self.n_records else 0.0

    @cached_property
    def kinds(self) -> Counter[str]:
        """How many values are of each kind."""
        counted = Counter(map(type, self.values))
        return Counter({_KINDS.get(kind, kind.__name__): n for kind, n in counted.items()})

    @cached_property
    def kind(self) -> str:
        """The kind of most values; ``nothing`` where there are none."""
        return self.kinds.most_common(1)[0][0] if self.kinds else "nothing"

    @cached_property
    def is_scalar(self) -> bool:
        """Whether the values are neither objects nor lists, nearly all of them."""
        return bool(self.values) and self.kinds["object"] + self.kinds["list"] < 0.05 * len(self.values)

    @cached_property
    def texts(self) -> list[str]:
        """The scalar values as texts, so that numbers and texts that read the same are equal."""
        return [text for value in self.values if (text := text_of(value)) is not None]

    @cached_property
    def counted(self) -> Counter[str]:
        """How often each scalar value comes."""
        return Counter(self.texts)

    @cached_property
    def uniqueness(self) -> float:
        """Number of different values over the number of values, in [0, 1]."""
        return len(self.counted) / len(self.texts) if self.texts else 0.0

    @cached_property
    def numbers(self) -> list[float]:
        """The values that are numbers, or numbers written as text."""
        return [number for value in self.values if (number := number_of(value)) is not None]

    @cached_property
    def is_numeric(self) -> bool:
        """Whether nearly all values are numbers, or numbers written as text."""
        return self.is_scalar and len(self.numbers) >= 0.95 * len(self.values)


class Survey:
    """The facts about the records of a sample, by path; keys and headers are among them.

    Parameters
    ----------
    corpus : Corpus
        The records.

    Notes
    -----
    *State*: the values of up to ``MAX_PLACES`` places. *Cost*: one walk through all records.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.n = len(corpus.documents)
        self.facts: dict[Path, Fact] = {}
        self.single_rows = False
        """Whether the only element of each list of rows is meant, rather than rows of any number."""
        for number, document in enumerate(corpus.documents):
            self._walk((), document, number)
        for number, (key, headers) in enumerate(zip(corpus.keys, corpus.headers, strict=True)):
            self._beside(KEY, FromKey(""), key, number)
            for name, data in headers.items():
                self._beside((HEADER, name), FromHeader(name), data, number)

    def scalars(self, rows: Path | None = None, *, beside: bool = False) -> Iterator[Fact]:
        """Yield the facts about scalars outside lists; and about those in rows, where ``rows`` leads to their list.

        With ``beside``, keys and headers too.
        """
        for fact in self.facts.values():
            if not fact.is_scalar:
                continue
            if ELEMENT not in fact.path:
                if beside or fact.in_value:
                    yield fact
            elif rows is not None and (place := self._in_rows(fact.path, rows)) is not None:
                yield fact.placed(place)

    def candidates(self, rows: Path | None = None) -> Iterator[Fact]:
        """Yield all facts of the records' values: scalars, lists and objects, and those in rows."""
        for fact in self.facts.values():
            if ELEMENT not in fact.path:
                if fact.in_value and fact.path:
                    yield fact
            elif rows is not None and (place := self._in_rows(fact.path, rows)) is not None:
                yield fact.placed(place)

    def _in_rows(self, path: Path, rows: Path) -> str | None:
        """Return the pointer of a place in rows, or in a list as long as theirs; None for places elsewhere in lists."""
        inner = (*rows, ELEMENT)
        if path.count(ELEMENT) != 1:
            return None
        outer = path[: path.index(ELEMENT)]
        if path[: len(inner)] != inner and not self.same_lengths(outer, rows):
            return None
        if self.single_rows:
            return pointer_of(tuple("0" if step == ELEMENT else step for step in path))
        if path[: len(inner)] == inner:
            return f"row:{pointer_of(path[len(inner) :])}" if path != inner else None
        return pointer_of(path)

    def same_lengths(self, one: Path, other: Path) -> bool:
        """Whether two lists have as many elements, in every record that has both."""
        first, second = self.facts.get(one), self.facts.get(other)
        if first is None or second is None:
            return False
        lengths = {
            owner: len(value) for owner, value in zip(first.owners, first.values, strict=True) if _is_list(value)
        }
        shared = [
            (lengths[owner], len(value))
            for owner, value in zip(second.owners, second.values, strict=True)
            if owner in lengths and _is_list(value)
        ]
        return bool(shared) and all(a == b for a, b in shared)

    def _fact(self, path: Path, place: Place | None = None) -> Fact | None:
        fact = self.facts.get(path)
        if fact is None and len(self.facts) < MAX_PLACES:
            fact = self.facts[path] = Fact(path, self.n, place)
        return fact

    def _walk(self, path: Path, value: Any, owner: int) -> None:  # noqa: ANN401  # any JSON
        fact = self._fact(path)
        if fact is None:
            return
        if value is None:
            fact.n_null += 1
            return
        fact.values.append(value)
        fact.owners.append(owner)
        if len(path) >= MAX_DEPTH:
            return
        inside = parsed(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else value
        if isinstance(inside, dict):
            for name, each in inside.items():
                self._walk((*path, str(name)), each, owner)
        elif isinstance(inside, list):
            for each in inside[:MAX_ELEMENTS]:
                self._walk((*path, ELEMENT), each, owner)

    def _beside(self, path: Path, place: Place, data: bytes | None, owner: int) -> None:
        fact = self._fact(path, place)
        if fact is None or data is None:
            return
        text = _text(data)
        if text is not None:
            fact.values.append(text)
            fact.owners.append(owner)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def pointer_of(path: Path) -> str:
    """Return the JSON Pointer of a path.

    Examples
    --------
    >>> pointer_of(("a", "b/c")), pointer_of(())
    ('/a/b~1c', '')
    """
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def number_of(value: object) -> float | None:
    """Return a number, also one that is written as text; None for anything else.

    Examples
    --------
    >>> number_of("0.5"), number_of(3), number_of(True), number_of("1_0")
    (0.5, 3.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (not value.isascii() or "_" in value or not value.strip()[-1:].isdigit()):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _text(data: bytes) -> str | None:
    """Return the text of a key or a header, without the quotes that serializers of JSON put around it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if text[:1] == '"':
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return value if isinstance(value, str) else text
    return text
