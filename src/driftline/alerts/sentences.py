"""The title and the sentence of an alert: what happened, since when, how bad, how sure, and where to look first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.numbers import number
from driftline.alerts.origin_words import source_of, where_from
from driftline.alerts.policy import SILENT
from driftline.events.cloudevents import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.alerts.onsets import Interval
    from driftline.alerts.shown import ShownFinding
    from driftline.alerts.told_beside import BesideWords
    from driftline.events.alert import Root

_NAMED: Final = 3
"""Columns that are named of many."""
_OF_MODEL: Final = frozenset({"prediction", "score"})
_LOOK_AT: Final[Mapping[Root, str]] = {
    "silence": "what writes the labels",
    "missing values": "what writes {columns}",
    "frozen values": "what writes {columns}",
    "wrong type": "what writes {columns}",
    "unit change": "what writes {columns}",
    "new category": "what writes {columns}",
    "changed mix": "where the events come from",
    "feature shift": "{columns}, and what feeds it",
    "prediction shift": "which model is deployed: the features have not changed by as much",
    "repeated ids": "what sends predictions again",
    "volume": "what sends the events",
    "slow predictions": "what the model waits for, and its load",
    "resource use": "what was deployed beside the model or with it, and its load",
    "changed relation": "{columns}",
    "late labels": "what writes the labels",
}
"""Where to look first; ``{columns}`` are those of the root."""
_OF_WRITERS: Final[frozenset[Root]] = frozenset(
    {"schema change", "missing values", "frozen values", "wrong type", "unit change"}
)
"""Roots that a fault of what writes several columns gives to all of them."""
_SMALL: Final = 1e-6
"""Chance below which no number says more."""


def title_of(root: ShownFinding, columns: Sequence[str], alike: Sequence[str] = ()) -> str:
    """Return the title of an alert: the root in its numbers, and how many more columns changed.

    Columns that are ``alike`` have the same problem as the root's, such as all features of a join; where it is one of
    what writes them, they stand before it: ``income and 19 more columns: missing 0 % → 68 %``.
    """
    same = [name for name in columns if name in alike] if root.root in _OF_WRITERS and len(root.columns) == 1 else []
    title, more = root.title, len(columns) - len(same)
    if same:
        (name,) = root.columns
        title = f"{name} and {len(same)} more {_columns(len(same))}: {title.removeprefix(f'{name}: ')}"
    if not more:
        return title
    return f"{title}; {more} other {_columns(more)}" if same else f"{title} and {more} more {_columns(more)}"


def _columns(n: int) -> str:
    return "column" if n == 1 else "columns"


def sentence_of(
    root: ShownFinding,
    others: Sequence[ShownFinding],
    columns: Sequence[str],
    onset: Interval,
    incident: str | None = None,
    new_version: str | None = None,
    beside: BesideWords | None = None,
) -> str:
    """Return the sentence of an alert.

    Parameters
    ----------
    root : ShownFinding
        What explains the rest.
    others : sequence of ShownFinding
        All other findings that the alert shows, in their order.
    columns : sequence of str
        Columns beside the root's, whether their findings are shown or not.
    onset : Interval
    incident : str, optional
        Id of the alert that this one follows from.
    new_version : str, optional
        Version of the model whose first predictions are of the time of the onset.
    beside : BesideWords, optional
        What happened near the onset.
    """
    told = [root.clause, *_following(root, others, columns)]
    parts = [f"Since {_when(onset)}, {'; '.join(told)}."]
    if root.because:
        parts.append(f"{root.because[0].upper()}{root.because[1:]}.")
    if beside is not None:
        parts.append(beside.clause)
    only = where_from(root.origins or (), root.columns if _began_elsewhere(root, others) else ())
    advice = _advice(root, incident, new_version)
    if beside is not None and beside.look_at is not None and incident is None:
        advice = f"Look first at {beside.look_at}."
    parts += [text for text in (only, _how_bad(root, others), _how_sure(root), advice) if text]
    return " ".join(parts)


def _began_elsewhere(root: ShownFinding, others: Sequence[ShownFinding]) -> bool:
    """Whether another finding that counts has, or may have, other origins than the root."""

    def named(each: ShownFinding) -> set[tuple[str, str]]:
        return {(origin.dimension, origin.value) for origin in each.origins or ()}

    return any(named(each) != named(root) for each in others if each.summary.severity != "info")


def _when(onset: Interval) -> str:
    """Return an interval in UTC; the date once where it is the same, with seconds where the minute is the same."""
    begin, end = (rfc3339(time_ms) for time_ms in onset)
    if begin[:16] == end[:16]:
        return f"between {begin[11:19]} and {end[11:19]} on {begin[:10]} (UTC)"
    if begin[:10] == end[:10]:
        return f"between {begin[11:16]} and {end[11:16]} on {begin[:10]} (UTC)"
    return f"between {begin[:10]} {begin[11:16]} and {end[:10]} {end[11:16]} (UTC)"


def _following(root: ShownFinding, others: Sequence[ShownFinding], columns: Sequence[str]) -> list[str]:
    """Return what changed with the root: columns by number, what the model says, and what is of no column."""
    told: list[str] = []
    rest = [each for each in others if each.summary.severity != "info"]
    first = next((each for each in rest if len(columns) == 1 and columns[0] in each.columns), None)
    if first is not None:
        told.append(f"{first.what} with it ({first.detail})" if first.detail else f"{first.what} with it")
    elif columns:
        named = ", ".join(f"`{name}`" for name in columns[:_NAMED])
        more = f" and {len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
        which = "1 more column has" if len(columns) == 1 else f"{len(columns)} more columns have"
        told.append(f"{which} changed with it: {named}{more}")
    if root.summary.role not in _OF_MODEL:
        of_model = [each for each in rest if each.summary.role in _OF_MODEL]
        told += [
            f"{each.what} as well ({each.detail})" if each.detail else f"{each.what} as well" for each in of_model[:1]
        ]
    told += [each.clause for each in rest if not each.columns and each.about != root.about][:1]
    return told


def _how_bad(root: ShownFinding, others: Sequence[ShownFinding]) -> str:
    if not root.summary.effect or root.summary.gate <= 0:
        return ""
    greatest = max((each.multiple for each in others if each.summary.severity != "info"), default=0.0)
    if greatest > root.multiple:
        return f"The largest change is {number(round(greatest, 1))} times the smallest that matters."
    if root.multiple < 1.05:  # noqa: PLR2004  # a number would say less
        return "The change is just large enough to matter."
    return f"The change is {number(round(root.multiple, 1))} times the smallest that matters."


def _how_sure(root: ShownFinding) -> str:
    p_value = root.summary.p_value
    if p_value is None:
        return "An e-detector found it, whose false alarms the budget bounds." if root.is_early else ""
    if p_value <= _SMALL:
        return "Chance does not explain it: unchanged data look like this in less than one of a million windows."
    return f"Unchanged data look like this in about one of {number(1 / p_value)} windows."


def _advice(root: ShownFinding, incident: str | None, new_version: str | None) -> str:
    if incident is not None:
        return _look_at(root, incident)
    if new_version is not None:
        return (
            f"The first predictions of version {new_version} are of that time: look first at what was deployed with it."
        )
    if not root.origins:
        return _look_at(root, incident)
    look = f"Look first at {source_of(root.origins)}."
    return f"{root.summary.message}. {look}" if root.root == "failure" else look


def _look_at(root: ShownFinding, incident: str | None) -> str:
    if incident is not None:
        return f"It follows from the problem of the alert {incident}: look there first."
    if root.root == "performance":
        return (
            "Nothing that the predictions show began at that time. Look first at the labels, and whether the same "
            "inputs still have the same outcome."
        )
    names = " and ".join(f"`{name}`" for name in root.columns[:_NAMED])
    if root.root == "schema change":
        return f"Look first at what writes {names or 'the events'}."
    if root.root == "failure":
        return f"{root.summary.message}."
    if root.summary.check == SILENT:
        return "Look first at the service of the model, and whether it is asked at all."
    place = _LOOK_AT[root.root]
    return f"Look first at {place.format(columns=names or 'the numeric features')}."
