"""Where the fields of an event stand in a record, as the configuration says it: pointers, and what goes beyond them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from driftline.errors import ParameterError

Pointer = Annotated[str, Meta(pattern=r"^(row:)?(/[\s\S]*)?$")]
"""A JSON Pointer (RFC 6901) into the record's value, with indices of lists; with ``row:`` before it, into a row."""

TimeUnit = Literal["s", "ms", "us", "ns"]
Text = Annotated[str, Meta(min_length=1)]
_MOMENT: Final = datetime(2026, 11, 23, 14, 37, 59)  # noqa: DTZ001  # only its digits matter


class Constant(Struct, frozen=True, forbid_unknown_fields=True):
    """A value that records do not have: every event gets this value."""

    value: str | int | float


class FromKey(Struct, frozen=True, forbid_unknown_fields=True):
    """From the record's key: its text, or what stands under a pointer where the key is JSON."""

    key: Pointer


class FromHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """The text of one of the record's headers."""

    header: Text


class FromTopic(Struct, frozen=True, forbid_unknown_fields=True):
    """From the topic's name: all of it, or what the group of a regular expression matches."""

    topic: bool | str

    def __post_init__(self) -> None:
        """Check the expression."""
        try:
            n_groups = 1 if self.topic is True else re.compile(str(self.topic or "")).groups
        except re.error:
            n_groups = 0
        if n_groups != 1:
            raise ParameterError("`true` or a regular expression with one group", self.topic, "topic")


class Joined(Struct, frozen=True, forbid_unknown_fields=True):
    """A text made of several, one after the other."""

    join: tuple[Pointer | Constant | FromKey | FromHeader | FromTopic, ...]
    with_: str = field(default="-", name="with")

    def __post_init__(self) -> None:
        """Check that there is something to join."""
        if not self.join:
            raise ParameterError("at least one field to join", [], "join")


class First(Struct, frozen=True, forbid_unknown_fields=True):
    """The first of several places where there is something that is not null."""

    first: tuple[Pointer | FromKey | FromHeader | FromTopic | Constant, ...]

    def __post_init__(self) -> None:
        """Check that there is a choice."""
        if not self.first:
            raise ParameterError("at least one place", [], "first")


Place = Pointer | Constant | FromKey | FromHeader | FromTopic | Joined | First


class TimeAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a time stands that is no epoch milliseconds, or in a header, and how it is written."""

    pointer: Pointer | None = None
    header: Text | None = None
    unit: TimeUnit = "ms"
    """Unit of numbers since 1970: seconds, milliseconds, microseconds or nanoseconds."""
    format: str | None = None
    """Form of texts, as Python's ``strptime`` has it (``%d/%m/%Y %H:%M``); without an offset they are UTC."""

    def __post_init__(self) -> None:
        """Check that there is one place, and that the format can be read."""
        if (self.pointer is None) == (self.header is None):
            raise ParameterError("either `pointer` or `header`", self.pointer, "pointer")
        if self.format is None:
            return
        try:
            datetime.strptime(_MOMENT.strftime(self.format), self.format)  # noqa: DTZ007  # only its form matters
            usable = any(part in self.format for part in ("%d", "%j", "%D", "%x", "%c", "%F"))
        except ValueError:
            usable = False
        if not usable:
            raise ParameterError("a form of dates such as `%d/%m/%Y %H:%M`", self.format, "format")


class LatencyAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a latency stands that is not in milliseconds."""

    pointer: Pointer
    unit: TimeUnit = "ms"


class ScoreAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a score stands that is no probability as it is, and how it becomes one."""

    pointer: Pointer
    scale: Literal["probability", "percent", "margin"] | tuple[float, ...] = "probability"
    """``percent`` is divided by 100, ``margin`` (log-odds) goes through the logistic function, and of a range such as
    ``[300, 850]`` the lower end becomes 0 and the upper 1."""
    higher: Literal["riskier", "safer"] = "riskier"
    """With ``safer``, a higher score means a lower probability of the positive class."""
    order: tuple[str | int | float, ...] = ()
    """Classes of a list of probabilities, in its order; without it, the second of two is the positive class's."""

    def __post_init__(self) -> None:
        """Check that a range has two different ends."""
        if isinstance(self.scale, tuple) and not (len(self.scale) == 2 and self.scale[0] < self.scale[1]):  # noqa: PLR2004
            raise ParameterError("a range such as `[300, 850]`", list(self.scale), "scale")
        if len(set(map(str, self.order))) < len(self.order):
            raise ParameterError("each class once", list(self.order), "order")


class FeaturesAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where features stand that are a list, or a text."""

    pointer: Pointer = ""
    names: tuple[Text, ...] = ()
    """Names of the values, where they are a list or CSV."""
    text: Literal["json", "csv"] | None = None
    """What a text holds; by default JSON where it begins like it, and CSV otherwise."""
    without: tuple[Text, ...] = ()
    """Names in the object that are no features, beside the mapped fields."""

    def __post_init__(self) -> None:
        """Check that the names can be told apart."""
        if len(set(self.names)) < len(self.names):
            raise ParameterError("each name once", list(self.names), "names")
        if self.text == "csv" and not self.names:
            raise ParameterError("names of the values in the text", list(self.names), "names")


class OriginAt(Struct, frozen=True, forbid_unknown_fields=True):
    """A field or header of a record that says where the record comes from, such as its producer."""

    header: Text | None = None
    """Name of the header."""
    field: Annotated[str, Meta(pattern=r"^/[\s\S]*$")] | None = None
    """Pointer into the record's value, in place of a header."""

    def __post_init__(self) -> None:
        """Check that there is one place."""
        if (self.field is None) == (self.header is None):
            raise ParameterError("either `header` or `field`", self.field, "field")

    @property
    def name(self) -> str:
        """What events call it."""
        return f"field {self.field}" if self.header is None else f"header {self.header}"


Origin = Literal["partition", "schema"] | OriginAt


class Where(Struct, frozen=True, forbid_unknown_fields=True):
    """Which records of a topic are meant: those whose field or header is there, or has one of some values."""

    field: Pointer | None = None
    """Pointer to the field."""
    header: Text | None = None
    """Name of the header, in place of a field."""
    equals: str | int | float | bool | tuple[str | int | float | bool, ...] | None = None
    """The value, or a list of them; numbers and texts that read the same are equal. By default any but null."""

    def __post_init__(self) -> None:
        """Check that there is one place."""
        if (self.field is None) == (self.header is None):
            raise ParameterError("either `field` or `header`", self.field, "field")
