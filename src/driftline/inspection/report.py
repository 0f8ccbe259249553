"""What is said about the topics: sections of lines, each in order, worth a note, or a problem."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from driftline.events.printable import printable

Level = Literal["ok", "note", "problem"]
"""In order; worth knowing or to be confirmed; keeps data out or results from being right."""


class Line(Struct, frozen=True):
    """One statement, and what the reader can do."""

    level: Level
    text: str
    advice: str = ""


class Section(Struct, frozen=True):
    """Statements about one thing."""

    title: str
    lines: tuple[Line, ...]


class Report(Struct, frozen=True):
    """All that was understood; ``configuration`` is YAML that is ready for use, or empty where there is none."""

    sections: tuple[Section, ...]
    configuration: str = ""

    @property
    def n_problems(self) -> int:
        """Number of problems."""
        return sum(line.level == "problem" for section in self.sections for line in section.lines)

    @property
    def usable(self) -> bool:
        """Whether nothing would keep data out."""
        return not self.n_problems


def ok(text: str) -> Line:
    """Return a line about something in order."""
    return Line("ok", printable(text))


def note(text: str, advice: str = "") -> Line:
    """Return a line about something worth knowing."""
    return Line("note", printable(text), printable(advice))


def problem(text: str, advice: str = "") -> Line:
    """Return a line about something that has to be mended."""
    return Line("problem", printable(text), printable(advice))


def percent(share: float) -> str:
    """Return a share as people write it; neither 0 % nor 100 % unless it is.

    Examples
    --------
    >>> percent(0.123), percent(0.9999), percent(0.0001), percent(1.0)
    ('12 %', 'over 99 %', 'under 1 %', '100 %')
    """
    if 0 < share < 0.01:  # noqa: PLR2004  # one percent
        return "under 1 %"
    if 0.99 < share < 1:  # noqa: PLR2004
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")


def span(ms: float) -> str:
    """Return a length of time as people say it.

    Examples
    --------
    >>> [span(ms) for ms in (250, 12_000, 5_400_000, 259_200_000)]
    ['250 ms', '12 s', '1.5 h', '3 days']
    """
    size = abs(ms)
    for unit_ms, name in ((86_400_000 * 2, "days"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if size >= unit_ms:
            number = size / (86_400_000 if name == "days" else unit_ms)
            return f"{number:.2g} {name}" if number < 100 else f"{number:,.0f} {name}"  # noqa: PLR2004
    return f"{size:.0f} ms"
