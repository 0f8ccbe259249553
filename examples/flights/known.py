"""What is known of the year from elsewhere, and whether each of it has its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from examples.flights.pages import Said

MOST_PAGES: Final = 25
SEASONAL: Final = frozenset({"temp", "humid", "pressure", "wind_speed", "precip", "visib"})
"""The weather; the model hardly uses it."""


class Known(NamedTuple):
    """An event that is known from elsewhere, and what its page must be about."""

    what: str
    first: str
    last: str
    """First and last day, in UTC."""
    root: str
    names: str
    """A word of its title."""


KNOWN: Final = (
    Known("the furloughs of air traffic controllers", "2013-04-21", "2013-04-27", "performance", "accuracy"),
    Known("the storm of 23 May", "2013-05-23", "2013-05-23", "missing values", "dep_delay"),
    Known("the storm of 12 September", "2013-09-12", "2013-09-12", "missing values", "dep_delay"),
    Known("the day after Thanksgiving", "2013-11-29", "2013-11-29", "volume", "events a minute"),
    Known("the storm of 10 December", "2013-12-10", "2013-12-10", "missing values", "dep_delay"),
)


class Answer(NamedTuple):
    """Whether something holds, and what was found."""

    question: str
    holds: bool
    found: str


def answers(said: Said) -> list[Answer]:
    """Return whether each known event has one page of the right cause, and what must not page did not."""
    pages = said.pages
    results = [_of_event(said, known) for known in KNOWN]
    late = [page for page in pages if page["root"] == "late labels"]
    results.append(Answer("cancelled flights are not late labels", not late, f"{len(late)} pages"))
    weather = [page for page in pages if page["root"] == "feature shift" and SEASONAL.intersection(_columns(page))]
    results.append(Answer("no page for the seasons' weather", not weather, f"{len(weather)} pages"))
    return [*results, Answer(f"at most {MOST_PAGES} pages in nine months", len(pages) <= MOST_PAGES, f"{len(pages)}")]


def _of_event(said: Said, known: Known) -> Answer:
    """Return whether exactly one page is about an event, and names it."""
    mine = [page for page in said.pages if known.first <= page["onset"]["from"][:10] <= known.last]
    named = [page for page in mine if page["root"] == known.root and known.names in page["title"]]
    return Answer(known.what, len(mine) == len(named) == 1, "; ".join(page["title"] for page in mine) or "no page")


def _columns(page: dict[str, list[dict[str, str]]]) -> set[str]:
    return {finding["column"] for finding in page["findings"]}
